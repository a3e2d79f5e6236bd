"""Facts about a network, for whoever runs or trains it; without torch."""

import math
from dataclasses import dataclass
from typing import Literal


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
        quantity: what a user's single number is of: one of the amounts, or where the level is none
            of amounts, what `told_context` knows contexts for; empty for none.
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
