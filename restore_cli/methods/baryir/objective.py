"""One network for every degradation, through a barycenter of its sources' latents (BaryIR)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, cast

import torch
from torch import Tensor, nn

from restore_cli.errors import RestoreError
from restore_cli.losses.pixel import pixel_loss
from restore_cli.methods.baryir.losses import (
    orthogonality,
    residual_contrast,
    source_weights,
    transport_cost,
)
from restore_cli.methods.baryir.potentials import Potentials
from restore_cli.methods.base import Batch, Turn
from restore_cli.methods.frozen import frozen
from restore_cli.methods.window import check_window, windowed
from restore_cli.networks.latents import Decomposed, source_means


class Baryir:
    """The maximin of BaryIR (Tang et al., arXiv 2602.23169), with K sources of degradation.

    Potentials f_k with sum_k lambda_k f_k = 0 and the network, which holds the barycenter map
    z_b = B(z_k), play

        min_f  E_k lambda_k f_k(z_b)
        min_B  E_k lambda_k [ c(z_k, z_b) - f_k(z_b) ] + restoration * loss(output, target)
        c = cost |z_k - z_b| + orthogonality cos(z_b, residuals)^2 + contrast InfoNCE(residuals)

    E_k is the mean over source k. A batch holds the sources as the data's mixture draws them, so
    each sample counts lambda_k / share_k: the published code counts lambda_k, and its potentials
    then have no lower bound where sources are of different sizes, even at the barycenter.

    The same network with `supervised` instead is the ablation: L1 alone.

    Args:
        network: returns its latents with `with_latents` (`networks.baryir`), and names the data's
            sources (`network.sources`).
        loss: a name in `PIXEL_LOSSES`.
        floor: of the loss "psnr", see there.
        restoration: its weight, Sigma; 10,000 as published is nearly restoration alone.
        cost: weight of the distance between the latents; the potentials must be steeper to move
            anything. 1 is published, beside a far larger `restoration`.
        potential: weight of f in the network's turn; 0 leaves the potentials out.
        orthogonality: weight gamma of the squared cosines.
        contrast: weight gamma of the contrast; 0.05 is published.
        temperature: of the contrast.
        own: count a residual among those of its source, as published.
        pooled: contrast the residuals' means over places, less what all sources share: what
            degradations are told by (ours); False as published: all places, as they are.
        weights: lambda: "inverse" shares of the mixture, its "shares", "equal", or a number for
            each source in the order of the mixture.
        bound: weight of the mean squared f in the potentials' turn, which keeps them within reason
            (ours; 0 as published).
        potential_steps: potentials' turns for each of the network's; they cost little beside it,
            and with one (as published) the game may circle.
        potential_width: channels inside each potential.
        window: side in px of the part of each picture that is restored, as in `supervised`.

    Raises:
        ValueError: a network without latents or names, an unknown loss, a negative weight, a
            temperature that is not above 0, or a window that the network cannot use.
    """

    exported = "network"
    single_turn = False
    needs_pairs = True

    def __init__(
        self,
        network: nn.Module,
        *,
        loss: str = "l1",
        floor: float = 1e-4,
        restoration: float = 100.0,
        cost: float = 0.1,
        potential: float = 1.0,
        orthogonality: float = 0.05,
        contrast: float = 1.0,
        temperature: float = 0.07,
        own: bool = False,
        pooled: bool = True,
        weights: Literal["inverse", "shares", "equal"] | tuple[float, ...] = "inverse",
        bound: float = 1.0,
        potential_steps: int = 3,
        potential_width: int = 32,
        window: int = 0,
    ) -> None:
        means, channels = source_means(network), getattr(network, "latent_channels", None)
        if means is None or channels is None:
            raise ValueError(
                "needs a network with latents (network.name = 'baryir') that names the data's"
                " sources (network.sources)"
            )
        if min(restoration, cost, potential, orthogonality, contrast, bound) < 0:
            raise ValueError("weights of losses must be 0 or more")
        if temperature <= 0 or potential_steps < 1:
            raise ValueError("temperature must be above 0 and potential_steps 1 or more")
        check_window(network, window)
        self.players: dict[str, nn.Module] = {"network": network}
        self._means, self._channels = means, int(channels)
        self._loss, self._restoration = pixel_loss(loss, floor=floor), restoration
        self._cost, self._potential = cost, potential
        self._orthogonality, self._contrast = orthogonality, contrast
        self._temperature, self._own, self._pooled = temperature, own, pooled
        self._rule, self._bound = weights, bound
        self._steps, self._width, self._window = potential_steps, potential_width, window
        self._scales = torch.ones(len(means.names))

    def meet(self, shares: Mapping[str, float]) -> None:
        """Get to know the data's sources; the potentials are built here, before the first turn.

        Args:
            shares: of the samples by source, in the order of the labels.

        Raises:
            RestoreError: not the sources that the network names, or weights that do not fit them.
        """
        if tuple(shares) != self._means.names:
            raise RestoreError(
                f"the network's sources are {list(self._means.names)},"
                f" those of data.mixture {list(shares)}",
                hint="name the same in network.sources and, in this order, as `source` of the"
                " entries of data.mixture",
            )
        try:
            weights = source_weights(list(shares.values()), self._rule)
        except ValueError as error:
            raise RestoreError(f"objective 'baryir': {error}") from error
        self._scales = (weights / torch.tensor(list(shares.values()))).float()
        if self._potential:
            self.players["potentials"] = Potentials(
                weights.tolist(), channels=self._channels, width=self._width
            )

    @torch.no_grad()
    def settle(self, network: nn.Module, batches: Iterable[Batch]) -> None:
        """Let the averaged network learn to name the sources by the residuals that it leaves.

        It names none where a source is so rare that these batches lack it.

        Args:
            network: like the one that was trained.
            batches: `image` (B, 3, H, W) and `source` (B,); one at least.
        """
        residuals: list[Tensor] = []
        labels: list[Tensor] = []
        for batch in batches:
            seen = cast("Decomposed", network(batch["image"], with_latents=True))
            residuals.append(seen.residual.float().mean(dim=(2, 3)))
            labels.append(batch["source"])
        means, found = source_means(network), torch.cat(labels)
        if means is not None and len(found.unique()) == len(means.names):
            means.fit(torch.cat(residuals), found)

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield the potentials' turns, then the network's; one pass of the network serves both.

        Args:
            batch: `image` and `target` (B, 3, H, W), and `source` (B,), labels.
        """
        batch, whole = windowed(batch, self._window)
        label = batch["source"]
        scale = self._scales.to(label.device)[label]
        seen = cast(
            "Decomposed", self.players["network"](batch["image"], with_latents=True, **whole)
        )
        if self._potential:
            for _ in range(self._steps):
                yield self._potentials_turn(seen.barycenter.detach(), label, scale)
        told = self._means.apart(seen.residual) if self._pooled else seen.residual
        restored = self._loss(seen.image.float(), batch["target"])
        parts = {
            "cost": (self._cost, transport_cost(seen.source, seen.barycenter)),
            "orthogonality": (self._orthogonality, orthogonality(seen.barycenter, seen.residual)),
            "contrast": (
                self._contrast,
                residual_contrast(told, label, temperature=self._temperature, own=self._own),
            ),
        }
        if self._potential:
            with frozen(self.players["potentials"]):
                found = _own_potential(self.players["potentials"](seen.barycenter), label)
            parts["potential"] = (-self._potential, found)
        total, terms = self._restoration * restored, {"pixel": restored.detach()}
        for name, (weight, values) in parts.items():
            mean = (scale * values).mean()
            total, terms[name] = total + weight * mean, mean.detach()
        self._means.note(seen.residual.detach(), label)
        yield Turn("network", total, terms)

    def _potentials_turn(self, barycenter: Tensor, label: Tensor, scale: Tensor) -> Turn:
        found = cast("Tensor", self.players["potentials"](barycenter))
        dual = (scale * _own_potential(found, label)).mean()
        size = found.square().mean()
        return Turn("potentials", dual + self._bound * size, {"dual": dual.detach()})


def _own_potential(found: Tensor, label: Tensor) -> Tensor:
    """f_k(z_b) of each sample's own source, (B,) of (B, K)."""
    return found.gather(1, label[:, None])[:, 0]
