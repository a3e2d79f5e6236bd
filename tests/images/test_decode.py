"""Kinds of files and of damage: read rightly, or refused by name."""

import io
import os
import re
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import hostile
import numpy as np
import pytest
import tifffile
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images import room
from restore_cli.images.header import upright_size
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(3)
PHOTO = cv2.GaussianBlur(RNG.integers(0, 256, (48, 64, 3)).astype(np.uint8), (0, 0), 2)


def refused(path: Path, pattern: str) -> RestoreError:
    with pytest.raises(RestoreError, match=pattern) as caught:
        Picture.read(path)
    assert str(path) in caught.value.message
    return caught.value


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".webp", ".bmp"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_8_bit_files_read_as_pillow_reads_them(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(PHOTO).convert(mode).save(path)
    with Image.open(path) as image:
        expected = np.asarray(image)
    picture = Picture.read(path)
    np.testing.assert_array_equal(picture.pixels.squeeze(), expected)
    assert picture.is_grey == (mode == "L" and suffix != ".webp")
    assert picture.alpha is None
    assert picture.notes == ()


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_8_bit_alpha(tmp_path: Path, suffix: str) -> None:
    alpha = RNG.integers(0, 256, PHOTO.shape[:2]).astype(np.uint8)
    image = Image.fromarray(np.dstack((PHOTO, alpha)))
    image.save(
        tmp_path / f"a{suffix}", **({"lossless": True, "exact": True} if suffix == ".webp" else {})
    )
    picture = Picture.read(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(picture.pixels, PHOTO)
    np.testing.assert_array_equal(picture.alpha, alpha)


def test_a_jpeg_named_png_reads_fine(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png", "JPEG")
    assert Picture.read(tmp_path / "a.png").format == "jpg"


def test_palette_png_becomes_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(PHOTO).quantize(16)
    image.save(tmp_path / "a.png")
    picture = Picture.read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))
    assert picture.alpha is None


def test_palette_png_with_transparency_becomes_rgb_and_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(PHOTO).quantize(4)
    image.save(tmp_path / "a.png", transparency=bytes([0, 80, 255, 255]))
    picture = Picture.read(tmp_path / "a.png")
    index = np.asarray(image)
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, np.array([0, 80, 255, 255], np.uint8)[index])


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".bmp"])
def test_1_bit_files_become_grey(tmp_path: Path, suffix: str) -> None:
    bits = RNG.integers(0, 2, (9, 11)).astype(bool)
    Image.fromarray(bits).save(tmp_path / f"a{suffix}")
    picture = Picture.read(tmp_path / f"a{suffix}")
    assert picture.depth == 8
    np.testing.assert_array_equal(picture.pixels[..., 0], bits * np.uint8(255))


def test_cmyk_jpeg_becomes_srgb(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    picture = Picture.read(tmp_path / "a.jpg")
    assert picture.pixels.shape == PHOTO.shape
    assert picture.icc is None
    assert picture.notes == ("CMYK was converted to sRGB",)
    assert np.abs(picture.pixels.astype(int) - PHOTO).mean() < 6


def test_a_photo_with_a_second_picture_inside_reads_as_the_first(tmp_path: Path) -> None:
    first, second = Image.fromarray(PHOTO), Image.fromarray(255 - PHOTO)
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second], quality=95)
    picture = Picture.read(tmp_path / "a.jpg")
    assert picture.format == "jpg"
    assert np.abs(picture.pixels.astype(int) - PHOTO).mean() < 6


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    assert refused(tmp_path / "a.png", "empty").hint


@pytest.mark.parametrize("text", [b"hello, I am text\n" * 9, b"BMW is a car, not a picture", b"x"])
def test_text_named_png(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.png").write_bytes(text)
    assert "PNG, JPEG" in (refused(tmp_path / "a.png", "looks like text").hint or "")


def test_directory_missing_file_and_pipe(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    refused(tmp_path / "x.png", "folder")
    refused(tmp_path / "gone.png", "no such file")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        refused(tmp_path / "pipe.png", "not a regular file")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".webp", ".bmp"])
@pytest.mark.parametrize("keep", [0.03, 0.3, 0.7, 0.97])
def test_truncated_files(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(PHOTO).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: max(18, int(len(data) * keep))])
    refused(path, "damaged or truncated")


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_truncated_16_bit_files(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"a{suffix}"
    Picture(PHOTO.astype(np.uint16) * 257).write(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    refused(path, "damaged or truncated")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".webp", ".bmp"])
