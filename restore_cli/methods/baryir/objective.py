"""One network for every degradation, through a barycenter of its sources' latents (BaryIR)."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Literal, cast

import torch
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.errors import RestoreError
from restore_cli.losses.pixel import pixel_loss
from restore_cli.methods.alignment import Alignment, Rho
from restore_cli.methods.baryir.losses import (
    orthogonality,
    residual_contrast,
    source_weights,
    transport_cost,
)
from restore_cli.methods.baryir.potentials import Potentials
from restore_cli.methods.base import Objective, Step, within
from restore_cli.methods.frozen import frozen
from restore_cli.methods.processes import gathered, own
from restore_cli.methods.window import check_window, windowed
from restore_cli.networks.base import Network
from restore_cli.networks.latents import Decomposed, LatentNetwork, degradation_classifier
from restore_cli.recipe import DataSection

_FITTED_BATCHES = 100  # of the averaged network, to learn the names of the sources


class Baryir(Objective):
    """The maximin of BaryIR (Tang et al., arXiv 2602.23169), with K sources of degradation.

    Potentials f_k with sum_k lambda_k f_k = 0 and the network, which holds the barycenter map
    z_b = B(z_k), play

        min_f  E_k lambda_k f_k(z_b)
        min_B  E_k lambda_k [ c(z_k, z_b) - f_k(z_b) ] + restoration * loss(output, target)
        c = cost |z_k - z_b| + orthogonality cos(z_b, residuals)^2 + contrast InfoNCE(residuals)

    E_k is the mean over source k. A batch holds the sources as the data's mixture draws them, so
    each sample counts lambda_k / share_k: the published code counts lambda_k, and its potentials
    then have no lower bound where sources are of different sizes, even at the barycenter.

    The defaults are the published weights of the terms.

    The same network with `supervised` instead is the ablation: L1 alone.

    Args:
        network: one with latents (`networks.barycenter_unet`), built with the names of the data's
            sources (`network.sources`).
        loss: a name in `PIXEL_LOSSES`.
        floor: of the loss "psnr", see there.
        restoration: its weight, Sigma; the published 10,000 is nearly restoration alone.
        pal: weight of photometric alignment beside the loss; 0 leaves it out.
        pal_eps: its ridge, see `methods.alignment`, as of the next two.
        pal_rho: its distance.
        pal_mask: the values that count.
        cost: weight of the distance between the latents; the potentials must be steeper to move
            anything.
        potential: weight of f in the network's step; 0 leaves the potentials out.
        orthogonality: weight gamma of the squared cosines.
        contrast: weight gamma of the contrast.
        temperature: of the contrast.
        own: count a residual among those of its source, as published.
        pooled: contrast the residuals' means over places, less what all sources share: what
            degradations are told by (ours); False as published: all places, as they are.
        weights: lambda: "inverse" shares of the mixture, its "shares", "equal", or a number for
            each source in the order of the mixture.
        bound: weight of the mean squared f in the potentials' step, which keeps them within reason
            (ours; 0 as published).
        potential_steps: the potentials' steps for each of the network's; they cost little beside
            it. One as published.
        potential_width: channels inside each potential.
        potential_layers: halvings of the latents inside each.
        potential_positions: tell the potentials where in the picture a latent lies, as the
            published ones can see.
        window: side in px of the part of each picture that is restored, as in `supervised`.

    Raises:
        ValueError: a network without latents or names, an unknown loss, a negative weight, a
            temperature that is not above 0, or a window that the network cannot use.
    """

    single_step = False
    needs_pairs = True

    def __init__(
        self,
        network: Network,
        *,
        loss: str = "l1",
        floor: float = 1e-4,
        restoration: float = 10_000.0,
        pal: float = 0.0,
        pal_eps: float = 1e-4,
        pal_rho: Rho = "loss",
        pal_mask: tuple[float, float] | None = None,
        cost: float = 1.0,
        potential: float = 1.0,
        orthogonality: float = 0.05,
        contrast: float = 0.05,
        temperature: float = 0.07,
        own: bool = True,
        pooled: bool = False,
        weights: Literal["inverse", "shares", "equal"] | tuple[float, ...] = "inverse",
        bound: float = 0.0,
        potential_steps: int = 1,
        potential_width: int = 32,
        potential_layers: int = 2,
        potential_positions: bool = False,
        window: int = 0,
    ) -> None:
        if not isinstance(network, LatentNetwork) or network.means is None:
            raise ValueError(
                "needs a network with latents (network.name = 'baryir') that names the data's"
                " sources (network.sources)"
            )
        if min(restoration, cost, potential, orthogonality, contrast, bound) < 0:
            raise ValueError("weights of losses must be 0 or more")
        if temperature <= 0 or min(potential_steps, potential_width, potential_layers) < 1:
            raise ValueError("temperature must be above 0; potential_* must be 1 or more")
        check_window(network, window)
        super().__init__(network)
        self._decomposing, self._means = network, network.means
        self._loss, self._restoration = pixel_loss(loss, floor=floor), restoration
        self._align = Alignment(
            weight=pal, eps=pal_eps, rho=pal_rho, mask=pal_mask, loss=loss, floor=floor
        )
        self._cost, self._potential = cost, potential
        self._orthogonality, self._contrast = orthogonality, contrast
        self._temperature, self._own, self._pooled = temperature, own, pooled
        self._rule, self._bound = weights, bound
        self._steps, self._window = potential_steps, window
        self._shape = {"width": potential_width, "layers": potential_layers}
        self._positions = potential_positions
        self._scales = torch.ones(len(self._means.names))

    def on_fit_start(self, data: DataSection) -> None:
        """Learn of the data's sources; the potentials are built here, before the first step.

        Args:
            data: names its sources.

        Raises:
            RestoreError: not the sources that the network names, or weights that do not fit them.
        """
        shares = data.shares
        if tuple(shares) != self._means.names:
            raise RestoreError(
                f"the network's sources are {list(self._means.names)},"
                f" those of data.mixture {list(shares)}",
                hint="name the same in network.sources and, in this order, as `source` of the"
                " entries of data.mixture or data.sources",
            )
        try:
            weights = source_weights(list(shares.values()), self._rule)
        except ValueError as error:
            raise RestoreError(f"objective 'baryir': {error}") from error
        self._scales = (weights / torch.tensor(list(shares.values()))).float()
        if self._potential:
            self.modules["potentials"] = Potentials(
                weights.tolist(),
                channels=self._decomposing.latent_channels,
                **self._shape,
                positions=self._positions,
            )

    @property
    def steps_after(self) -> float:
        """See `Objective`: a pass forward, for which batches are drawn as for a step."""
        named = degradation_classifier(self._decomposing) is not None
        return 0.2 * _FITTED_BATCHES if named else 0.0

    @torch.no_grad()
    def on_train_end(self, network: Network, batches: Iterable[Batch]) -> None:
        """Let the averaged network learn to name the sources by the residuals that it leaves.

        It names none where a source is so rare that these batches lack it.

        Args:
            network: like the one that was trained.
            batches: with `source`; of the sequence the first 100.
        """
        classifier = degradation_classifier(network)
        if classifier is None or not isinstance(network, LatentNetwork):
            return
        residuals: list[Tensor] = []
        labels: list[Tensor] = []
        for batch in itertools.islice(batches, _FITTED_BATCHES):
            inside, whole = windowed(batch, self._window)
            seen = network.decomposed(inside.image, context=network.global_context(whole))
            residuals.append(seen.residual.float().mean(dim=(2, 3)))
            labels.append(_labels(batch))
        found = torch.cat(labels)
        if len(found.unique()) == len(classifier.names):
            classifier.fit(torch.cat(residuals), found)

    def steps(self, batch: Batch) -> Iterator[Step]:
        """Yield the potentials' steps, then the network's; one pass of the network serves both.

        Args:
            batch: pairs, with `source`.
        """
        batch, whole = windowed(batch, self._window)
        label, network = _labels(batch), self._decomposing
        scale = self._scales.to(label.device)[label]

        def compute() -> Decomposed:
            return network.decomposed(batch.image, context=network.global_context(whole))

        seen = within(self.modules["network"], compute)
        if self._potential:
            for _ in range(self._steps):
                yield self._potentials_step(seen.barycenter.detach(), label, scale)
        told = self._means.apart(seen.residual) if self._pooled else seen.residual
        image = seen.image.float()
        restored = self._loss(image, batch.target)
        terms = {"pixel": restored.detach()}
        if self._align:
            aligned = self._align(image, batch.target, batch).mean()
            restored, terms["pal"] = restored + self._align.weight * aligned, aligned.detach()
        # These two compare each sample with the whole batch, wherever it is.
        residuals, labels = gathered(seen.residual), gathered(label)
        crossing = orthogonality(gathered(seen.barycenter), residuals)
        company = residual_contrast(
            gathered(told), labels, temperature=self._temperature, own=self._own
        )
        parts = {
            "cost": (self._cost, transport_cost(seen.source, seen.barycenter)),
            "orthogonality": (self._orthogonality, own(crossing)),
            "contrast": (self._contrast, own(company)),
        }
        if self._potential:
            with frozen(self.modules["potentials"]):
                found = _own_potential(self.modules["potentials"](seen.barycenter), label)
            parts["potential"] = (-self._potential, found)
        total = self._restoration * restored
        for name, (weight, values) in parts.items():
            mean = (scale * values).mean()
            total, terms[name] = total + weight * mean, mean.detach()
        self._means.follow(residuals.detach(), labels)
        yield Step("network", total, terms)

    def _potentials_step(self, barycenter: Tensor, label: Tensor, scale: Tensor) -> Step:
        found = cast("Tensor", self.modules["potentials"](barycenter))
        dual = (scale * _own_potential(found, label)).mean()
        size = found.square().mean()
        return Step("potentials", dual + self._bound * size, {"dual": dual.detach()})


def _labels(batch: Batch) -> Tensor:
    if batch.source is None:
        raise RestoreError("objective 'baryir' needs a `source` for each entry of data.mixture")
    return batch.source


def _own_potential(found: Tensor, label: Tensor) -> Tensor:
    """f_k(z_b) of each sample's own source, (B,) of (B, K)."""
    return found.gather(1, label[:, None])[:, 0]
