"""What becomes of a picture: the result, and how it was computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Image = TypeVar("Image", "Tensor", NDArray[np.float32])
"""A picture in host memory, (3, H, W) float32: batches pass on arrays, and need no torch for it."""


@dataclass(frozen=True, slots=True)
class Restored(Generic[Image]):
    """A restored picture and how it was computed.

    Attributes:
        image: (3, H, W) float32 on the CPU, in [0, 1]; of upscalers (3, scale H, scale W). A tensor
            or an array, as what was given.
        tile: side of the windows in px; None where the picture went through whole.
        device: the device that computed it, e.g. "cuda:0".
        precision: "fp32", "bf16" or "fp16".
        notes: one sentence for each thing that did not go as asked, for the user to read.
        details: what the network says of the picture, for programs: where it tells degradations,
            `degradation`, the likeliest, and `degradations`, how likely each is; of upscalers
            `scale`.
        backend: "torch" or "openvino"; of pictures that no network computed, who made them, such
            as "libraw".
    """

    image: Image
    tile: int | None
    device: str
    precision: str
    notes: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict[str, object])
    backend: str = "torch"
