"""Unpaired translation by contrast: CUT, FastCUT, and both from a single picture a side."""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from restore_cli.losses.patchnce import patch_nce
from restore_cli.methods.base import Batch, Turn
from restore_cli.methods.frozen import frozen
from restore_cli.methods.tapped import adversarial_loss, tap_channels
from restore_cli.networks.discriminators import PatchDiscriminator
from restore_cli.networks.patches import PatchHeads, draw_places, gather_places


class Cut:
    """Contrastive unpaired translation (Park et al., ECCV 2020).

    A critic tells made pictures from the targets' domain; the network fools it, and patches of its
    output must be recognisable among the patches of its input (PatchNCE). A batch's `image` and
    `target` are of different photos. Turns: critic, then network together with the heads.

    CUT is `nce = 1, identity = 1`; FastCUT is `nce = 10, identity = 0, flip = true`. With one
    picture in each folder it is single-image translation.

    Args:
        network: maps (B, 3, H, W) to the same, and returns its inner features with `only_taps`
            (`networks.cut.CutGenerator`).
        nce: weight lambda_X of the contrast between output and input.
        identity: weight lambda_Y of the same for pictures of the target domain, which should stay.
        flip: mirror the input at random, and compare with the features of the unmirrored one
            (FastCUT's equivariance).
        adversarial: a name in `ADVERSARIAL`.
        places: random places of each tapped layer that are contrasted.
        temperature: of the contrast.
        all_negatives: take negatives from the whole batch instead of the same picture.
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
        nce: float = 1.0,
        identity: float = 1.0,
        flip: bool = False,
        adversarial: str = "least-squares",
        places: int = 256,
        temperature: float = 0.07,
        all_negatives: bool = False,
        features: int = 256,
        critic_width: int = 64,
        critic_layers: int = 3,
        critic_antialias: bool = True,
    ) -> None:
        if nce < 0 or identity < 0:
            raise ValueError("weights of losses must be 0 or more")
        self.players: dict[str, nn.Module] = {
            "network": network,
            "heads": PatchHeads(tap_channels(network), features=features),
            "critic": PatchDiscriminator(
                width=critic_width, layers=critic_layers, antialias=critic_antialias
            ),
        }
        self._adversarial = adversarial_loss(adversarial)
        self._nce, self._identity, self._flip = nce, identity, flip
        self._places = places
        self._contrast: Callable[[Tensor, Tensor], Tensor] = lambda query, key: patch_nce(
            query, key, temperature=temperature, all_negatives=all_negatives
        )

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield the critic's turn, then that of network and heads.

        Args:
            batch: `image` and `target` (B, 3, H, W), of different photos.
        """
        source, target = batch["image"], batch["target"]
        mirrored = self._flip and bool(torch.rand(()) < 0.5)
        given = source.flip(3) if mirrored else source
        network, critic = self.players["network"], self.players["critic"]
        both = torch.cat([given, target]) if self._identity else given
        output = cast("Tensor", network(both))
        made = output[: len(source)]
        loss = self._adversarial.critic(critic(target), critic(made.detach()))
        yield Turn("critic", loss, {"critic": loss.detach()})
        with frozen(critic):
            fooled = self._adversarial.maker(critic(made))
        made = made.flip(3) if mirrored else made
        kept = self._nce * self._compare(made, source)
        total, terms = fooled + kept, {"gan": fooled.detach(), "nce": kept.detach()}
        if self._identity:
            same = self._identity * self._compare(output[len(source) :], target)
            # Halved together, as published, so that both sides weigh what one did.
            total, terms["identity"] = fooled + 0.5 * (kept + same), same.detach()
        yield Turn("network", total, terms, also=("heads",))

    def _compare(self, output: Tensor, picture: Tensor) -> Tensor:
        """Mean contrast over tapped layers and places."""
        network, heads = self.players["network"], self.players["heads"]
        found = cast("Sequence[Tensor]", network(output, only_taps=True))
        places = draw_places(found, self._places)
        with torch.no_grad():
            origin = network(picture, only_taps=True)
            keys = heads(gather_places(origin, places))
        queries = heads(gather_places(found, places))
        losses = [
            self._contrast(query, key).mean() for query, key in zip(queries, keys, strict=True)
        ]
        return torch.stack(losses).mean()
