"""Unpaired dehazing by orthogonal decoupling and weighted contrast: ODCR."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.data.sample import Batch
from restore_cli.losses.patchnce import weighted_patch_nce
from restore_cli.losses.pixel import l1
from restore_cli.methods.base import Objective, Step, within
from restore_cli.methods.contrastive import adversarial_loss, feature_network
from restore_cli.methods.frozen import frozen
from restore_cli.networks.base import Network
from restore_cli.networks.discriminators import PatchDiscriminator
from restore_cli.networks.patches import (
    FeatureClassifier,
    PatchHeads,
    draw_patch_ids,
    gather_patches,
)


class Odcr(Objective):
    """Orthogonal decoupling contrastive regularisation (Wang et al., CVPR 2024).

    Features of places go through orthogonal heads, and a classifier scores which of their channels
    speak of haze. The output should agree with clear pictures in these, with its own input in the
    others. There is no public code; the formulas are those of the authors' slides. Steps:
    discriminator, then network, heads and classifier together.

    Args:
        network: one whose features can be read (`networks.cut.CutGenerator`).
        contrast: weight of the weighted PatchNCE.
        classify: weight of the classifier's cross-entropy.
        identity: weight of the L1 distance that clear pictures are changed by.
        repel_clear: let clear places repel in the channels that do not speak of clarity, as
            printed (the terms 1 - w_c); without, they only attract.
        weight_temperature: of the channels' weights, which are standardised first (ours).
        printed: weigh the place in the hazy input as the formula is printed, by its haze-*related*
            channels; otherwise by the others, as the text says.
        adversarial: a name in `ADVERSARIAL`.
        patches: random places of each feature layer.
        temperature: of the contrast.
        features: length of the heads' vectors.
        discriminator_width: channels of the discriminator's first layer.
        discriminator_layers: its halvings.
        discriminator_antialias: whether it blurs before them, as published; a quarter of the time
            without.

    Raises:
        ValueError: a network without features, an unknown adversarial loss, or a weight below 0.
    """

    single_step = False
    needs_pairs = False

    def __init__(
        self,
        network: Network,
        *,
        contrast: float = 1.0,
        classify: float = 1.0,
        identity: float = 5.0,
        repel_clear: bool = True,
        weight_temperature: float = 0.5,
        printed: bool = True,
        adversarial: str = "least-squares",
        patches: int = 256,
        temperature: float = 0.07,
        features: int = 256,
        discriminator_width: int = 64,
        discriminator_layers: int = 3,
        discriminator_antialias: bool = True,
    ) -> None:
        if min(contrast, classify, identity) < 0:
            raise ValueError("weights of losses must be 0 or more")
        super().__init__(network)
        self._generator = feature_network(network)
        channels = self._generator.feature_channels
        self._heads = PatchHeads(channels, features=features, orthogonal=True)
        self.modules["heads"] = self._heads
        self.modules["classifier"] = FeatureClassifier(channels, temperature=weight_temperature)
        self.modules["discriminator"] = PatchDiscriminator(
            width=discriminator_width,
            layers=discriminator_layers,
            antialias=discriminator_antialias,
        )
        self._adversarial = adversarial_loss(adversarial)
        self._weights = {"nce": contrast, "classifier": classify, "identity": identity}
        self._printed, self._repel_clear = printed, repel_clear
        self._patches, self._temperature = patches, temperature

    def steps(self, batch: Batch) -> Iterator[Step]:
        """Yield the discriminator's step, then that of all others.

        Args:
            batch: `image` (hazy) and `target` (clear) are of different photos.
        """
        hazy, clear = batch.image, batch.target
        discriminator = self.modules["discriminator"]
        output = within(self.modules["network"], lambda: self._generator(torch.cat([hazy, clear])))
        generated, same = output.chunk(2)
        loss = self._adversarial.discriminator(
            discriminator(clear), discriminator(generated.detach())
        )
        yield Step("discriminator", loss, {"discriminator": loss.detach()})
        with frozen(discriminator):
            fooled = self._adversarial.generator(discriminator(generated))
        contrast, classified, accuracy = self._decoupled(generated, hazy, clear)
        parts = {"nce": contrast, "classifier": classified, "identity": l1(same, clear)}
        total = fooled + sum(self._weights[name] * part for name, part in parts.items())
        terms = {"gan": fooled.detach()} | {name: part.detach() for name, part in parts.items()}
        terms["accuracy"] = accuracy
        yield Step("network", total, terms, together=("heads", "classifier"))

    def _decoupled(
        self, generated: Tensor, hazy: Tensor, clear: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The weighted contrast, the classifier's error and accuracy; means over layers, places."""
        network, classify = self.modules["network"], self.modules["classifier"]
        generator = self._generator
        found = within(network, lambda: generator.features(generated))
        patch_ids = draw_patch_ids(found, self._patches)
        with torch.no_grad():
            given = within(network, lambda: generator.features(torch.cat([hazy, clear])))
        origin = gather_patches(given, patch_ids)
        vectors = self.modules["heads"](
            [torch.cat(pair) for pair in zip(gather_patches(found, patch_ids), origin, strict=True)]
        )
        # The classifier learns from what is known, where a feature comes from, and is alone in it.
        turned = [self._heads.linear(index).detach() for index in range(len(origin))]
        answers = classify(origin, turned)
        contrasts: list[Tensor] = []
        errors: list[Tensor] = []
        right: list[Tensor] = []
        for vector, (scores, weights) in zip(vectors, answers, strict=True):
            query, key, other = vector.chunk(3)
            labels = torch.zeros_like(scores)
            labels[: len(hazy), :, 0] = 1
            labels[len(hazy) :, :, 1] = 1
            errors.append(F.binary_cross_entropy_with_logits(scores, labels))
            right.append(((scores.detach() > 0) == (labels > 0)).float().mean())
            key_weight, other_weight = weights[0][: len(hazy)], weights[1][len(hazy) :]
            contrasts.append(
                weighted_patch_nce(
                    query,
                    key,
                    key_weight if self._printed else 1 - key_weight,
                    other,
                    other_weight,
                    temperature=self._temperature,
                    repel_clear=self._repel_clear,
                ).mean()
            )
        means = [torch.stack(parts).mean() for parts in (contrasts, errors, right)]
        return means[0], means[1], means[2]