def test_scrambled_files_never_raise_anything_but_a_restore_error(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(PHOTO).save(path)
    data = path.read_bytes()
    named = 0
    for _ in range(60):
        broken = bytearray(data)
        for at in RNG.integers(8, len(data), 6):
            broken[at] = RNG.integers(0, 256)
        path.write_bytes(broken)
        try:
            Picture.read(path)
        except RestoreError as error:
            named += str(path) in error.message
    assert named > 0 or suffix in (".jpg", ".bmp", ".webp")  # those may decode to something


def test_gif_is_named(tmp_path: Path) -> None:
    frames = [Image.new("P", (4, 4), color) for color in (0, 1)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert "convert" in (refused(tmp_path / "a.gif", "a GIF").hint or "")


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"8BPS\0\1", "Photoshop"),
        (b"II*\0\x10\0\0\0CR\x02\0", "Canon RAW"),
        (b"FUJIFILMCCD-RAW 0201", "Fujifilm RAW"),
    ],
)
def test_other_kinds_are_named(tmp_path: Path, start: bytes, what: str) -> None:
    (tmp_path / "a.jpg").write_bytes(start + bytes(64))
    assert refused(tmp_path / "a.jpg", what).hint


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_animations_are_refused(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(PHOTO), Image.fromarray(255 - PHOTO)]
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:])
    refused(tmp_path / f"a{suffix}", "2 frames")


def test_each_page_of_a_tiff_reads_but_a_thumbnail_is_no_page(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tiff", np.stack([PHOTO, 255 - PHOTO]), photometric="rgb")
    assert Picture.read(tmp_path / "a.tiff").pages == 2
    np.testing.assert_array_equal(Picture.read(tmp_path / "a.tiff", 1).pixels, 255 - PHOTO)
    with tifffile.TiffWriter(tmp_path / "b.tiff") as writer:
        writer.write(PHOTO[::8, ::8], photometric="rgb", subfiletype=1)
        writer.write(PHOTO, photometric="rgb")
    np.testing.assert_array_equal(Picture.read(tmp_path / "b.tiff").pixels, PHOTO)


@pytest.mark.parametrize("dtype", [np.int16, np.uint32])
def test_tiff_samples_that_are_not_pictures(tmp_path: Path, dtype: type) -> None:
    tifffile.imwrite(tmp_path / "a.tiff", PHOTO.astype(dtype), photometric="rgb")
    refused(tmp_path / "a.tiff", "(signed|32-bit).* is not supported")


def test_dng_is_sent_to_isp(tmp_path: Path) -> None:
    version = [(50706, "B", 4, bytes([1, 4, 0, 0]), True)]
    tifffile.imwrite(tmp_path / "a.dng", PHOTO, photometric="rgb", extratags=version)
    assert "restore isp" in (refused(tmp_path / "a.dng", "DNG").hint or "")


def test_the_size_limit_is_a_gigapixel_not_pillows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert room.MAX_PIXELS == Image.MAX_IMAGE_PIXELS == 2**30
    path = tmp_path / "a.png"
    Image.new("1", (20000, 10000)).save(path)  # beyond what Pillow refuses by default
    assert Picture.read(path).pixels.shape == (10000, 20000, 1)
    monkeypatch.setattr(room, "MAX_PIXELS", 10**8)
    refused(path, "limit is one gigapixel")


def test_a_header_that_claims_nothing_or_too_much(tmp_path: Path) -> None:
    import struct
    import zlib

    out = io.BytesIO()
    Image.fromarray(PHOTO).save(out, "PNG")
    for width, height, pattern in ((0, 5, "nothing in it"), (60000, 60000, "gigapixel")):
        data = bytearray(out.getvalue())
        struct.pack_into(">II", data, 16, width, height)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
        (tmp_path / "a.png").write_bytes(data)
        refused(tmp_path / "a.png", re.escape(f"{width} x {height}") + ".*" + pattern)


def test_a_broken_exif_block_is_ignored_with_a_note(tmp_path: Path) -> None:
    block = b"Exif\0\0II*\0\xff\xff\0\0"
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg", exif=block)
    picture = Picture.read(tmp_path / "a.jpg")
    assert picture.exif is None
    assert any("EXIF" in note for note in picture.notes)


def test_claims_are_weighed_before_memory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: 1e9)
    webp = b"RIFF\0\0\0\0WEBPVP8X\n\0\0\0\0\0\0\0" + b"\xfe\x3f\0" * 2
    claims = {
        "a.png": hostile.png(30000, 30000),
        "a.tif": hostile.tiff_claim(20000, 20650),
        "a.webp": webp,
        "a.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 20000 +X 20000\n",
        "a.pfm": b"PF\n20000 20000\n-1.0\n",
        "a.qoi": b"qoif" + (20000).to_bytes(4, "big") * 2 + b"\3\0",
    }
    for name, data in claims.items():
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name, r"takes about \d+\.\d GB of memory, and 1\.0 GB are free")


