"""A U-Net behind a pixel-unshuffle, guided by how much of each degradation there is."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.networks.amounts import QUANTITIES, level_of
from restore_cli.networks.base import Estimated, EstimatingNetwork, NetworkInfo, completed
from restore_cli.networks.blocks import ChannelNorm, ResidualBlock, local_convolutions
from restore_cli.networks.draws import drawn
from restore_cli.networks.exposure import histogram, metered_stops, relit
from restore_cli.networks.latents import DegradationClassifier
from restore_cli.networks.unet import UNet

_FEATURES = 128
_DROPPED = 1 / 3
_STOPS = QUANTITIES.index("stops")
_DIM = (0.5, 1.0)  # estimated stops from which a meter begins to count, and counts in full
_METER_COUNTS = 0.8  # beside the estimate, which knows what a photo is of
_METER_ADDS = 2.0  # stops at most: black skies are no grey, however many a meter asks for
_SLOPE = 0.1  # of the heads' rectifiers below 0: a step can kill a plain one for every picture


class AmountEncoder(nn.Module):
    """What a whole picture is like: features, and from them the amounts of each degradation.

    Args:
        features: length of what convolutions say of it.
        bins: and of a histogram of its light beside that; 0 for none. Convolutions whose channels
            are normalised keep little of how bright a picture is, and of whether it has any white.
    """

    def __init__(self, features: int = _FEATURES, bins: int = 0) -> None:
        super().__init__()
        self.length = features + bins
        self._features = features
        self._bins = bins
        self.layers = nn.Sequential(
            *_halved(3, 24, kernel=5),
            *_halved(24, 48),
            ResidualBlock(48),
            *_halved(48, 96),
            ResidualBlock(96),
            *_halved(96, features),
        )
        self.amounts = nn.Sequential(
            nn.Linear(self.length, 96), nn.LeakyReLU(_SLOPE), nn.Linear(96, len(QUANTITIES))
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, H, W) in [0, 1] to (B, `length`); the mean over patches speaks for all.

        What convolutions say has mean 0 and deviation 1: none is larger than those met in training.
        """
        means = self.layers(image).mean(dim=(2, 3)).float()
        said = F.layer_norm(means, (self._features,))
        return torch.cat([said, histogram(image, self._bins)], dim=1) if self._bins else said

    def estimate(self, features: Tensor) -> Tensor:
        """Amounts (B, N) from features (B, `length`); a little below 0 counts as 0."""
        return _leaky(self.amounts(features).float())


