"""What training knows of a picture, one at a time (`Sample`) and stacked (`Batch`).

What is unknown is NaN, and so is a level that was hidden on purpose; what a whole data set does not
have (sources, cameras) is None.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from restore_cli.networks.amounts import QUANTITIES

BLUR_DIRECTIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A training pair and what is known of it; a `Batch` has one more dimension everywhere.

    Attributes:
        image: (3, H, W), what the network sees.
        target: (3, H, W), what it should give; of something else where `paired` is 0.
        paired: (), 1 where image and target show the same, else 0.
        sigma: (), the noise level that the network may be told, on the scale of the pictures.
        noise: (1, H, W), the true deviation of the noise at each place.
        blur: (4,), standard deviations of the blur along 0, 45, 90 and 135 degrees, px.
        amounts: (N,), how much there is of each degradation, see `networks.amounts`.
        source: (), int64, the label of the degradation's source.
        real: (3, H, W), a picture of the target's domain that is not of the same thing.
        matrix: (3, 3), white-balanced camera values to linear sRGB, where `image` is a mosaic.
        rendering: (3, H, W), the plainest finished picture of that mosaic.
    """

    image: Tensor
    target: Tensor
    paired: Tensor
    sigma: Tensor
    noise: Tensor
    blur: Tensor
    amounts: Tensor
    source: Tensor | None = None
    real: Tensor | None = None
    matrix: Tensor | None = None
    rendering: Tensor | None = None

    @classmethod
    def of(
        cls,
        image: Tensor,
        target: Tensor,
        *,
        paired: bool | Tensor = True,
        sigma: Tensor | None = None,
        noise: Tensor | None = None,
        blur: Tensor | None = None,
        amounts: Tensor | None = None,
        source: Tensor | None = None,
        real: Tensor | None = None,
        matrix: Tensor | None = None,
        rendering: Tensor | None = None,
    ) -> Self:
        """What is known, and NaN for the rest; the arguments are the attributes."""
        lead = image.shape[:-3]

        def unknown(*shape: int) -> Tensor:
            return image.new_full((*lead, *shape), torch.nan)

        return cls(
            image=image,
            target=target,
            paired=paired if isinstance(paired, Tensor) else image.new_full(lead, float(paired)),
            sigma=unknown() if sigma is None else sigma,
            noise=unknown(1, *image.shape[-2:]) if noise is None else noise,
            blur=unknown(BLUR_DIRECTIONS) if blur is None else blur,
            amounts=unknown(len(QUANTITIES)) if amounts is None else amounts,
            source=source,
            real=real,
            matrix=matrix,
            rendering=rendering,
        )

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with every tensor changed."""
        there = {name: value for name, value in self.tensors().items() if value is not None}
        return replace(self, **{name: change(value) for name, value in there.items()})

    def tensors(self) -> dict[str, Tensor | None]:
        """All attributes by name."""
        return {
            "image": self.image,
            "target": self.target,
            "paired": self.paired,
            "sigma": self.sigma,
            "noise": self.noise,
            "blur": self.blur,
            "amounts": self.amounts,
            "source": self.source,
            "real": self.real,
            "matrix": self.matrix,
            "rendering": self.rendering,
        }


class Batch(Sample):
    """Samples, stacked: (B, ...) for every attribute."""

    __slots__ = ()

    @classmethod
    def stacked(cls, samples: Sequence[Sample]) -> "Batch":
        """Samples of one size and of one data set as a batch.

        Raises:
            ValueError: a part of them lacks what others have.
        """
        columns: dict[str, Any] = {}
        for name in samples[0].tensors():
            values = [sample.tensors()[name] for sample in samples]
            known = [value for value in values if value is not None]
            if known and len(known) < len(values):
                raise ValueError(f"some samples have {name}, and some have none")
            columns[name] = torch.stack(known) if known else None
        return cls(**columns)

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return self.mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        """The same in pinned memory; torch's loader asks for it by this name."""
        return self.mapped(lambda tensor: tensor.pin_memory())

    def cut(self, window: tuple[slice, slice]) -> Self:
        """The same rows and columns of all pictures and maps."""
        return self.mapped(lambda t: t[(..., *window)] if t.ndim == 4 else t)
