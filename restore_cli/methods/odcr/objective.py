"""Unpaired dehazing by orthogonal decoupling and weighted contrast: ODCR."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.losses.patchnce import weighted_patch_nce
from restore_cli.losses.pixel import l1
from restore_cli.methods.base import Batch, Turn
from restore_cli.methods.frozen import frozen
from restore_cli.methods.tapped import adversarial_loss, tap_channels
from restore_cli.networks.discriminators import PatchDiscriminator
from restore_cli.networks.patches import FeatureClassifier, PatchHeads, draw_places, gather_places


class Odcr:
    """Orthogonal decoupling contrastive regularisation (Wang et al., CVPR 2024).

    Features of places go through orthogonal heads, and a classifier scores which of their channels
    speak of haze. The output should agree with clear pictures in these, with its own input in the
    others. There is no public code; the formulas are those of the authors' slides. Turns:
    critic, then network, heads and classifier together.

    Args:
        network: maps (B, 3, H, W) to the same, and returns its inner features with `only_taps`.
        contrast: weight of the weighted PatchNCE.
        classify: weight of the classifier's cross-entropy.
        identity: weight of the L1 distance that clear pictures are changed by.
        printed: weigh the place in the hazy input as the formula is printed, by its haze-*related*
            channels; otherwise by the others, as the text says.
        adversarial: a name in `ADVERSARIAL`.
        places: random places of each tapped layer.
        temperature: of the contrast.
        features: length of the heads' vectors.
        critic_width: channels of the critic's first layer.
        critic_layers: its halvings.
        critic_antialias: whether it blurs before them, as published; a quarter of the time without.

    Raises:
        ValueError: a network without taps, an unknown adversarial loss, or a weight below 0.
    """

    exported = "network"
    single_turn = False
    needs_pairs = False

    def __init__(
        self,
        network: nn.Module,
        *,
        contrast: float = 1.0,
        classify: float = 1.0,
        identity: float = 5.0,
        printed: bool = True,
        adversarial: str = "least-squares",
        places: int = 256,
        temperature: float = 0.07,
        features: int = 256,
        critic_width: int = 64,
        critic_layers: int = 3,
        critic_antialias: bool = True,
    ) -> None:
        if min(contrast, classify, identity) < 0:
            raise ValueError("weights of losses must be 0 or more")
        channels = tap_channels(network)
        self.players: dict[str, nn.Module] = {
            "network": network,
            "heads": PatchHeads(channels, features=features, orthogonal=True),
            "classifier": FeatureClassifier(len(channels), features=features),
            "critic": PatchDiscriminator(
                width=critic_width, layers=critic_layers, antialias=critic_antialias
            ),
        }
        self._adversarial = adversarial_loss(adversarial)
        self._weights = {"nce": contrast, "classifier": classify, "identity": identity}
        self._printed, self._places, self._temperature = printed, places, temperature

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield the critic's turn, then that of all others.

        Args:
            batch: `image` (hazy) and `target` (clear) (B, 3, H, W), of different photos.
        """
        hazy, clear = batch["image"], batch["target"]
        network, critic = self.players["network"], self.players["critic"]
        output = cast("Tensor", network(torch.cat([hazy, clear])))
        made, same = output.chunk(2)
        loss = self._adversarial.critic(critic(clear), critic(made.detach()))
        yield Turn("critic", loss, {"critic": loss.detach()})
        with frozen(critic):
            fooled = self._adversarial.maker(critic(made))
        contrast, classified = self._decoupled(made, hazy, clear)
        parts = {"nce": contrast, "classifier": classified, "identity": l1(same, clear)}
        total = fooled + sum(self._weights[name] * part for name, part in parts.items())
        terms = {"gan": fooled.detach()} | {name: part.detach() for name, part in parts.items()}
        yield Turn("network", total, terms, also=("heads", "classifier"))

    def _decoupled(self, made: Tensor, hazy: Tensor, clear: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted contrast, and the classifier's error; means over layers and places."""
        network, classify = self.players["network"], self.players["classifier"]
        found = cast("Sequence[Tensor]", network(made, only_taps=True))
        places = draw_places(found, self._places)
        with torch.no_grad():
            given = cast("Sequence[Tensor]", network(torch.cat([hazy, clear]), only_taps=True))
        vectors = self.players["heads"](
            [
                torch.cat(pair)
                for pair in zip(
                    gather_places(found, places), gather_places(given, places), strict=True
                )
            ]
        )
        contrasts: list[Tensor] = []
        errors: list[Tensor] = []
        # The classifier learns from what is known: where a feature comes from. Only the heads and
        # it see that gradient, since the keys' features were taken without.
        # The values of unit vectors are too small for it to learn from as they are.
        answers = classify([vector.shape[-1] ** 0.5 * vector[len(made) :] for vector in vectors])
        for vector, (scores, weights) in zip(vectors, answers, strict=True):
            query, key, other = vector.chunk(3)
            labels = torch.zeros_like(scores)
            labels[: len(hazy), :, 0] = 1
            labels[len(hazy) :, :, 1] = 1
            errors.append(F.binary_cross_entropy_with_logits(scores, labels))
            key_weight, other_weight = weights[0][: len(hazy)], weights[1][len(hazy) :]
            contrasts.append(
                weighted_patch_nce(
                    query,
                    key,
                    key_weight if self._printed else 1 - key_weight,
                    other,
                    other_weight,
                    temperature=self._temperature,
                ).mean()
            )
        return torch.stack(contrasts).mean(), torch.stack(errors).mean()
