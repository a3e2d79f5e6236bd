"""Paired training: a pixel loss between output and target, and photometric alignment (PAL)."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.data.sample import Batch
from restore_cli.losses.pixel import l1, pixel_loss
from restore_cli.methods.alignment import Alignment, Rho
from restore_cli.methods.base import Objective, Step, within
from restore_cli.methods.developed import developed
from restore_cli.methods.processes import mean_known
from restore_cli.methods.supervised.levels import LEVEL_STEPS, learn_levels
from restore_cli.methods.supervised.sources import NAMING_STEPS, learn_sources
from restore_cli.methods.window import check_window, windowed
from restore_cli.networks.amounts import amounts_error
from restore_cli.networks.base import Estimated, EstimatingNetwork, Network
from restore_cli.networks.draws import drawn
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.unet import UNet

_SHOWN = 0.5  # of the known amounts of a picture that is told any


class Supervised(Objective):
    """One network, one step.

    Args:
        network: what learns; one with a level (`info.level`) is also told that of the samples
            where it is known, and trained to estimate it.
        loss: a name in `PIXEL_LOSSES`.
        floor: of the loss "psnr", see there.
        sigma_weight: weight of the L1 error of the estimated noise level.
        blur_weight: weight of the L1 error of the estimated widths, px.
        blur_told: share of the pictures whose true widths are shown, where they are known: the
            network need not wait with undoing blur until it has learnt to see it.
        amounts_weight: weight of the error of the estimated amounts, see `amounts_error`.
        told: share of the pictures whose true amounts are shown, where they are known.
        sources_weight: weight of the cross-entropy of a linear map from what a guided network sees
            to the sources of the samples: its encoder learns what tells them apart. 0 leaves it
            out; the network names sources all the same, by what it has learnt for restoring.
        pal: weight alpha of the photometric alignment loss (Li et al., arXiv 2604.08172), which is
            added; 0 leaves it out.
        pal_eps: ridge of its fit, in squared units of the pictures, above 0.
        pal_rho: the distance after the fit; "loss" is that of `loss`.
        pal_mask: least and greatest value of the pixels that count for it; None counts all.
        pal_detach: take the fitted colour map as a constant.
        window: side in px of the part of each picture that is restored, at random, while the
            network is told of all of it (its global context): a wide view costs little, restoring
            is what costs. 0 restores all. A multiple of the network's.

    Raises:
        ValueError: unknown loss, a floor that is not above 0, a negative weight, a ridge that is
            not above 0, a weight of sources for a network that names none, or a window for a
            network without a global context or that is no multiple of the network's.
    """

    single_step = True
    needs_pairs = True

    def __init__(
        self,
        network: Network,
        *,
        loss: str = "l1",
        floor: float = 1e-4,
        sigma_weight: float = 0.1,
        blur_weight: float = 0.01,
        blur_told: float = 0.5,
        amounts_weight: float = 0.02,
        told: float = 0.5,
        sources_weight: float = 0.0,
        pal: float = 0.0,
        pal_eps: float = 1e-4,
        pal_rho: Rho = "loss",
        pal_mask: tuple[float, float] | None = None,
        pal_detach: bool = True,
        window: int = 0,
    ) -> None:
        if min(sigma_weight, blur_weight, amounts_weight, sources_weight) < 0:
            raise ValueError("weights of losses must be 0 or more")
        for name, share in (("blur_told", blur_told), ("told", told)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}; it must be a share from 0 to 1")
        check_window(network, window)
        super().__init__(network)
        self._loss = pixel_loss(loss, floor=floor)
        self._sigma_weight = sigma_weight
        self._blur_weight, self._blur_told = blur_weight, blur_told
        self._amounts_weight, self._told = amounts_weight, told
        self._window = window
        self._sources_weight = sources_weight
        if sources_weight:
            if not isinstance(network, GuidedUNet) or network.classifier is None:
                raise ValueError("sources_weight needs a guided network with names of sources")
            told_apart = network.classifier.weight.shape
            self.modules["sources"] = nn.Linear(told_apart[1], told_apart[0])
        self._align = Alignment(
            weight=pal, eps=pal_eps, rho=pal_rho, mask=pal_mask,
            detach=pal_detach, loss=loss, floor=floor,
        )  # fmt: skip
        self._estimates = (
            network if network.info.level and isinstance(network, EstimatingNetwork) else None
        )

    def steps(self, batch: Batch) -> Iterator[Step]:
        """Yield the one step.

        Args:
            batch: pairs, with the level that the network takes; for mosaics whose targets are
                finished pictures with `matrix`, see `developed`.
        """
        batch, whole = windowed(batch, self._window)
        target = batch.target
        output, context = self._output(batch, whole)
        restored = developed(output if isinstance(output, Tensor) else output.image, batch)
        pixel = self._loss(restored, target)
        total, terms = pixel, {"pixel": pixel.detach()}
        if self._align:
            aligned = self._align(restored, target, batch).mean()
            total, terms["pal"] = total + self._align.weight * aligned, aligned.detach()
        if not isinstance(output, Tensor):
            for name, weight, error in self._level_errors(output, batch):
                total, terms[name] = total + weight * error, error.detach()
        if not self._sources_weight:
            yield Step("network", total, terms if len(terms) > 1 else {})
            return
        named = self._naming_error(batch, context)
        terms["sources"] = named.detach()
        yield Step("network", total + self._sources_weight * named, terms, together=("sources",))

    @property
    def steps_after(self) -> float:
        """See `Objective`; sources are named by a pass forward, levels learnt by whole steps."""
        if isinstance(self.network, UNet) and self.network.levels is not None:
            return LEVEL_STEPS
        naming = isinstance(self.network, GuidedUNet) and self.network.classifier is not None
        return NAMING_STEPS if naming else 0.0

    def on_train_end(self, network: Network, batches: Iterable[Batch]) -> None:
        """Let a network learn what it can be told, or can say, besides: levels, names of sources.

        See `learn_levels` and `learn_sources`.
        """
        if isinstance(network, GuidedUNet):
            learn_sources(network, batches)
        if isinstance(network, UNet):
            learn_levels(network, batches, self._loss, window=self._window)

    def _output(self, batch: Batch, whole: Tensor) -> tuple[Tensor | Estimated, Tensor | None]:
        """What the network makes of a batch in one pass, and the global context it had.

        With its estimates where it has any.
        """
        network, estimating = self.network, self._estimates

        def plain() -> tuple[Tensor, Tensor | None]:
            context = network.global_context(whole)
            return network(batch.image, context=context), context

        if estimating is None:
            return within(self.modules["network"], plain)
        told = self._shown(batch)

        def estimated() -> tuple[Estimated, Tensor | None]:
            context = estimating.global_context(whole)
            return estimating.with_estimate(batch.image, told, context=context), context

        return within(self.modules["network"], estimated)

    def _naming_error(self, batch: Batch, context: Tensor | None) -> Tensor:
        """Cross-entropy of the sources by what the network sees; 0 where no source is known."""
        network = self.network
        assert isinstance(network, GuidedUNet)
        assert context is not None
        told = self.modules["sources"](network.seen(context)).float()
        if batch.source is None:
            return told.sum() * 0
        errors = F.cross_entropy(told, batch.source.clamp(min=0), reduction="none")
        return mean_known(errors, batch.source >= 0)

    def _shown(self, batch: Batch) -> Tensor:
        """The levels that the network is told, NaN where it has to estimate them."""
        match self.network.info.level:
            case "blur":
                return _partly(batch.blur, self._blur_told)
            case "amounts":
                some = _partly(batch.amounts, self._told)
                # Not all of a picture's either: a user tells one.
                shown = drawn(torch.empty(some.shape), torch.rand_like) < _SHOWN
                return torch.where(shown.to(some.device), some, torch.nan)
            case _:
                return batch.sigma

    def _level_errors(self, output: Estimated, batch: Batch) -> Iterator[tuple[str, float, Tensor]]:
        """Name, weight and L1 error of what the network estimated."""
        level = output.level.float()
        match self.network.info.level:
            case "blur":
                yield "blur", self._blur_weight, _known_error(level, batch.blur)
            case "amounts":
                known = ~batch.amounts.isnan()
                squares = amounts_error(level, torch.where(known, batch.amounts, 0.0))
                yield "amounts", self._amounts_weight, mean_known(squares, known)
                if output.noise is not None:
                    error = _known_error(output.noise.float(), batch.noise)
                    yield "noise", self._sigma_weight, error
            case _:
                yield "noise", self._sigma_weight, l1(level, batch.noise)


def _partly(values: Tensor, share: float) -> Tensor:
    """Values (B, N), NaN for all but a random share of the pictures.

    The draw comes from torch's global generator, which the loop seeds for each step.
    """
    kept = drawn(torch.empty(len(values), 1), torch.rand_like) < share
    return torch.where(kept.to(values.device), values, torch.nan)


def _known_error(estimated: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error over the values that are known, not NaN; 0 of none."""
    known = ~truth.isnan()
    return mean_known((estimated - torch.where(known, truth, 0.0)).abs(), known)
