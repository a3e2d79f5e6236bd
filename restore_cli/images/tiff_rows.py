"""Rows of a TIFF, read as they are asked for: for pictures that do not fit into memory.

What lies in strips or tiles is decoded a row of them at a time. Uncompressed strips, which often
are one for the whole picture, are read by rows.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import tifffile
from numpy.typing import NDArray

from restore_cli.images import tiff
from restore_cli.images.decode import DAMAGE, of_tiff
from restore_cli.images.metadata import settle_exif
from restore_cli.images.picture import Picture, naming_problems
from restore_cli.images.refusal import NotSupportedError
from restore_cli.images.regular import FileBytes, open_regular, size_of
from restore_cli.images.room import MAX_PIXELS

_SEGMENTS_BYTES = 2**28
"""Of one row of strips or tiles, unpacked: a larger one is as bad as the whole picture."""
_JPEG = (7, 34892, 33007)
_PLAIN_BITS = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class RowsOfTiff:
    """An open TIFF of one upright picture.

    Attributes:
        path: the file.
        width: pixels.
        height: pixels.
        like: a picture of its first row, with the metadata of the whole.
    """

    path: Path
    width: int
    height: int
    like: Picture
    _file: IO[bytes]
    _page: tifffile.TiffPage
    _told: tiff.TiffFile

    def close(self) -> None:
        """Close the file."""
        self._page.parent.close()
        self._file.close()

    def read(self, top: int, bottom: int) -> Picture:
        """The rows from `top` to before `bottom`, with the metadata of the whole picture.

        Raises:
            RestoreError: they cannot be read.
            ValueError: and other kinds of `decode.DAMAGE`: the file is damaged.
        """
        with naming_problems(self.path):
            band = of_tiff(_samples(self._file, self._page, self._told, top, bottom), self._told)
        pixels, alpha = np.ascontiguousarray(band.pixels), band.alpha
        return replace(self.like, pixels=pixels, alpha=alpha, notes=band.notes)


@contextmanager
def rows_of_tiff(path: Path) -> Generator[RowsOfTiff | None]:
    """Open a TIFF whose rows can be read one after another.

    Yields:
        Its rows; None where that is no TIFF, or one that has to be decoded as a whole: turned, of
        several pages, in one compressed piece, or of a kind that tifffile does not decode. Reading
        it as a whole then says what is wrong.
    """
    try:
        rows = _open(path)
    except (*DAMAGE, NotSupportedError):
        rows = None
    try:
        yield rows
    finally:
        if rows is not None:
            rows.close()


def _open(path: Path) -> RowsOfTiff | None:
    file = open_regular(path)
    opened: tifffile.TiffFile | None = None
    done = False
    try:
        told = tiff.inspect(cast("bytes", FileBytes(file)))
        if told.raw or told.pages != 1 or told.orientation != 1:
            return None
        if not 0 < told.width * told.height <= MAX_PIXELS:
            return None
        tiff.check_supported(told)
        file.seek(0)
        opened = tifffile.TiffFile(file, name=path.name)
        page = next((p for p in opened.pages if p.offset == told.page.offset), None)
        if not isinstance(page, tifffile.TiffPage) or not _in_pieces(page, told):
            return None
        tiff.check_complete(page, size_of(file))
        first = of_tiff(_samples(file, page, told, 0, 1), told)
        like = Picture.of_decoded(first, "tiff")
        exif = None if like.exif is None else settle_exif(like.exif, told.width, told.height)
        # A thumbnail is made of the whole picture, which is nowhere.
        like = replace(like, exif=exif, thumbnail=False)
        done = True
        return RowsOfTiff(path, told.width, told.height, like, file, page, told)
    finally:
        if not done:
            if opened is not None:
                opened.close()
            file.close()


def _in_pieces(page: tifffile.TiffPage, told: tiff.TiffFile) -> bool:
    """Whether its rows can be decoded without all the others, by tifffile."""
    compression = told.compression
    if compression != 1 and compression not in tifffile.TIFF.DECOMPRESSORS:
        return False
    if page.is_subsampled and compression not in _JPEG:
        return False
    if math.prod(page.shaped[1:2]) != 1 or page.dtype is None:  # volumes
        return False
    across = page.imagewidth * page.samplesperpixel * page.dtype.itemsize
    return _is_plain(page) or across * _segment_rows(page) <= _SEGMENTS_BYTES


def _is_plain(page: tifffile.TiffPage) -> bool:
    """Whether its strips are nothing but the samples."""
    return (
        page.compression == 1
        and not page.is_tiled
        and page.bitspersample in _PLAIN_BITS
        and page.fillorder == 1
        and page.predictor == 1
        and not page.is_subsampled
    )


def _segment_rows(page: tifffile.TiffPage) -> int:
    return page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)


def _samples(
    file: IO[bytes], page: tifffile.TiffPage, told: tiff.TiffFile, top: int, bottom: int
) -> NDArray[Any]:
    """Rows as `tiff.read_samples` gives all of them.

    Raises:
        ValueError: the data is damaged.
    """
    planes, _, _, width, count = page.shaped
    assert page.dtype is not None
    out = np.empty((planes, bottom - top, width, count), page.dtype)
    for plane, row, column, piece in _pieces(file, page, top, bottom):
        first, last = max(row, top), min(row + piece.shape[0], bottom)
        if first < last:
            into = out[plane, first - top : last - top, column : column + piece.shape[1]]
            into[...] = piece[first - row : last - row]
    return tiff.settled(out, replace(told, height=bottom - top), page.colormap)


def _pieces(
    file: IO[bytes], page: tifffile.TiffPage, top: int, bottom: int
) -> Iterator[tuple[int, int, int, NDArray[Any]]]:
    """Plane, first row and first column of each piece that lies in these rows, and the piece."""
    planes, _, height, width, count = page.shaped
    rows = _segment_rows(page)
    across = math.ceil(width / page.tilewidth) if page.is_tiled else 1
    down = math.ceil(height / rows)
    for plane in range(planes):
        for line in range(top // rows, math.ceil(bottom / rows)):
            for index in range(across):
                at = (plane * down + line) * across + index
                if _is_plain(page):
                    begin, end = max(line * rows, top), min((line + 1) * rows, bottom)
                    piece = _plain(file, page, at, begin - line * rows, end - begin)
                    yield plane, begin, 0, piece.reshape(end - begin, width, count)
                    continue
                yield _decoded(file, page, at)


def _plain(
    file: IO[bytes], page: tifffile.TiffPage, index: int, skip: int, rows: int
) -> NDArray[Any]:
    """Some rows of an uncompressed strip."""
    assert page.dtype is not None
    dtype = page.dtype.newbyteorder(page.parent.byteorder)
    row = page.shaped[3] * page.shaped[4] * dtype.itemsize
    if (skip + rows) * row > page.databytecounts[index]:
        raise ValueError("the file holds less than its picture")
    file.seek(page.dataoffsets[index] + skip * row)
    data = file.read(rows * row)
    if len(data) < rows * row:
        raise ValueError("the file ends early")
    return np.frombuffer(data, dtype)


def _decoded(
    file: IO[bytes], page: tifffile.TiffPage, index: int
) -> tuple[int, int, int, NDArray[Any]]:
    file.seek(page.dataoffsets[index])
    data = file.read(page.databytecounts[index])
    tables: dict[str, Any] = {}
    if page.compression in _JPEG:
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
    try:
        segment, place, shape = page.decode(data, index, **tables)
    except (NotImplementedError, ImportError, RuntimeError) as error:
        raise ValueError(str(error)) from error
    if segment is None:
        raise ValueError("the file holds less than its picture")
    plane, _, row, column, _ = place
    # Tiles reach beyond the picture.
    height = min(shape[1], page.imagelength - row)
    return plane, row, column, segment[0, :height, : min(shape[2], page.imagewidth - column)]