class GuidedUNet(EstimatingNetwork):
    """Residual U-Net at half size, whose levels are modulated by amounts and by the whole picture.

    A U-Net at full size spends most of its time on its first level; behind a pixel-unshuffle the
    same time buys twice the channels and twice the view (Shi et al., CVPR 2016; FFDNet, Zhang et
    al., TIP 2018). It is told amounts, or estimates them: a picture for which the user tells one
    gets no global context, so that the amount decides alone. In training the context is left out
    of a third of the other pictures as well: a network that may rely on it switches itself off
    for every picture that looks unlike the simulated ones.

    Args:
        widths: channels at 1/2, 1/4, ... of the picture's size.
        depths: residual blocks at each of these sizes.
        guide: length of the vector that modulates the levels.
        quantity: which of `QUANTITIES` a level that the user tells is of; empty for none.
        sources: names of the kinds of samples by label, which it then tells apart; empty for none.
        relight: begin with the picture as it would be with the missing stops of light: exposure is
            one number, which convolutions in windows are slow to learn. For `quantity="stops"`.
        bins: of a histogram of the whole picture's light, from which amounts are estimated too.
        exposure: mean brightness (sRGB, 0 to 1) that a camera's meter exposes for. Where no level
            is told and the estimate says that light surely lacks, what the meter asks for counts
            more than the estimate, which shrinks towards the middle of what it was trained on and
            lights real photos too little; 0 leaves the meter out. Needs `relight` and `bins`.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (48, 96, 144, 192),
        depths: tuple[int, ...] = (2, 2, 2, 1),
        guide: int = 64,
        quantity: str = "",
        sources: tuple[str, ...] = (),
        relight: bool = False,
        bins: int = 0,
        exposure: float = 0.0,
    ) -> None:
        super().__init__()
        if exposure and not (relight and bins):
            raise ValueError("exposure needs relight and bins")
        if quantity and quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {quantity!r}; known: {', '.join(QUANTITIES)}")
        self.body = UNet(widths=widths, depths=depths, global_context=guide)
        # The body's own context is of no use: this network's guide takes its place.
        self.body.surveyor = None
        self._relight = relight
        self._exposure = exposure
        self._bins = bins
        self.body.head = nn.Conv2d(28 if relight else 16, widths[0], 3, padding=1)
        self.body.tail = nn.Conv2d(widths[0], 12, 3, padding=1)
        nn.init.zeros_(self.body.tail.weight)
        nn.init.zeros_(cast("Tensor", self.body.tail.bias))
        self.info = NetworkInfo(
            multiple=max(16, 2 ** len(widths)), level="amounts", context=True, quantity=quantity
        )
        self.encoder = AmountEncoder(bins=bins)
        self.noise = local_convolutions(32, inputs=3, outputs=1, slope=_SLOPE)
        seen = len(QUANTITIES) + self.encoder.length
        self.classifier = DegradationClassifier(sources, seen) if sources else None
        inputs = 2 * len(QUANTITIES) + self.encoder.length + 1
        self.guide = nn.Sequential(
            nn.Linear(inputs, guide), nn.LeakyReLU(_SLOPE), nn.Linear(guide, guide)
        )

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Restore a batch, see `Network.forward`; the level is (B, N) amounts."""
        return self.with_estimate(image, level, context=context).image

    def with_estimate(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Estimated:
        """See `EstimatingNetwork`; the estimates are (B, N) amounts and (B, 1, H, W) noise.

        In training they may lie a little below 0, so that the losses can pull them back.
        """
        context = self.global_context(image) if context is None else context
        features = context[:, : self.encoder.length]
        estimated = self.encoder.estimate(features)
        # Amounts are learnt from what the simulator knows, not from what pleases the restorer.
        metered, estimate_counts = self._metered(estimated.detach(), context)
        used = completed(level, metered).clamp(min=0)
        keep = self._kept(level, features) * estimate_counts
        told = torch.cat([used, used.sqrt(), features * keep, keep], dim=1)
        noise = self._noise(image)
        seen, base = [image, noise.clamp(min=0).to(image.dtype)], image
        if self._relight:
            base = relit(image, used[:, _STOPS] * level_of("stops", 1.0))
            seen.append(base)
        x = torch.cat(seen, dim=1)
        residual = self.body.residual(F.pixel_unshuffle(x, 2), self.guide(told.to(features.dtype)))
        restored = base + F.pixel_shuffle(residual, 2)
        if self.training:
            return Estimated(restored, estimated, noise)
        if self._exposure:
            # More light darkens nothing: skies that it drives into white came back with a grid.
            lit = used[:, _STOPS] * level_of("stops", 1.0) > _DIM[0]
            restored = torch.maximum(restored, image * lit[:, None, None, None])
        return Estimated(restored, estimated.clamp(min=0), noise.clamp(min=0))

    def global_context(self, image: Tensor) -> Tensor:
        """See `Network`: what the encoder says, and for a meter how often each brightness occurs.

        Of patches of a picture the mean counts, and shares can be averaged; their roots cannot.
        """
        features = self.encoder(image)
        if not self._exposure:
            return features
        return torch.cat([features, histogram(image, self._bins).square()], dim=1)

    def amounts(self, context: Tensor) -> Tensor:
        """Amounts (B, N) of pictures with this global context (B, F)."""
        estimated = self.encoder.estimate(context[:, : self.encoder.length])
        return self._metered(estimated, context)[0].clamp(min=0)

    def seen(self, context: Tensor) -> Tensor:
        """What `classifier` names sources by, (B, F + N) of pictures with this context (B, F).

        Amounts are learnt from what the simulator knows, not from what names sources.
        """
        features = context[:, : self.encoder.length]
        amounts = self.encoder.estimate(features).clamp(min=0)
        return torch.cat([features.float(), amounts.detach().sqrt()], dim=1)

    def sources(self, context: Tensor) -> Tensor | None:
        """How likely pictures with this context (B, F) are of each source, (B, K).

        None where it was built without names, or has not learnt to tell them.
        """
        classifier = self.trained_classifier()
        return None if classifier is None else classifier(self.seen(context)[:, :, None, None])

    def trained_classifier(self) -> DegradationClassifier | None:
        """What names sources; None where it was built without names, or has learnt none."""
        classifier = self.classifier
        return classifier if classifier is not None and classifier.is_fitted else None

    def _metered(self, estimated: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Estimated amounts (B, N), with the stops that a meter finds where some surely lack.

        In training the simulator says what is missing, whatever a meter would find.

        Returns:
            The amounts; and (B, 1), 1 where the estimate was kept and 0 where the meter counts,
            against which whatever else the context says of the light would speak.
        """
        kept = torch.ones_like(estimated[:, :1])
        if not self._exposure or self.training:
            return estimated, kept
        unit = level_of("stops", 1.0)
        stops = estimated[:, _STOPS] * unit
        sure = ((stops - _DIM[0]) / (_DIM[1] - _DIM[0])).clamp(0, 1)
        asked = metered_stops(context[:, -self._bins :].float(), self._exposure)
        more = (asked - stops).clamp(max=_METER_ADDS)
        # Of what may be nothing less is done: most well-lit photos are told a little.
        doubted = stops * (stops / _DIM[0]).clamp(0, 1)
        metered = (doubted + _METER_COUNTS * sure * more) / unit
        before, after = estimated[:, :_STOPS], estimated[:, _STOPS + 1 :]
        amounts = torch.cat([before, metered[:, None].to(estimated.dtype), after], dim=1)
        return amounts, (sure <= 0)[:, None].to(kept)

    def _noise(self, image: Tensor) -> Tensor:
        """The noise at each place, (B, 1, H, W) on the scale of the picture."""
        coarse = 0.1 * _leaky(self.noise(image).float())
        return F.interpolate(coarse, size=image.shape[-2:], mode="bilinear", align_corners=False)

    def _kept(self, level: Tensor | None, features: Tensor) -> Tensor:
        """1 for the pictures whose context counts, (B, 1)."""
        keep = features.new_ones(len(features), 1)
        if level is not None:
            keep = keep * level.isnan().all(dim=1, keepdim=True)
        if self.training:
            # Drawn on the CPU: the same whichever device trains.
            kept = drawn(torch.empty(len(features), 1), torch.rand_like) >= _DROPPED
            keep = keep * kept.to(keep)
        return keep


def _halved(inputs: int, outputs: int, *, kernel: int = 3) -> tuple[nn.Module, ...]:
    """A convolution to half the size; its channels are normalised at each place.

    Without, their sizes drifted apart by factors of thousands until one of them, the same for every
    picture, was all that was left of the description. A norm over places would spoil what windows
    and whole pictures have in common.
    """
    half = nn.Conv2d(inputs, outputs, kernel, stride=2, padding=kernel // 2)
    return half, ChannelNorm(outputs), nn.ReLU()


def _leaky(raw: Tensor) -> Tensor:
    """An estimate that is 0 or more, and never stuck at 0.

    Most pictures have none of a quantity. A softplus that is pulled towards 0 for them sinks until
    its gradient vanishes and it answers 0 for every picture; below 0 this one is still pulled
    back up, by a tenth of the slope.
    """
    return F.leaky_relu(raw, _SLOPE)
