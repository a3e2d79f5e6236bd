"""Files that are written from top to bottom hold what those hold that are written at once."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from icc_profiles import P3, curv, profile

from restore_cli.images.picture import Picture
from restore_cli.images.row_writing import ROW_FORMATS, RowWriter

RNG = np.random.default_rng(4)
DEEP = RNG.integers(0, 65536, (50, 40, 3), np.uint16)
EXIF = b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x06\0\0\0\x1a\0\0\0\0\0\0\0Maker\0"
PICTURES = {
    "8 bits": Picture((DEEP >> 8).astype(np.uint8), xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'),
    "16 bits": Picture(DEEP, icc=profile(b"RGB ", curv(563), P3), exif=EXIF),
    "alpha": Picture(DEEP, alpha=DEEP[..., 1], comment=b"made by hand"),
    "grey": Picture(DEEP[..., :1]),
    "floats": Picture(DEEP.astype(np.float32) / 65535),
}


@pytest.mark.parametrize("format", ROW_FORMATS)
@pytest.mark.parametrize("kind", PICTURES)
def test_rows_become_the_same_picture(format: str, kind: str, tmp_path: Path) -> None:
    picture = PICTURES[kind]
    notes = picture.write(tmp_path / "whole", format)
    with (tmp_path / "rows").open("wb") as file:
        writer = RowWriter(file, _rows(picture, 0, 1), (50, 40), format)
        for top, bottom in ((0, 3), (3, 44), (44, 50)):
            writer.write(_rows(picture, top, bottom))
        writer.close()
    assert writer.notes == notes
    whole, made = Picture.read(tmp_path / "whole"), Picture.read(tmp_path / "rows")
    np.testing.assert_array_equal(whole.pixels, made.pixels)
    assert (whole.alpha is None) == (made.alpha is None)
    if whole.alpha is not None and made.alpha is not None:
        np.testing.assert_array_equal(whole.alpha, made.alpha)
    assert whole.metadata == made.metadata


def test_what_may_not_fit_into_a_tiff_is_told_before_it_is_written() -> None:
    with pytest.raises(ValueError, match=r"its 6\.4 GB may not fit into a TIFF"):
        RowWriter(io.BytesIO(), _rows(PICTURES["16 bits"], 0, 1), (32768, 32768), "tiff")


def _rows(picture: Picture, top: int, bottom: int) -> Picture:
    alpha = None if picture.alpha is None else picture.alpha[top:bottom]
    return replace(picture, pixels=picture.pixels[top:bottom], alpha=alpha)
