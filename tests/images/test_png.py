"""PNG chunks against Pillow and OpenCV."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from restore_cli.images import png
from restore_cli.images.metadata import Metadata
from restore_cli.images.picture import Picture
from restore_cli.images.refusal import NotSupportedError

RNG = np.random.default_rng(11)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def plain_png(samples: np.ndarray, color_type: int, bits: int, extra: bytes = b"") -> bytes:
    """The plainest PNG of (H, W, C) samples, written from the specification."""
    height, width = samples.shape[:2]
    rows = samples.astype(">u2" if bits == 16 else "u1")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    parts = (chunk(b"IHDR", head), extra, chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b""))
    return png.SIGNATURE + b"".join(parts)


def read(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> Picture:
    path = tmp_path_factory.mktemp("png") / "a.png"
    path.write_bytes(data)
    return Picture.read(path)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_every_sample_of_every_kind(
    tmp_path_factory: pytest.TempPathFactory, bits: int, color_type: int, channels: int
) -> None:
    samples = RNG.integers(0, 1 << bits, (7, 5, channels))
    picture = read(plain_png(samples, color_type, bits), tmp_path_factory)
    assert picture.depth == bits
    np.testing.assert_array_equal(picture.pixels, samples[..., : 3 if channels > 2 else 1])
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, samples[..., -1])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3)])
def test_a_transparent_color_becomes_alpha(
    tmp_path_factory: pytest.TempPathFactory, bits: int, color_type: int, channels: int
) -> None:
    samples = RNG.integers(0, 1 << bits, (7, 5, channels))
    key = chunk(b"tRNS", samples[3, 2].astype(">u2").tobytes())
    picture = read(plain_png(samples, color_type, bits, key), tmp_path_factory)
    expected = np.where((samples == samples[3, 2]).all(axis=2), 0, (1 << bits) - 1)
    np.testing.assert_array_equal(picture.alpha, expected)
    np.testing.assert_array_equal(picture.pixels, samples)


def test_a_transparent_grey_of_two_bits(tmp_path_factory: pytest.TempPathFactory) -> None:
    packed = np.array([[0b00011011]], np.uint8)  # four pixels: 0, 1, 2, 3
    head = struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0)
    data = png.SIGNATURE + chunk(b"IHDR", head) + chunk(b"tRNS", struct.pack(">H", 2))
    data += chunk(b"IDAT", zlib.compress(b"\0" + packed.tobytes())) + chunk(b"IEND", b"")
    picture = read(data, tmp_path_factory)
    assert picture.pixels[0, :, 0].tolist() == [0, 85, 170, 255]
    assert picture.alpha is not None
    assert picture.alpha[0].tolist() == [255, 255, 0, 255]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (300, 200)])
def test_grey_with_alpha_as_others_read_it(dtype: type, shape: tuple[int, int]) -> None:
    samples = RNG.integers(0, np.iinfo(dtype).max + 1, (*shape, 2)).astype(dtype)
    out = png.encode(samples[..., :1], samples[..., 1], Metadata())
    code = cv2.imdecode(np.frombuffer(out, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(code[..., 0], samples[..., 0])
    np.testing.assert_array_equal(code[..., 3], samples[..., 1])
    with Image.open(io.BytesIO(out)) as image:
        image.load()  # Pillow checks every checksum on the way
    assert out[25] == 4  # colour type: grey with alpha


def test_the_profile_stands_before_the_pixels_and_pillow_reads_all() -> None:
    metadata = Metadata(icc=b"p" * 500, exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x/>")
    out = png.encode(np.zeros((2, 2, 3), np.uint16), None, metadata)
    kinds = [kind for kind, _ in png.chunks(out)]
    assert kinds.index(b"iCCP") < kinds.index(b"IDAT")
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"
    with Image.open(io.BytesIO(out)) as image:
        image.load()
        assert image.info["icc_profile"] == b"p" * 500
        assert image.info["exif"].endswith(metadata.exif)
        assert image.info["xmp"] == b"<x/>"


def test_imagemagick_raw_profiles_are_understood() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
    text = b"\nexif\n%8d\n%s\n" % (len(exif), exif.hex().encode())
    extra = chunk(b"tEXt", b"Raw profile type exif\0" + text)
    file = png.inspect(plain_png(np.zeros((1, 1, 1)), 0, 8, extra))
    assert file.metadata.exif == exif[6:]


def test_damage() -> None:
    good = plain_png(np.zeros((4, 4, 3)), 2, 16)
    bad = bytearray(good)
    bad[-20] ^= 255  # inside IDAT
    with pytest.raises(ValueError, match="checksum of its IDAT"):
        png.inspect(bytes(bad))
    with pytest.raises(ValueError, match="ends early"):
        png.inspect(good[:-6])
    odd = plain_png(np.zeros((4, 4, 3)), 2, 16, chunk(b"iCCP", b"name\0\0not zlib"))
    assert "iCCP" in png.inspect(odd).notes[0]
    wrong = bytearray(plain_png(np.zeros((4, 4, 3)), 2, 16, chunk(b"tEXt", b"key\0value")))
    wrong[45] ^= 255  # an ancillary chunk's checksum does not matter
    assert png.inspect(bytes(wrong)).width == 4


def test_a_metadata_bomb_is_not_unpacked() -> None:
    bomb = chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(100 << 20), 1))
    file = png.inspect(plain_png(np.zeros((1, 1, 1)), 0, 8, bomb))
    assert file.metadata.icc is None
    assert "iCCP" in file.notes[0]


def test_a_foreign_gamma_is_noted() -> None:
    linear = chunk(b"gAMA", struct.pack(">I", 100000))
    usual = chunk(b"gAMA", struct.pack(">I", 45455))
    assert "gAMA" in png.inspect(plain_png(np.zeros((1, 1, 1)), 0, 8, linear)).notes[0]
    assert png.inspect(plain_png(np.zeros((1, 1, 1)), 0, 8, usual)).notes == ()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sides_beyond_a_million_pixels(channels: int) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (1, 1_000_001, channels), np.uint8)
    alpha = samples[..., 3] if channels == 4 else None
    data = png.encode(samples[..., :3], alpha, Metadata())
    with Image.open(io.BytesIO(data)) as image:
        assert (np.asarray(image).reshape(samples.shape) == samples).all()


def test_apples_own_form_of_png_is_named() -> None:
    data = plain_png(np.zeros((2, 3, 4), np.uint8), 6, 8)
    phone = png.SIGNATURE + chunk(b"CgBI", b"\x50\0\x20\x02") + data[len(png.SIGNATURE) :]
    with pytest.raises(NotSupportedError, match="CgBI"):
        png.inspect(phone)
