"""Pictures filtered by gains on their frequencies, in operations that other runtimes have too."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def frequencies(size: int, *, like: Tensor, half: bool = False) -> Tensor:
    """Of a discrete Fourier transform, in waves a px, as `torch.fft.fftfreq` or `rfftfreq`.

    Args:
        size: px along the axis.
        like: gives the device.
        half: only those from 0 up, size // 2 + 1 of them.
    """
    count = size // 2 + 1 if half else size
    place = torch.arange(count, device=like.device)
    if not half:
        place = (place + size // 2) % size - size // 2
    return place.float() / size


def filtered(image: Tensor, gains: Sequence[Tensor]) -> list[Tensor]:
    """Multiply the spectrum of pictures by gains, and come back.

    By fast transforms; as products with matrices of waves where the network is traced for another
    runtime, few of which have transforms of any size.

    Args:
        image: (B, C, H, W) float32.
        gains: real, (B, 1, H, W // 2 + 1) each, of the frequencies of `rfft2`.

    Returns:
        (B, C, H, W) for each gain.
    """
    if torch.jit.is_tracing():  # pyright: ignore[reportPrivateImportUsage]
        return _filtered_by_matrices(image, gains)
    size = image.shape[-2:]
    spectrum = torch.fft.rfft2(image)
    return [torch.fft.irfft2(spectrum * gain, s=size) for gain in gains]


def _filtered_by_matrices(image: Tensor, gains: Sequence[Tensor]) -> list[Tensor]:
    height, width = image.shape[-2:]
    cos_down, sin_down = _waves(height, height, image)
    cos_across, sin_across = _waves(width, width // 2 + 1, image)
    # exp(-i a) = cos a - i sin a, along the rows and then along the columns.
    real, imaginary = image @ cos_across, -(image @ sin_across)
    real, imaginary = (
        cos_down @ real + sin_down @ imaginary,
        cos_down @ imaginary - sin_down @ real,
    )
    # All but the first wave, and the last one of an even width, stand for two.
    place = torch.arange(width // 2 + 1, device=image.device)
    twice = ((place % width) != 0) & (2 * place != width)
    share = (1 + twice.float()) / (height * width)
    out: list[Tensor] = []
    for gain in gains:
        weighted = gain * share
        re, im = real * weighted, imaginary * weighted
        re, im = cos_down @ re - sin_down @ im, cos_down @ im + sin_down @ re
        out.append(re @ cos_across.transpose(-1, -2) - im @ sin_across.transpose(-1, -2))
    return out


def _waves(size: int, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of `count` waves over `size` px, (size, count) each."""
    place = torch.arange(size, device=like.device)
    return _waves_at(place, torch.arange(count, device=like.device), size)


def _waves_at(place: Tensor, wave: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of waves, numbered as they fit into `size` px, at places from 0 up."""
    # The remainder of whole numbers keeps the angle exact.
    angle = (place[:, None] * wave[None] % size).float() * (2 * math.pi / size)
    return angle.cos(), angle.sin()


def local(gain: Tensor, size: tuple[int, int]) -> Tensor:
    """The gain of a filter that sees only what lies near, like one that may see all.

    Its kernel is cut off where it reaches half of the grid on which the gain was made, and fades
    from the half of that: so what it makes of a place is the same in every window around it.

    Args:
        gain: real and even, (B, 1, G, G) at `frequencies(G)` along both axes, G even.
        size: (H, W) of the pictures to filter.

    Returns:
        (B, 1, H, W // 2 + 1), as `filtered` takes it.
    """
    side = int(gain.shape[-1])  # a constant where this is traced
    reach = side // 2
    steps = torch.arange(side, device=gain.device)  # 0 stands for `reach` px before the place
    # Whole turns are added, so that no remainder of a number below 0 is asked for.
    cos, sin = _waves_at(steps + reach, steps, side)
    kernel = (cos @ gain @ cos.T - sin @ gain @ sin.T) / side**2
    far = (steps - reach).abs().float() / reach
    fade = 0.5 + 0.5 * torch.cos(math.pi * (2 * far - 1).clamp(min=0))
    kernel = kernel * fade[:, None] * fade
    height, width = size
    rows, columns = steps - reach + reach * height, steps - reach + reach * width
    down = torch.arange(height, device=gain.device)
    across = torch.arange(width // 2 + 1, device=gain.device)
    cos_down, sin_down = _waves_at(rows % height, down, height)
    cos_across, sin_across = _waves_at(columns % width, across, width)
    return cos_down.T @ kernel @ cos_across - sin_down.T @ kernel @ sin_across


def sinc(x: Tensor) -> Tensor:
    """sin(x) / x, 1 at 0, of values 0 or more."""
    return torch.where(x < 1e-2, 1 - x.square() / 6, x.sin() / x.clamp(min=1e-2))


def jinc(x: Tensor) -> Tensor:
    """2 J1(x) / x, 1 at 0, of values 0 or more, to 1e-7.

    J1 is the Bessel function of order one (Abramowitz and Stegun, 9.4.4 and 9.4.6).
    """
    near = _polynomial((x.clamp(max=3) / 3).square(), _NEAR)
    far = x.clamp(min=3)
    t = 3 / far
    phase = far + _polynomial(t, _PHASE)
    return 2 * torch.where(x < 3, near, _polynomial(t, _SIZE) * phase.cos() / far**1.5)


def _polynomial(x: Tensor, factors: Sequence[float]) -> Tensor:
    """Horner's scheme, the constant first."""
    value = torch.full_like(x, factors[-1])
    for factor in reversed(factors[:-1]):
        value = value * x + factor
    return value


_NEAR = (0.5, -0.56249985, 0.21093573, -0.03954289, 0.00443319, -0.00031761, 0.00001109)
_SIZE = (
    0.79788456, 0.00000156, 0.01659667, 0.00017105, -0.00249511, 0.00113653, -0.00020033,
)  # fmt: skip
_PHASE = (
    -2.35619449, 0.12499612, 0.00005650, -0.00637879, 0.00074348, 0.00079824, -0.00029166,
)  # fmt: skip
