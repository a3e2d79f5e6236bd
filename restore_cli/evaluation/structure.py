"""Structural similarity, on one scale and on several."""

from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from restore_cli.evaluation.fidelity import check_shapes, check_smallest_side

WINDOW = 11
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 of the paper, data range L = 1

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang et al. 2003, section 3.2)."""
SMALLEST_FOR_SCALES = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
"""161: halved four times, rounding up, the window still fits."""

# Rows and columns of one step. On a CPU the ten or so intermediate maps should stay in the cache,
# and below 2^15 values torch runs an operation in the calling thread alone: the hundreds of short
# operations of a picture would else each wait for all cores, which are often busy. A GPU wants
# few large kernels, but not all of its memory.
_CPU_TILE = (64, 511)
_GPU_TILE = (4096, 4096)


def ssim(output: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity of each picture, as published.

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity":
    a Gaussian window of 11 x 11 pixels with sigma 1.5, K1 = 0.01, K2 = 0.03, data range 1,
    population variances, and only windows that lie wholly inside the picture. Channels are
    scored one by one and averaged. Computed in float64: the variance of a bright flat area is a
    small difference of large numbers.

    Args:
        output: (B, C, H, W), values in [0, 1]; H and W at least 11.
        reference: the same shape.

    Returns:
        (B,) float64, 1 where the two are equal.

    Raises:
        RestoreError: the shapes differ, or the pictures are smaller than the window.
    """
    check_shapes(output, reference)
    check_smallest_side(output, WINDOW, metric="SSIM")
    similarity, _ = _mean_similarity(output, reference)
    return similarity.mean(dim=1)


def ms_ssim(output: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity over five scales.

    Wang, Simoncelli, Bovik 2003, "Multi-scale structural similarity for image quality
    assessment", eq. 7: contrast and structure of the four finer scales and the whole SSIM of the
    coarsest, each to the power of its published weight. Between scales pictures are averaged over
    blocks of 2 x 2; an odd last row or column makes a block of its own, as the authors' MATLAB
    code (symmetric border) does. Window and constants are those of `ssim`. Channels are scored
    one by one and averaged. A negative factor, which has no real power, counts as 0.

    Arguments, result and errors are those of `ssim`; H and W are at least 161, for five scales.
    """
    check_shapes(output, reference)
    check_smallest_side(output, SMALLEST_FOR_SCALES, metric="MS-SSIM")
    output, reference = output.double(), reference.double()
    product = torch.ones(output.shape[:2], dtype=torch.float64, device=output.device)
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            output, reference = _halve(output), _halve(reference)
        similarity, contrast = _mean_similarity(output, reference)
        factor = similarity if scale == len(SCALE_WEIGHTS) - 1 else contrast
        product = product * factor.clamp(min=0) ** weight
    return product.mean(dim=1)


def _mean_similarity(output: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Means over all windows of SSIM and of its contrast-structure part, each (B, C) float64."""
    channels = output.shape[:2]
    first, second = output.flatten(0, 1), reference.flatten(0, 1)
    totals = torch.zeros(2, len(first), dtype=torch.float64, device=output.device)
    for planes, rows, columns in _tiles(first):
        tile = (planes, rows, columns)
        luminance, contrast = _similarity_maps(first[tile], second[tile])
        totals[1, planes] += contrast.sum(dim=(1, 2))
        totals[0, planes] += luminance.mul_(contrast).sum(dim=(1, 2))
    height, width = first.shape[-2:]
    totals /= (height - WINDOW + 1) * (width - WINDOW + 1)
    similarity, contrast = totals.unflatten(1, channels)
    return similarity, contrast


def _similarity_maps(output: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance and contrast-structure terms of every window, (N, H - 10, W - 10) each."""
    output, reference = output.double(), reference.double()
    # From the sum s and the difference d of the two pictures, four windowed means are enough:
    # 2 x y = (s^2 - d^2) / 2 and x^2 + y^2 = (s^2 + d^2) / 2; with x, y it takes five.
    total, difference = output + reference, output - reference
    mean_total, mean_difference = _windowed_mean(total), _windowed_mean(difference)
    variance_total = _windowed_mean(total.square_())
    variance_difference = _windowed_mean(difference.square_())
    square_total, square_difference = mean_total.square_(), mean_difference.square_()
    variance_total.sub_(square_total)
    variance_difference.sub_(square_difference)
    return (
        _ratio(square_total, square_difference, 2 * C1),
        _ratio(variance_total, variance_difference, 2 * C2),
    )


def _ratio(total: Tensor, difference: Tensor, constant: float) -> Tensor:
    """(total - difference + constant) / (total + difference + constant); the inputs are lost."""
    numerator = (total - difference).add_(constant)
    return numerator.div_(total.add_(difference).add_(constant))


def _windowed_mean(planes: Tensor) -> Tensor:
    """Gaussian mean around each pixel whose window is inside: (N, H, W) -> (N, H - 10, W - 10).

    Sums of shifted views along one axis, then along the other. In float64 on one CPU core this
    took a tenth of the time of torch's convolution, and less than half of OpenCV's sepFilter2D.
    """
    return _along(_along(planes, 1), 2)


def _along(planes: Tensor, axis: int) -> Tensor:
    """Gaussian mean along one axis, which gets 10 shorter."""
    # One unfold makes all views; eleven slices in Python took a quarter of the whole time.
    weights = _window()
    views = planes.unfold(axis, WINDOW, 1).unbind(-1)
    total = views[0] * weights[0]
    for view, weight in zip(views[1:], weights[1:], strict=True):
        total.add_(view, alpha=weight)
    return total


@cache
def _window() -> tuple[float, ...]:
    """The Gaussian's weights along one axis, 1 in sum."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-0.5 * (offsets / SIGMA).square())
    return tuple((weights / weights.sum()).tolist())


def _tiles(planes: Tensor) -> Iterator[tuple[slice, slice, slice]]:
    """Cut (N, H, W) into overlapping tiles, so that each window is inside exactly one."""
    count, height, width = planes.shape
    tallest, widest = _CPU_TILE if planes.device.type == "cpu" else _GPU_TILE
    rows, columns = min(height, tallest), min(width, widest)
    together = max(1, tallest * widest // (rows * columns))
    for first in range(0, count, together):
        for top in range(0, height - WINDOW + 1, rows - WINDOW + 1):
            for left in range(0, width - WINDOW + 1, columns - WINDOW + 1):
                yield (
                    slice(first, first + together),
                    slice(top, top + rows),
                    slice(left, left + columns),
                )


def _halve(image: Tensor) -> Tensor:
    # A block that the border cuts is averaged over the pixels that it has.
    return avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
