"""Writing a PNG from top to bottom, rows as they come (PNG specification, third edition)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.deflate import checksum, packer

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = (0, 4, 2, 6)  # of 1 to 4 channels
_BAND_BYTES = 1 << 20
"""What stays in a processor's cache between filtering and packing."""


def chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    """One chunk, with its length and checksum."""
    check = checksum(body, checksum(kind))
    return b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", check)))


class PngRows:
    """A PNG under way.

    Args:
        file: where it is written to.
        shape: rows, columns and channels (1 to 4: grey, with alpha, RGB, with alpha).
        dtype: uint8 or uint16.
        further: whole chunks between the header and the pixels.
        level: deflate's, 1 to 9; None for a fast one.
    """

    def __init__(
        self,
        file: BinaryIO,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        further: Sequence[bytes] = (),
        *,
        level: int | None = None,
    ) -> None:
        self._file, self._packer = file, packer(level)
        self._above = np.zeros(shape[1] * shape[2] * dtype.itemsize, np.uint8)
        kind = _COLOR_TYPES[shape[2] - 1]
        header = struct.pack(">IIBBBBB", shape[1], shape[0], 8 * dtype.itemsize, kind, 0, 0, 0)
        file.write(b"".join((SIGNATURE, chunk(b"IHDR", header), *further)))

    def write(self, samples: NDArray[Any]) -> None:
        """Take the next rows, (rows, W, channels)."""
        band = max(1, _BAND_BYTES // self._above.nbytes)
        for top in range(0, len(samples), band):
            self._put(self._packer.compress(self._filtered(samples[top : top + band])))

    def close(self) -> None:
        """End the file, which stays open."""
        self._put(self._packer.flush())
        self._file.write(chunk(b"IEND", b""))

    def _filtered(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Filter "Up": the difference to the row above, bytewise."""
        big = np.ascontiguousarray(samples, samples.dtype.newbyteorder(">"))
        rows = big.reshape(len(big), -1).view(np.uint8)
        filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        filtered[:, 0] = 2
        np.subtract(rows[0], self._above, out=filtered[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        self._above = rows[-1].copy()
        return filtered

    def _put(self, packed: bytes) -> None:
        if packed:
            self._file.write(chunk(b"IDAT", packed))
