"""Pictures as what computes them fastest: numpy's arrays on the CPU, tensors on a device.

Both have operators, `clip` and `mean(axis=...)`; what differs stands here. Numbers beside them are
Python's, which take the precision of the planes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Planes = Any
"""float32 values of any shape: an array, or a tensor on a device."""


def planes(tensor: Tensor) -> Planes:
    """A tensor's values, not copied."""
    return tensor.numpy() if tensor.device.type == "cpu" else tensor


def tensor(values: Planes) -> Tensor:
    """The inverse of `planes`."""
    return values if isinstance(values, Tensor) else torch.from_numpy(values)


def clip_(values: Planes, low: float = 0.0, high: float = 1.0) -> Planes:
    """Clip in place."""
    if isinstance(values, Tensor):
        return values.clamp_(low, high)
    return np.clip(values, low, high, out=values)


def drawn(array: npt.NDArray[Any]) -> Tensor:
    """What was drawn, for a `Change`: as float32."""
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def colour(values: Planes) -> Planes:
    """Numbers (3,) beside planes (3, H, W)."""
    return values[:, None, None]
