"""What every restoration network is: facts in one place, and one call with one result."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from restore_cli.networks.info import NetworkInfo

__all__ = [
    "Estimated",
    "EstimatingNetwork",
    "FeatureNetwork",
    "Network",
    "NetworkInfo",
    "completed",
    "known_or",
]


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

    def told_context(self, level: float, own: Callable[[], Tensor]) -> Tensor:
        """The global context (1, F) to restore pictures with that a user says this level of.

        Args:
            level: of `info.quantity`, in its unit, above 0. Only for networks that name a quantity
                and are not told it as an amount beside the picture.
            own: gives what `global_context` says of the picture, (1, F).

        Raises:
            ValueError: this network is not such a one.
            RestoreError: no levels were ever taught to it.
        """
        raise ValueError(f"this network has no contexts for levels such as {level:g}")

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
