"""CIEDE2000: colour differences as people see them."""

import math

import torch
from torch import Tensor

from restore_cli.evaluation.fidelity import check_shapes
from restore_cli.images.color import srgb_to_linear

# Linear sRGB to CIE XYZ, and the white to which Lab refers: D65, 2 degree observer.
SRGB_TO_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
WHITE_D65 = (0.95047, 1.0, 1.08883)

# Pixels at a time. On a CPU three values of each stay below 2^15, where torch runs an operation
# without waiting for other threads; a GPU's memory has to hold some thirty values of each.
_CPU_CHUNK, _GPU_CHUNK = 10_000, 2**20
_HIGH = 25.0**7


def mean_ciede2000(output: Tensor, reference: Tensor) -> Tensor:
    """Mean CIEDE2000 over the pixels of each picture, sRGB with D65 white, k_L = k_C = k_H = 1.

    Args:
        output: (B, C, H, W), sRGB in [0, 1], or one grey channel (taken as R = G = B).
        reference: the same shape.

    Returns:
        (B,) float64; 0 where the two are equal, about 1 at a just noticeable difference.

    Raises:
        RestoreError: the shapes differ.
    """
    check_shapes(output, reference)
    sums = torch.zeros(len(output), dtype=torch.float64, device=output.device)
    first, second = output.flatten(2), reference.flatten(2)
    together = _CPU_CHUNK if output.device.type == "cpu" else _GPU_CHUNK
    size = max(1, together // len(output))
    for some, others in zip(first.split(size, dim=2), second.split(size, dim=2), strict=True):
        sums += ciede2000(srgb_to_lab(some, dim=1), srgb_to_lab(others, dim=1), dim=1).sum(dim=1)
    return sums / first.shape[2]


def srgb_to_lab(image: Tensor, *, dim: int) -> Tensor:
    """CIE 1976 L*a*b* of sRGB values, white D65.

    Args:
        image: any shape; axis `dim` has R, G, B, or one grey value (taken as R = G = B).
        dim: that axis.

    Returns:
        float64 of the same shape with L (0..100), a, b along `dim`.
    """
    linear = srgb_to_linear(image.double()).movedim(dim, -1)
    linear = linear.expand(*linear.shape[:-1], 3)
    matrix = torch.tensor(SRGB_TO_XYZ, dtype=torch.float64, device=image.device)
    white = torch.tensor(WHITE_D65, dtype=torch.float64, device=image.device)
    ratio = linear @ matrix.T / white
    cut = (6 / 29) ** 3
    root = torch.where(
        ratio > cut, ratio.clamp(min=cut).pow(1 / 3), ratio / (3 * (6 / 29) ** 2) + 4 / 29
    )
    x, y, z = root.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=dim)


def ciede2000(first: Tensor, second: Tensor, *, dim: int) -> Tensor:
    """Colour difference CIEDE2000 of two Lab colours.

    Sharma, Wu, Dalal 2005, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations", eqs. 2 to 22; the numbers in the code
    are theirs. Angles are in radians here.

    Args:
        first: Lab, float64; axis `dim` has L, a, b.
        second: the same shape.
        dim: that axis.

    Returns:
        The shape without `dim`, at least 0.
    """
    l1, a1, b1 = first.unbind(dim)
    l2, a2, b2 = second.unbind(dim)
    mean_chroma = (torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * _high_chroma(mean_chroma)  # 1 + G, eq. 4 and 5
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    h1, h2 = (torch.atan2(b, a) % (2 * math.pi) for a, b in ((a1, b1), (a2, b2)))

    product = c1 * c2
    coloured = product > 0  # without chroma there is no hue
    turn = h2 - h1
    turn = torch.where(turn > math.pi, turn - 2 * math.pi, turn)
    turn = torch.where(turn < -math.pi, turn + 2 * math.pi, turn)
    hue_difference = 2 * product.sqrt() * torch.sin(turn * coloured / 2)

    lightness = (l1 + l2) / 2
    chroma = (c1 + c2) / 2
    hue = h1 + h2  # eq. 14: where one has no hue, the other's
    across = (h1 - h2).abs() > math.pi  # the shorter way passes through 0
    wrapped = torch.where(hue < 2 * math.pi, hue + 2 * math.pi, hue - 2 * math.pi)
    hue = torch.where(coloured, torch.where(across, wrapped, hue) / 2, hue)

    weight_hue = (
        1
        - 0.17 * torch.cos(hue - math.radians(30))
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + math.radians(6))
        - 0.20 * torch.cos(4 * hue - math.radians(63))
    )
    far = (lightness - 50).square()
    scale_l = 1 + 0.015 * far / (20 + far).sqrt()
    scale_c = 1 + 0.045 * chroma
    scale_h = 1 + 0.015 * chroma * weight_hue
    blue = torch.exp(-(((torch.rad2deg(hue) - 275) / 25).square()))
    rotation = -2 * _high_chroma(chroma) * torch.sin(math.radians(60) * blue)

    dl, dc, dh = (l2 - l1) / scale_l, (c2 - c1) / scale_c, hue_difference / scale_h
    return (dl.square() + dc.square() + dh.square() + rotation * dc * dh).clamp(min=0).sqrt()


def _high_chroma(chroma: Tensor) -> Tensor:
    seventh = chroma.pow(7)
    return (seventh / (seventh + _HIGH)).sqrt()
