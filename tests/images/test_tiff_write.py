"""What is written as TIFF, as others read it."""

import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from restore_cli.images import tiff, tiff_write
from restore_cli.images.metadata import Metadata, Resolution

RNG = np.random.default_rng(5)
SIZE = (37, 53)


def samples(channels: int, depth: int = 16) -> np.ndarray:
    dtype = np.uint16 if depth == 16 else np.uint8
    smooth = cv2.GaussianBlur(RNG.random((*SIZE, channels)), (0, 0), 1.5).reshape(*SIZE, channels)
    return (smooth * ((1 << depth) - 1)).astype(dtype)


def encode(pixels: np.ndarray, alpha: np.ndarray | None, metadata: Metadata) -> bytes:
    return tiff_write.encode([tiff_write.Page(pixels, alpha, metadata)])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("order", [b"II", b"MM", None])
def test_written_files_read_the_same_elsewhere(
    channels: int, depth: int, order: bytes | None
) -> None:
    data = samples(channels, depth)
    colors = 3 if channels > 2 else 1
    alpha = data[..., -1] if channels in (2, 4) else None
    exif = None
    if order is not None:
        block = Image.Exif()
        block.endian = "<" if order == b"II" else ">"
        block[0x010F] = "A maker with a name longer than four bytes"
        block.get_ifd(0x8769)[0x829A] = 0.01
        block.get_ifd(0x8825)[1] = "N"
        exif = block.tobytes().removeprefix(b"Exif\0\0")
        assert exif[:2] == order
    out = encode(data[..., :colors], alpha, Metadata(exif=exif, icc=b"p" * 99, xmp=b"<x/>"))
    with tifffile.TiffFile(io.BytesIO(out)) as file:
        page = file.pages[0]
        tags = page.tags
        assert tags[34675].value == b"p" * 99
        assert bytes(tags[700].value) == b"<x/>"
        assert tags["Orientation"].value == 1
        assert page.rowsperstrip >= 1
        if exif is not None:
            assert tags["Make"].value == "A maker with a name longer than four bytes"
            assert tags["ExifTag"].value["ExposureTime"] == pytest.approx(0.01)
            assert tags["GPSTag"].value["GPSLatitudeRef"] == "N"
    decoded = tiff.inspect(out)
    assert (decoded.width, decoded.height) == (SIZE[1], SIZE[0])
    if channels in (1, 3, 4) and depth == 16:
        code = cv2.imdecode(np.frombuffer(out, np.uint8), cv2.IMREAD_UNCHANGED)
        code = code.reshape(*SIZE, -1)
        np.testing.assert_array_equal(
            code[..., [2, 1, 0, 3][:channels]] if channels > 1 else code, data
        )
    if depth == 8:
        with Image.open(io.BytesIO(out)) as image:
            np.testing.assert_array_equal(np.asarray(image).reshape(data.shape), data)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_floats_read_the_same_in_tifffile(channels: int, order: str) -> None:
    block = Image.Exif()
    block.endian = order
    block[0x010F] = "Maker"
    exif = block.tobytes().removeprefix(b"Exif\0\0")
    pixels = RNG.normal(1, 3, (*SIZE, channels)).astype(np.float32)
    out = encode(pixels, None, Metadata(exif=exif))
    read = tifffile.imread(io.BytesIO(out)).reshape(pixels.shape)
    np.testing.assert_array_equal(read, pixels)


def test_several_pages_of_unlike_size_and_depth() -> None:
    pages = [samples(3), samples(1, 8)[:9], samples(3, 8)[:, :5]]
    out = tiff_write.encode([tiff_write.Page(p, None, Metadata()) for p in pages])
    with tifffile.TiffFile(io.BytesIO(out)) as file:
        assert len(file.pages) == 3
        for page, pixels in zip(file.pages, pages, strict=True):
            np.testing.assert_array_equal(page.asarray().reshape(pixels.shape), pixels)


def test_the_resolution_rules_over_what_exif_says() -> None:
    block = Image.Exif()
    block[0x011A] = 72.0
    exif = block.tobytes().removeprefix(b"Exif\0\0")
    out = encode(samples(1), None, Metadata(exif=exif, resolution=Resolution(118.11, 100, "cm")))
    with Image.open(io.BytesIO(out)) as image:
        assert float(image.tag_v2[282]) == pytest.approx(118.11)
        assert (float(image.tag_v2[283]), image.tag_v2[296]) == (100, 3)


def test_a_maker_note_stays_where_its_offsets_point() -> None:
    block = Image.Exif()
    block.get_ifd(0x8769)[0x927C] = b"note " * 20
    exif = block.tobytes().removeprefix(b"Exif\0\0")
    out = encode(samples(3), None, Metadata(exif=exif))
    assert out.index(b"note note") == exif.index(b"note note")
    with tifffile.TiffFile(io.BytesIO(out)) as file:
        assert file.pages[0].tags["ExifTag"].value["MakerNote"] == b"note " * 20
