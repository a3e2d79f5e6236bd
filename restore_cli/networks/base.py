"""What every restoration network is: facts in one place, and one call with one result."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInfo:
    """Facts about a network, for whoever runs or trains it.

    Attributes:
        multiple: what height and width must divide by, px.
        grid: px of the blocks that it works on, if they are larger: whole pictures may be of other
            sizes, but windows must meet its blocks.
        level: what it may be told of each picture beside the picture, and estimates by itself where
            it is told nothing (`EstimatingNetwork`): "sigma", the standard deviation of the noise
            on the scale of the pictures; "blur", its four widths in px; "amounts", how much there
            is of each degradation (`networks.amounts`); None, nothing.
        context: whether it is told what `global_context` says of the whole picture, so that every
            window of a picture may be told the same.
        input: "srgb", or "mosaic" of a Bayer sensor (`networks.isp`).
        quantity: of the amounts, the one that a user's single number is of; empty for none.
        scale: px of the result for one px of the picture, along each side; above 1 it upscales.
        smallest: what height and width must be at least, px.
        whole: whether it wants the picture whole: windows only where memory is short.
        formats: number formats in which it may be computed.
        foreign: whether its code is another project's: torch alone computes it, in the layout that
            torch has by default.
    """

    multiple: int = 1
    grid: int = 1
    level: Literal["sigma", "blur", "amounts"] | None = None
    context: bool = False
    input: Literal["srgb", "mosaic"] = "srgb"
    quantity: str = ""
    scale: int = 1
    smallest: int = 1
    whole: bool = False
    formats: tuple[Literal["fp32", "bf16", "fp16"], ...] = ("fp32", "bf16", "fp16")
    foreign: bool = False

    @property
    def takes_sigma(self) -> bool:
        """Whether its level is the noise's standard deviation, one number a picture."""
        return self.level == "sigma"

    @property
    def block(self) -> int:
        """What windows begin and end at multiples of, px; a multiple of `multiple`."""
        return math.lcm(self.multiple, self.grid)


class Network(nn.Module, ABC):
    """Maps pictures to restored pictures.

    Attributes:
        info: what it needs and takes.
    """

    info: NetworkInfo

    @abstractmethod
    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """Restore a batch.

        Args:
            image: (B, 3, H, W) in [0, 1]; H and W multiples of `info.multiple`.
            level: (B,) or (B, N), as `info.level` says; NaN where unknown, None where it is unknown
                for all.
            context: (B, F) what `global_context` says of the pictures that these are windows of;
                None takes `image` for the whole picture.

        Returns:
            (B, 3, `info.scale` H, `info.scale` W), not clamped.

        Raises:
            ValueError: a level or a context for a network that takes none.
        """

    def global_context(self, image: Tensor) -> Tensor | None:
        """What the network wants to know of whole pictures (B, 3, H, W) before it sees windows.

        Returns:
            (B, F), whose mean over patches of a picture speaks for it; None where it asks nothing.
        """
        return None

    def _check_told(self, level: Tensor | None, context: Tensor | None) -> None:
        if level is not None and self.info.level is None:
            raise ValueError("this network takes no level")
        if context is not None and not self.info.context:
            raise ValueError("this network takes no global context")

    if TYPE_CHECKING:

        def __call__(
            self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
        ) -> Tensor:
            """As `forward`; nn.Module says Any."""
            ...


class Estimated(NamedTuple):
    """A restored picture, and the level as the network estimates it, told or not.

    Attributes:
        image: (B, 3, H, W), not clamped.
        level: (B, 1, H, W) for "sigma"; (B, 4) for "blur"; (B, N) for "amounts".
        noise: (B, 1, H, W), for a network of amounts that also estimates the noise at each place.
    """

    image: Tensor
    level: Tensor
    noise: Tensor | None = None


class EstimatingNetwork(Network):
    """A network that takes a level, or estimates it."""

    @abstractmethod
    def with_estimate(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Estimated:
        """Restore a batch as `forward` does, and tell the estimate, which training compares.

        Raises:
            ValueError: this one was built without an estimator.
        """


class FeatureNetwork(Network):
    """A network whose inner features can be read.

    Attributes:
        feature_channels: of each map that `features` returns.
    """

    feature_channels: tuple[int, ...]

    @abstractmethod
    def features(self, image: Tensor) -> list[Tensor]:
        """Maps (B, `feature_channels[i]`, h, w) of pictures (B, 3, H, W) in [0, 1], finest first.

        Nothing after the last of these layers is computed.
        """


def completed(told: Tensor | None, estimated: Tensor) -> Tensor:
    """Levels to work with: what was told, and the estimate where that is NaN.

    Args:
        told: of the estimate's shape, or anything that broadcasts to it; None for nothing.
        estimated: by the network.
    """
    return estimated if told is None else torch.where(told.isnan(), estimated, told)


def known_or(told: Tensor | None, estimate: Callable[[], Tensor]) -> Tensor:
    """Levels to work with; nothing is estimated where all of them are told."""
    if told is not None and not bool(told.isnan().any()):
        return told
    return completed(told, estimate())
