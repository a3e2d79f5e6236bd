"""What upscalers need beside a network: the picture enlarged without one, room for the result."""

import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.engine.memory import free_bytes
from restore_cli.errors import ExitCode, RestoreError

BYTES_PER_PIXEL = 40
"""Of a result: its floats, a band of them, its integers, and the file; see `batch.pipeline`."""


def enlarged(image: Tensor, scale: int) -> Tensor:
    """A picture enlarged by bicubic interpolation: what an upscaler's result is blended with.

    Args:
        image: (3, H, W) in [0, 1].
        scale: 1 gives a copy.

    Returns:
        (3, scale H, scale W) in [0, 1].
    """
    if scale == 1:
        return image.clone()
    large = F.interpolate(image[None], scale_factor=scale, mode="bicubic", align_corners=False)
    return large[0].clamp_(0.0, 1.0)


def check_room(image: Tensor, scale: int) -> None:
    """Refuse, before it is computed, an upscaler's result that does not fit into memory.

    Args:
        image: (3, H, W).
        scale: of the network; 1 needs no more than there is.

    Raises:
        RestoreError: with the sizes.
    """
    if scale == 1:
        return
    height, width = scale * image.shape[1], scale * image.shape[2]
    need, free = BYTES_PER_PIXEL * height * width, free_bytes(torch.device("cpu"))
    if need > free:
        raise RestoreError(
            f"the result of {width} x {height} px takes about {need / 1e9:.1f} GB of memory, and "
            f"{free / 1e9:.1f} GB are free",
            hint="cut the picture into pieces, or take a model of a smaller scale",
            exit_code=ExitCode.SOME_FAILED,
        )
