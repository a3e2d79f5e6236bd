import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore_cli.images import tiff, tiff_libtiff
from restore_cli.images.refusal import NotSupportedError

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


def two_pages(*, big: bool) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=big) as out:
        for _ in range(2):
            out.write(RGB, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    return file.getvalue()


@pytest.mark.parametrize("big", [False, True])
def test_one_upright_page_is_left_for_any_decoder(big: bool) -> None:
    data = two_pages(big=big)
    single = tiff_libtiff.upright_page(data, tiff.inspect(data))
    with tifffile.TiffFile(io.BytesIO(single)) as found:
        assert len(found.pages) == 1
        assert found.pages[0].tags[274].value == 1  # pyright: ignore
        assert np.array_equal(found.asarray(), RGB)


def test_ycbcr_becomes_rgb_as_libtiff_has_it() -> None:
    # JFIF's matrix, with which libtiff goes by default.
    file = io.BytesIO()
    codes = np.asarray(Image.fromarray(RGB).convert("YCbCr"))
    tags = [(530, "H", 2, (1, 1), True)]
    tifffile.imwrite(file, codes, photometric="ycbcr", extratags=tags)
    data = file.getvalue()
    found = tiff_libtiff.ycbcr(data, tiff.inspect(data))
    assert np.abs(found.astype(int) - RGB).max() <= 3


def test_ycbcr_of_16_bits_is_refused() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, RGB.astype(np.uint16) * 257, photometric="ycbcr")
    data = file.getvalue()
    with pytest.raises(NotSupportedError, match="YCbCr of 16 bits"):
        tiff_libtiff.ycbcr(data, tiff.inspect(data))


def test_what_is_no_old_jpeg_is_named() -> None:
    data = bytearray(two_pages(big=False))
    place = data.index(struct.pack("<HHI", 259, 3, 1)) + 8
    data[place : place + 2] = struct.pack("<H", 6)
    with pytest.raises(NotSupportedError, match="number 6"):
        tiff_libtiff.old_jpeg(bytes(data), tiff.inspect(bytes(data)))


def test_names_of_compressions() -> None:
    assert tiff_libtiff.compression_name(5) == "LZW (number 5)"
    assert tiff_libtiff.compression_name(9999) == "the method number 9999"
