"""Rows of TIFF files are those that reading the whole file gives."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from icc_profiles import P3, curv, profile
from PIL import Image

from restore_cli.images import tiff_rows
from restore_cli.images.picture import Picture
from restore_cli.images.tiff_rows import rows_of_tiff

RNG = np.random.default_rng(2)
RGB = RNG.integers(0, 256, (70, 50, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (70, 50, 3), np.uint16)
KINDS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "one strip": (RGB, {}),
    "strips": (RGB, {"rowsperstrip": 7}),
    "lzw": (RGB, {"compression": "lzw", "predictor": True, "rowsperstrip": 9}),
    "deflate, 16 bits": (DEEP, {"compression": "zlib", "predictor": True, "rowsperstrip": 16}),
    "tiles": (RGB, {"compression": "zlib", "tile": (16, 32)}),
    "plain tiles": (DEEP, {"tile": (16, 16)}),
    "jpeg": (RGB, {"compression": "jpeg", "rowsperstrip": 16}),
    "planes": (np.moveaxis(RGB, 2, 0), {"planarconfig": "separate", "rowsperstrip": 11}),
    "big": (DEEP, {"bigtiff": True, "byteorder": ">"}),
    "float": (RGB.astype(np.float32) / 255, {"rowsperstrip": 5}),
    "half": (np.float16(RGB / 255), {"compression": "zlib", "rowsperstrip": 5}),
    "alpha": (np.dstack((RGB, RGB[..., :1])), {"extrasamples": ["unassalpha"], "rowsperstrip": 8}),
    "premultiplied": (np.dstack((RGB // 2, RGB[..., :1] | 128)), {"extrasamples": ["assocalpha"]}),
    "grey": (DEEP[..., 0], {"photometric": "minisblack", "rowsperstrip": 13}),
    "inverse": (RGB[..., 0], {"photometric": "miniswhite", "compression": "lzw"}),
    "profile": (RGB, {"iccprofile": profile(b"RGB ", curv(563), P3), "rowsperstrip": 10}),
    "4 bits": (RGB[..., 0] >> 4, {"photometric": "minisblack", "bitspersample": 4,
                                 "compression": "packbits", "rowsperstrip": 6}),
}  # fmt: skip


def written(path: Path, samples: np.ndarray, options: dict[str, Any]) -> Path:
    tifffile.imwrite(path, samples, **{"photometric": "rgb", "metadata": None, **options})
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_bands_of_rows_are_the_rows_of_the_whole(kind: str, tmp_path: Path) -> None:
    try:
        path = written(tmp_path / "x.tif", *KINDS[kind])
    except (NotImplementedError, ValueError) as error:
        pytest.skip(f"tifffile writes no such file: {error}")
    whole = Picture.read(path)
    with rows_of_tiff(path) as rows:
        assert rows is not None
        assert (rows.height, rows.width) == (whole.height, whole.width)
        assert rows.like.icc == whole.icc
        for top, bottom in ((0, 70), (0, 1), (3, 40), (69, 70), (16, 32)):
            band = rows.read(top, bottom)
            np.testing.assert_array_equal(band.pixels, whole.pixels[top:bottom])
            assert band.pixels.dtype == whole.pixels.dtype
            if whole.alpha is not None:
                assert band.alpha is not None
                np.testing.assert_array_equal(band.alpha, whole.alpha[top:bottom])


def test_metadata_is_that_of_the_whole(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif.get_ifd(0x8769)[0xA002] = "Maker", 50
    Image.fromarray(RGB).save(tmp_path / "x.tif", exif=exif, dpi=(300, 300), compression="tiff_lzw")
    whole = Picture.read(tmp_path / "x.tif")
    with rows_of_tiff(tmp_path / "x.tif") as rows:
        assert rows is not None
        assert rows.like.exif == whole.exif
        assert rows.like.resolution == whole.resolution


def test_what_must_be_decoded_whole_is_left_to_the_usual_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned = written(tmp_path / "turned.tif", RGB, {"extratags": [(274, 3, 1, 6, True)]})
    pages = written(tmp_path / "pages.tif", np.stack([RGB, RGB]), {})
    png = tmp_path / "a.png"
    Image.fromarray(RGB).save(png)
    palette = io.BytesIO()
    Image.fromarray(RGB).quantize(16).save(palette, "TIFF")
    (tmp_path / "cut.tif").write_bytes(palette.getvalue()[:100])
    (tmp_path / "empty.tif").touch()
    for path in (turned, pages, png, tmp_path / "cut.tif", tmp_path / "empty.tif"):
        with rows_of_tiff(path) as rows:
            assert rows is None, path
    # One compressed piece, too large to be unpacked at once.
    monkeypatch.setattr(tiff_rows, "_SEGMENTS_BYTES", 1000)
    for options, fits in (({"compression": "lzw", "rowsperstrip": 70}, False), ({}, True)):
        with rows_of_tiff(written(tmp_path / "one.tif", RGB, options)) as rows:
            assert (rows is not None) == fits
    with rows_of_tiff(tmp_path / "gone.tif") as rows:
        assert rows is None


def test_damage_between_the_rows_is_told_when_it_is_met(tmp_path: Path) -> None:
    path = written(tmp_path / "x.tif", RGB, {"compression": "zlib", "rowsperstrip": 7})
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.dataoffsets[5]
    data = bytearray(path.read_bytes())
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(data)
    with rows_of_tiff(path) as rows:
        assert rows is not None
        rows.read(0, 35)
        with pytest.raises(ValueError, match=r"."):
            rows.read(30, 50)
