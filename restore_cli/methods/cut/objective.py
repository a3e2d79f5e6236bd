"""Unpaired translation by contrast: CUT, FastCUT, and both from a single picture a side."""

from collections.abc import Iterator

import torch
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.losses.patchnce import patch_nce
from restore_cli.methods.alignment import Alignment, Rho
from restore_cli.methods.base import Objective, Step, within
from restore_cli.methods.contrastive import adversarial_loss, feature_network
from restore_cli.methods.frozen import frozen
from restore_cli.methods.processes import gathered, own
from restore_cli.networks.base import Network
from restore_cli.networks.discriminators import PatchDiscriminator
from restore_cli.networks.patches import KeyBank, PatchHeads, draw_patch_ids, gather_patches


class Cut(Objective):
    """Contrastive unpaired translation (Park et al., ECCV 2020).

    A discriminator tells generated pictures from the targets' domain; the generator (the network)
    fools it, and patches of its output must be recognisable among the patches of its input
    (PatchNCE). A batch's `image` and `target` are of different photos. Steps: discriminator, then
    network together with the heads.

    CUT is `nce = 1, identity = 1`; FastCUT is `nce = 10, identity = 0, flip = true`. With one
    picture in each folder it is single-image translation.

    Args:
        network: one whose features can be read (`networks.cut.CutGenerator`).
        nce: weight lambda_X of the contrast between output and input.
        identity: weight lambda_Y of the same for pictures of the target domain, which should stay.
        pal: weight of photometric alignment of the output with its own input (ours): what no global
            change of colour explains is held together, colour is free; 0 leaves it out.
        pal_eps: its ridge, see `methods.alignment`, as of the next two.
        pal_rho: its distance.
        pal_mask: the values that count.
        flip: mirror the input at random, and compare with the features of the unmirrored one
            (FastCUT's equivariance).
        adversarial: a name in `ADVERSARIAL`.
        patches: random places of each feature layer that are contrasted.
        temperature: of the contrast.
        all_negatives: take negatives from the whole batch instead of the same picture.
        external: keys of earlier pictures that are negatives too, of each feature layer (the
            paper's external variant, eq. 4); 0 has none, as published.
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
        nce: float = 1.0,
        identity: float = 1.0,
        pal: float = 0.0,
        pal_eps: float = 1e-4,
        pal_rho: Rho = "loss",
        pal_mask: tuple[float, float] | None = None,
        flip: bool = False,
        adversarial: str = "least-squares",
        patches: int = 256,
        temperature: float = 0.07,
        all_negatives: bool = False,
        external: int = 0,
        features: int = 256,
        discriminator_width: int = 64,
        discriminator_layers: int = 3,
        discriminator_antialias: bool = True,
    ) -> None:
        if nce < 0 or identity < 0:
            raise ValueError("weights of losses must be 0 or more")
        if external < 0:
            raise ValueError("external must be 0 or more keys")
        super().__init__(network)
        self._generator = feature_network(network)
        channels = self._generator.feature_channels
        heads = PatchHeads(channels, features=features)
        self._bank = KeyBank(len(channels), size=external, features=features) if external else None
        if self._bank is not None:
            heads.add_module("bank", self._bank)  # kept with them
        self.modules["heads"] = heads
        self.modules["discriminator"] = PatchDiscriminator(
            width=discriminator_width,
            layers=discriminator_layers,
            antialias=discriminator_antialias,
        )
        self._align = Alignment(weight=pal, eps=pal_eps, rho=pal_rho, mask=pal_mask)
        self._adversarial = adversarial_loss(adversarial)
        self._nce, self._identity, self._flip = nce, identity, flip
        self._patches = patches
        self._temperature, self._all_negatives = temperature, all_negatives

    def steps(self, batch: Batch) -> Iterator[Step]:
        """Yield the discriminator's step, then that of network and heads.

        Args:
            batch: `image` and `target` are of different photos.
        """
        source, target = batch.image, batch.target
        mirrored = self._flip and bool(torch.rand(()) < 0.5)
        given = source.flip(3) if mirrored else source
        discriminator = self.modules["discriminator"]
        both = torch.cat([given, target]) if self._identity else given
        output = within(self.modules["network"], lambda: self._generator(both))
        generated = output[: len(source)]
        loss = self._adversarial.discriminator(
            discriminator(target), discriminator(generated.detach())
        )
        yield Step("discriminator", loss, {"discriminator": loss.detach()})
        with frozen(discriminator):
            fooled = self._adversarial.generator(discriminator(generated))
        kept = self._nce * self._compare(generated, source, mirrored=mirrored)
        total, terms = fooled + kept, {"gan": fooled.detach(), "nce": kept.detach()}
        if self._identity:
            same = self._identity * self._compare(output[len(source) :], target)
            # Halved together, as published, so that both sides weigh what one did.
            total, terms["identity"] = fooled + 0.5 * (kept + same), same.detach()
        if self._align:
            aligned = self._align(generated.float(), source, batch).mean()
            total, terms["pal"] = total + self._align.weight * aligned, aligned.detach()
        yield Step("network", total, terms, together=("heads",))

    def _compare(self, output: Tensor, picture: Tensor, *, mirrored: bool = False) -> Tensor:
        """Mean contrast over feature layers and places; a mirrored output's features turn back."""
        network, heads, generator = self.modules["network"], self.modules["heads"], self._generator
        found = within(network, lambda: generator.features(output))
        found = [feature.flip(3) for feature in found] if mirrored else found
        patch_ids = draw_patch_ids(found, self._patches)
        with torch.no_grad():
            origin = within(network, lambda: generator.features(picture))
            keys = heads(gather_patches(origin, patch_ids))
        queries = heads(gather_patches(found, patch_ids))
        losses = [
            self._contrast(query, key, None if self._bank is None else self._bank.of(index))
            for index, (query, key) in enumerate(zip(queries, keys, strict=True))
        ]
        if self._bank is not None:
            self._bank.push([gathered(key) for key in keys])
        return torch.stack(losses).mean()

    def _contrast(self, query: Tensor, key: Tensor, external: Tensor | None) -> Tensor:
        warmth = self._temperature
        if not self._all_negatives:
            return patch_nce(query, key, temperature=warmth, external=external).mean()
        everywhere = (gathered(query), gathered(key))
        found = patch_nce(*everywhere, temperature=warmth, all_negatives=True, external=external)
        return own(found).mean()
