"""Whether bf16 serves on this processor: measured, never guessed by its name."""

import functools
import time
import weakref

import torch
from torch.nn import functional as F

from restore_cli.engine.agreement import disagreement, results
from restore_cli.engine.backend import Backend
from restore_cli.engine.out_of_memory import is_out_of_memory
from restore_cli.networks.base import Network

_GAIN = 0.8
"""bf16 must take less than this share of fp32's time: a tie is not worth the lost digits."""
_SECONDS = 0.5
_CHANNELS, _SIDE = 64, 64
_known: weakref.WeakKeyDictionary[Network, bool] = weakref.WeakKeyDictionary()


def bf16_serves(network: Network, backend: Backend) -> bool:
    """Whether a network is faster in bf16 on this CPU and gives the same picture.

    Known once for each network of a process.

    Args:
        network: on the CPU.
        backend: torch's, of this network.
    """
    if network not in _known:
        _known[network] = bf16_pays_on_cpu() and _agrees(network, backend)
    return _known[network]


def _agrees(network: Network, backend: Backend) -> bool:
    try:
        exact, half = (results(backend, network, name) for name in ("fp32", "bf16"))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    # Equal to the last bit: nothing of it is computed in bf16, so nothing is gained.
    same = all(torch.equal(a, b) for a, b in zip(exact, half, strict=True))
    return not same and not disagreement(exact, half)


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
