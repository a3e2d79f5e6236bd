"""Files whose end is missing, cut as an interrupted copy cuts them."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images.header import upright_size
from restore_cli.images.picture import Picture
from restore_cli.images.unended import MOST_MISSING, ended, told

PHOTO = Path(__file__).parents[2] / "examples" / "photos" / "coffee.jpg"
KINDS: dict[str, dict[str, object]] = {
    "baseline": {"quality": 90},
    "whole colour": {"quality": 90, "subsampling": 0},
    "progressive": {"quality": 90, "progressive": True},
    "restarts": {"quality": 90, "restart_marker_rows": 1},
    "grey": {"quality": 90},
}


def saved(kind: str, format: str = "JPEG", **options: object) -> bytes:
    with Image.open(PHOTO) as image:
        out = io.BytesIO()
        image.convert("L" if kind == "grey" else "RGB").save(out, format, **options)
    return out.getvalue()


def read(path: Path, data: bytes) -> Picture:
    path.write_bytes(data)
    return Picture.read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_without_its_last_marker_is_whole(tmp_path: Path, kind: str) -> None:
    data = saved(kind, **KINDS[kind])
    whole = read(tmp_path / "a.jpg", data)
    for cut in (1, 2):
        seen = read(tmp_path / "a.jpg", data[:-cut])
        np.testing.assert_array_equal(seen.pixels, whole.pixels)
        assert seen.notes == (*whole.notes, told(0.0))
        assert upright_size(tmp_path / "a.jpg") == (600, 400)


@pytest.mark.parametrize("cut", [3, 20, 300])
@pytest.mark.parametrize("kind", KINDS)
def test_how_much_of_a_jpeg_is_missing_is_told(tmp_path: Path, kind: str, cut: int) -> None:
    data = saved(kind, **KINDS[kind])
    whole = read(tmp_path / "a.jpg", data).pixels.astype(int)
    seen = read(tmp_path / "a.jpg", data[:-cut])
    wrong = (whole != seen.pixels).any(axis=-1).mean()
    found = ended(data[:-cut], "jpg")
    assert found is not None
    # Beside them, interpolated colours of the pixels next to those that are missing are off.
    assert wrong <= 1.2 * found[1]
    assert 0 < found[1] <= MOST_MISSING
    assert f"the last {found[1]:.2%} of its pixels" in seen.notes[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_lacks_more_is_refused_and_how_much_is_told(tmp_path: Path, kind: str) -> None:
    data = saved(kind, **KINDS[kind])
    for keep in (0.9, 0.3):
        with pytest.raises(RestoreError, match=r"a\.jpg: .*\d+% of its pixels are missing|truncat"):
            read(tmp_path / "a.jpg", data[: int(len(data) * keep)])


def test_a_progressive_jpeg_without_its_last_scans_is_refused(tmp_path: Path) -> None:
    """All its places are there, but none is exact."""
    data = saved("progressive", **KINDS["progressive"])
    last = data.rindex(b"\xff\xda")
    with pytest.raises(RestoreError, match="truncated"):
        read(tmp_path / "a.jpg", data[:last])


def test_a_jpeg_that_is_wrong_before_its_pixels_is_refused(tmp_path: Path) -> None:
    data = saved("baseline")
    with pytest.raises(RestoreError, match="ends early"):
        read(tmp_path / "a.jpg", data[:100])


def test_a_png_whose_pixels_are_whole_is_read(tmp_path: Path) -> None:
    data = saved("colour", "PNG")
    whole = read(tmp_path / "a.png", data)
    for cut in (1, 4, 8, 12):
        seen = read(tmp_path / "a.png", data[:-cut])
        np.testing.assert_array_equal(seen.pixels, whole.pixels)
        assert seen.notes == (told(0.0),)
        assert upright_size(tmp_path / "a.png") == (600, 400)
    with pytest.raises(RestoreError, match="ends early"):
        read(tmp_path / "a.png", data[:-16])


def test_16_bits_too(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    Picture(pixels).write(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    np.testing.assert_array_equal(read(tmp_path / "a.png", data[:-12]).pixels, pixels)


@pytest.mark.parametrize(("suffix", "format"), [("tif", "TIFF"), ("webp", "WEBP"), ("bmp", "BMP")])
def test_others_are_refused_as_soon_as_a_pixel_is_missing(
    tmp_path: Path, suffix: str, format: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(RestoreError, match="damaged or truncated"):
        read(path, saved("colour", format)[:-2])
    assert ended(b"", suffix) is None


def test_what_is_no_end_is_not_mended() -> None:
    data = saved("colour", "PNG")
    assert ended(data, "png") is None
    assert ended(saved("baseline"), "jpg") is None
    with pytest.raises(zlib.error):
        ended(data[:60] + b"\0" * 40 + data[100:], "png")
