"""Whether this processor computes faster in bf16: measured, never guessed by its name."""

import functools
import time

import torch
from torch.nn import functional as F

_GAIN = 0.8
"""bf16 must take less than this share of fp32's time: a tie is not worth the lost digits."""
_SECONDS = 0.5
_CHANNELS, _SIDE = 64, 64


@functools.cache
def bf16_pays_on_cpu() -> bool:
    """Whether a convolution, forward and backward, is clearly faster in bf16 on this CPU.

    Takes about half a second the first time. The two formats take turns, and the fastest of each
    counts, so that other work on the machine harms both alike.
    """
    # Whoever asks may be in inference mode, which forbids the backward pass.
    with torch.inference_mode(mode=False), torch.enable_grad():
        image, weight = (
            torch.rand(shape).contiguous(memory_format=torch.channels_last)
            for shape in ((2, _CHANNELS, _SIDE, _SIDE), (_CHANNELS, _CHANNELS, 3, 3))
        )
        full = (image.requires_grad_(), weight.requires_grad_())
        half = (image.detach().bfloat16(), weight.detach().bfloat16())
        half = (half[0].requires_grad_(), half[1].requires_grad_())
        times = [float("inf"), float("inf")]
        for pair in (full, half):
            _convolve(*pair)  # the first call compiles its kernel
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end or times[0] == float("inf"):
            times = [min(t, _convolve(*p)) for t, p in zip(times, (full, half), strict=True)]
    return times[1] < _GAIN * times[0]


def _convolve(image: torch.Tensor, weight: torch.Tensor) -> float:
    """Seconds of one convolution, forward and backward."""
    start = time.perf_counter()
    F.conv2d(image, weight, padding=1).sum().backward()
    return time.perf_counter() - start
