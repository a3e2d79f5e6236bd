"""One affine map on all overlapping patches, averaged back: as patches, and as convolutions.

Mapping each p x p patch by the same matrix and averaging where patches overlap is linear and, away
from the border, the same everywhere: exactly one (2p - 1) x (2p - 1) convolution. Within p - 1 px
of the border fewer patches cover a value, and how many depends on where it lies; the values of each
border and corner strip come from kernels of their own (ours).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_BAND_VALUES = 1 << 22
"""Patch values of noise drawn at a time: 16 MB in float32, whatever the picture's size."""
_FEW = 8
"""With no more channels than this a CPU convolves pairs of rows, as twice the channels, faster."""


def map_patches(latents: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Map every overlapping patch and average: the definition, slow.

    Args:
        latents: (B, C, h, w), sides of a patch or more.
        matrix: (D, D), D = C p p, in the order of `torch.nn.functional.unfold`.
        offset: (D,).

    Returns:
        (B, C, h, w).
    """
    patch = _side(len(offset), latents.shape[1])
    size = (latents.shape[2], latents.shape[3])
    mapped = matrix @ F.unfold(latents, patch) + offset[:, None]
    return F.fold(mapped, size, patch) / coverage(latents, patch)


def coverage(latents: Tensor, patch: int) -> Tensor:
    """How many p x p patches cover each place of (B, C, h, w), as (1, 1, h, w)."""
    height, width = latents.shape[-2:]
    along = [_covering(length, patch, latents) for length in (height, width)]
    return (along[0][:, None] * along[1])[None, None]


def patch_noise(root: Tensor, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Noise whose patches have the covariance root root^T.

    Every overlapping patch gets noise of its own. Averaging n of them would divide their variance
    by n, so their sum is divided by the square root of n instead (ours): each value has the
    variance it should have, and correlations fade towards the size of a patch.

    Args:
        root: (D, D).
        like: (B, C, h, w), whose size, type and device the noise takes.
        generator: on the CPU; the same on every device.

    Returns:
        (B, C, h, w).
    """
    batch, channels, height, width = like.shape
    patch = _side(len(root), channels)
    tall, wide = max(height, patch), max(width, patch)
    root = root.to("cpu", like.dtype)
    noise = torch.zeros(batch, channels, tall, wide, dtype=like.dtype)
    columns = wide - patch + 1
    band = max(1, _BAND_VALUES // (columns * len(root) * batch))
    for top in range(0, tall - patch + 1, band):
        rows = min(band, tall - patch + 1 - top)
        white = torch.randn(batch, len(root), rows * columns, generator=generator, dtype=like.dtype)
        size = (rows + patch - 1, wide)
        noise[:, :, top : top + size[0]] += F.fold(root @ white, size, patch)
    return (noise / coverage(noise, patch).sqrt())[..., :height, :width].to(like.device)


class _Part(NamedTuple):
    """A range of rows (or columns) of the result that one kernel makes.

    Attributes:
        offsets: for each line that the kernel makes at once, the places that it may have in the
            patches that cover it.
        shift: for each such line, where its full kernel begins in the part's kernel.
        length: lines of input under the kernel.
    """

    offsets: list[range]
    shift: list[int]
    length: int


class FoldedMap:
    """`map_patches` of one matrix and offset, as convolutions; equal up to rounding.

    Args:
        matrix: (D, D), D = channels p p, as in `map_patches`.
        offset: (D,).
        channels: of the latents.
        dtype: in which it computes; kernels are summed in that of `matrix` first.
    """

    def __init__(
        self, matrix: Tensor, offset: Tensor, *, channels: int, dtype: torch.dtype = torch.float32
    ) -> None:
        self.channels, self.dtype = channels, dtype
        self.patch = p = _side(len(offset), channels)
        self._matrix, self._offset = matrix.to(dtype), offset.to(dtype)
        full, edge = range(p), 2 * p - 2
        # A border line i px from the edge is covered by patches that begin at 0..i.
        first = _Part([range(i + 1) for i in range(p - 1)], [i - p + 1 for i in range(p - 1)], edge)
        inner = _Part([full], [0], 2 * p - 1)
        last = _Part([range(i + 1, p) for i in range(p - 1)], list(range(p - 1)), edge)
        taps = matrix.view(channels, p, p, channels, p, p)
        shifts = offset.view(channels, p, p)

        def kernel(rows: _Part, columns: _Part) -> tuple[Tensor, Tensor]:
            return _kernel(taps, shifts, rows, columns, dtype)

        self._paired = channels <= _FEW
        self._inner = _in_pairs(*kernel(inner, inner)) if self._paired else kernel(inner, inner)
        # Upper and lower edge; left and right one, lying down; the corners.
        self._edges: list[tuple[Tensor, Tensor]] = []
        if p > 1:
            sides = [kernel(inner, ends) for ends in (first, last)]
            self._edges = [
                _stacked([kernel(ends, inner) for ends in (first, last)]),
                _stacked([(weight.mT, bias) for weight, bias in sides]),
                _stacked(
                    [kernel(rows, columns) for rows in (first, last) for columns in (first, last)]
                ),
            ]

    def __call__(self, latents: Tensor) -> Tensor:
        """Apply it.

        Args:
            latents: (B, C, h, w) of any size. Sides shorter than a patch are made that long
                by repeating the border, for the computation only.

        Returns:
            (B, C, h, w), in the `dtype` of the map.

        Raises:
            ValueError: another number of channels.
        """
        if latents.ndim != 4 or latents.shape[1] != self.channels:
            raise ValueError(f"expected (B, {self.channels}, h, w), got {tuple(latents.shape)}")
        self._move(latents.device)
        latents = latents.to(self._matrix.dtype)
        height, width = latents.shape[-2:]
        if min(height, width) < 2 * self.patch - 1:
            short = (max(0, self.patch - width), max(0, self.patch - height))
            padded = F.pad(latents, (0, short[0], 0, short[1]), mode="replicate")
            return map_patches(padded, self._matrix, self._offset)[..., :height, :width]
        # Everywhere first, as if there were no border; then the border over it.
        result = self._everywhere(latents)
        if self._edges:
            upright, lying, corners = self._edges
            self._strips(latents, result, upright)
            self._strips(latents.mT, result.mT, lying)
            self._corners(latents, result, corners)
        return result

    def _everywhere(self, latents: Tensor) -> Tensor:
        weight, bias = self._inner
        padding = (weight.shape[2] // 2, weight.shape[3] // 2)
        if not self._paired:
            return F.conv2d(latents, weight, bias, padding=padding)
        height = latents.shape[2]
        even = F.pad(latents, (0, 0, 0, 1)) if height % 2 else latents
        pairs = even.unflatten(2, (-1, 2)).transpose(2, 3).flatten(1, 2)
        made = F.conv2d(pairs, weight, bias, padding=padding).unflatten(1, (-1, 2))
        return made.transpose(2, 3).flatten(2, 3)[:, :, :height]

    def _strips(self, latents: Tensor, result: Tensor, edge: tuple[Tensor, Tensor]) -> None:
        """The rows less than a patch from the upper and the lower edge, without the corners."""
        (weights, biases), ring = edge, self.patch - 1
        ends = torch.stack([latents[:, :, : 2 * ring], latents[:, :, -2 * ring :]])
        windows = ends.unfold(4, 2 * ring + 1, 1).transpose(4, 5).flatten(2, 4)
        made = (weights @ windows + biases).unflatten(2, (-1, ring))
        result[:, :, :ring, ring:-ring] = made[0]
        result[:, :, -ring:, ring:-ring] = made[1]

    def _corners(self, latents: Tensor, result: Tensor, edge: tuple[Tensor, Tensor]) -> None:
        (weights, biases), ring = edge, self.patch - 1
        ends = (slice(2 * ring), slice(-2 * ring, None))
        windows = torch.stack([latents[:, :, rows, columns] for rows in ends for columns in ends])
        made = weights @ windows.flatten(2)[..., None] + biases
        places = [
            (r, c)
            for r in (slice(ring), slice(-ring, None))
            for c in (slice(ring), slice(-ring, None))
        ]
        for (rows, columns), corner in zip(places, made, strict=True):
            result[:, :, rows, columns] = corner.view(len(latents), -1, ring, ring)

    def _move(self, device: torch.device) -> None:
        if self._matrix.device == device:
            return
        self._matrix, self._offset = self._matrix.to(device), self._offset.to(device)
        self._inner = (self._inner[0].to(device), self._inner[1].to(device))
        self._edges = [(weight.to(device), bias.to(device)) for weight, bias in self._edges]


def _stacked(kernels: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Kernels (O, C, n, m) as matrices (N, 1, O, C n m), biases as (N, 1, O, 1)."""
    weights = torch.stack([weight.flatten(1) for weight, _ in kernels])
    return weights[:, None], torch.stack([bias for _, bias in kernels])[:, None, :, None]


def _in_pairs(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """(C, C, k, k) for single rows to (2 C, 2 C, k', k) for two rows as channels."""
    channels, _, size, width = weight.shape
    reach = size // 2
    blocks = (reach + 1) // 2
    paired = weight.new_zeros(channels, 2, channels, 2, 2 * blocks + 1, width)
    for made in range(2):
        for block in range(2 * blocks + 1):
            for seen in range(2):
                row = 2 * (block - blocks) + seen - made + reach
                if 0 <= row < size:
                    paired[:, made, :, seen, block] = weight[:, :, row]
    return paired.flatten(2, 3).flatten(0, 1), bias.repeat_interleave(2)


def _kernel(
    taps: Tensor, shifts: Tensor, rows: _Part, columns: _Part, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Sum a part's kernel (C n m, C, rows.length, columns.length) and bias (C n m,)."""
    channels, p = taps.shape[:2]
    lines = (len(rows.offsets), len(columns.offsets))
    kernel = taps.new_zeros(channels, *lines, channels, rows.length, columns.length)
    bias = taps.new_zeros(channels, *lines)
    for n, (along, down) in enumerate(zip(rows.offsets, rows.shift, strict=True)):
        for m, (across, right) in enumerate(zip(columns.offsets, columns.shift, strict=True)):
            covering = len(along) * len(across)
            for i in along:
                for j in across:
                    # The patch in which this value has place (i, j) begins that far before it.
                    top, left = down + p - 1 - i, right + p - 1 - j
                    place = kernel[:, n, m, :, top : top + p, left : left + p]
                    place += taps[:, i, j] / covering
                    bias[:, n, m] += shifts[:, i, j] / covering
    return kernel.flatten(0, 2).to(dtype), bias.flatten().to(dtype)


def _covering(length: int, patch: int, like: Tensor) -> Tensor:
    place = torch.arange(length, device=like.device, dtype=like.dtype)
    last = length - patch
    return place.clamp(max=last) - (place - patch + 1).clamp(min=0) + 1


def _side(size: int, channels: int) -> int:
    """p, from D = channels p p."""
    patch = round((size / channels) ** 0.5)
    if channels * patch * patch != size:
        raise ValueError(f"{size} is not {channels} channels times a square patch")
    return patch