def test_a_sparse_file_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.write(hostile.SIGNATURE)
        file.truncate(2 << 40)
    refused(tmp_path / "a.png", r"reading it takes about 2199\.0 GB")
    with pytest.raises(RestoreError, match="2199"):
        upright_size(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "data", "pattern"),
    [
        ("a.tif", hostile.tiff_of_overlapping_pages(), "too many tags"),
        ("a.tif", hostile.tiff_claim(3000, 3000), "holds less than its picture"),
        ("a.jpg", hostile.jpeg_of_many_scans(3000), "more than 100 scans"),
        ("a.png", hostile.png(extra=[bytes(8)]), "something else than chunks"),
    ],
    ids=["pages", "tiles", "scans", "zeros"],
)
def test_what_would_take_for_ever_is_refused_at_once(
    tmp_path: Path, name: str, data: bytes, pattern: str
) -> None:
    (tmp_path / name).write_bytes(data)
    started = time.process_time()
    refused(tmp_path / name, pattern)
    assert time.process_time() - started < 2


def test_a_jpeg_of_a_hundred_scans_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(hostile.jpeg_of_many_scans(80))
    assert Picture.read(tmp_path / "a.jpg").pixels.shape == (64, 64, 1)


@pytest.mark.parametrize("kind", ["exif", "profile", "texts"])
def test_bloated_metadata_is_dropped_and_the_picture_read(tmp_path: Path, kind: str) -> None:
    extra = {
        "exif": lambda: [hostile.chunk(b"eXIf", hostile.overlapping_exif())],
        "profile": lambda: [
            hostile.chunk(b"iCCP", b"x\0\0" + zlib.compress(hostile.overlapping_profile(), 1))
        ],
        "texts": hostile.text_bombs,
    }[kind]()
    (tmp_path / "a.png").write_bytes(hostile.png(extra=extra))
    started = time.process_time()
    picture = Picture.read(tmp_path / "a.png")
    assert time.process_time() - started < 3
    assert picture.pixels.shape == (8, 8, 3)
    assert picture.notes


def test_a_claim_beyond_the_limit_of_address_space_is_told_with_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(hostile.png(30000, 30000))
    code = (
        "import resource, sys; from pathlib import Path; from restore_cli.errors import *;"
        "from restore_cli.images.picture import Picture;"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "try: Picture.read(Path(sys.argv[1]))\nexcept RestoreError as error: print(error)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.png")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "30000 x 30000 pixels takes about 10.8 GB of memory" in told.stdout, told.stderr
    assert told.stderr == ""


def test_libraries_do_not_talk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = plain_deep_png()
    for end in range(60, len(data), 97):
        (tmp_path / "a.png").write_bytes(data[:end] + bytes(40))
        with pytest.raises(RestoreError):
            Picture.read(tmp_path / "a.png")
    cv2.imdecode(np.frombuffer(data[: len(data) // 2], np.uint8), cv2.IMREAD_UNCHANGED)
    assert "WARN" not in capfd.readouterr().err


def plain_deep_png() -> bytes:
    return cv2.imencode(".png", PHOTO.astype(np.uint16) * 257)[1].tobytes()


@pytest.mark.parametrize("tag", [278, 322, 323])
def test_strips_and_tiles_of_no_rows_are_damage(tag: int, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PHOTO, photometric="rgb", **({} if tag == 278 else {"tile": (16, 16)}))
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags[tag].valueoffset
    data = bytearray(path.read_bytes())
    data[at : at + 2] = bytes(2)
    path.write_bytes(data)
    refused(path, "damaged")
