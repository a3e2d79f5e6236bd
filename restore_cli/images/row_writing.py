"""Pictures written from top to bottom, for those that do not fit into memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from restore_cli.images import png
from restore_cli.images.fit import fit
from restore_cli.images.picture import Picture
from restore_cli.images.png_rows import PngRows
from restore_cli.images.tiff_write import Page, TiffRows

ROW_FORMATS = ("tiff", "png")
"""Keys of `formats.FORMATS`: those that can be written so."""


class _Rows(Protocol):
    def write(self, samples: NDArray[Any]) -> None: ...
    def close(self) -> None: ...


class RowWriter:
    """A file under way, of one picture.

    Args:
        file: where it is written to; it can seek.
        like: rows of the picture, with its metadata; `size` says how many there will be.
        size: (height, width) of the whole picture.
        format: one of `ROW_FORMATS`.
        level: of a PNG's compression, 1 to 9; None for a fast one.

    Attributes:
        notes: on what the format could not carry.

    Raises:
        ValueError: it does not fit into the format.
    """

    def __init__(
        self,
        file: BinaryIO,
        like: Picture,
        size: tuple[int, int],
        format: str,
        *,
        level: int | None = None,
    ) -> None:
        fitted, self.notes = fit(like, format)
        self._format = format
        pixels, alpha = fitted.pixels, fitted.alpha
        channels = pixels.shape[2] + (alpha is not None)
        if format == "tiff":
            stands = np.broadcast_to(np.zeros(1, pixels.dtype), (*size, pixels.shape[2]))
            page = Page(stands, None if alpha is None else stands[..., 0], fitted.metadata)
            self._rows: _Rows = TiffRows(file, page)
        else:
            further = png.described(fitted.metadata)
            self._rows = PngRows(file, (*size, channels), pixels.dtype, further, level=level)

    def write(self, picture: Picture) -> None:
        """Take the next rows, of the same kind as the first."""
        bare = replace(picture, exif=None, xmp=None, iptc=None, texts=(), comment=None)
        fitted, _ = fit(bare, self._format)
        pixels, alpha = fitted.pixels, fitted.alpha
        self._rows.write(pixels if alpha is None else np.dstack((pixels, alpha)))

    def close(self) -> None:
        """End the file, which stays open."""
        self._rows.close()
