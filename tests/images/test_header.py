import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images import header
from restore_cli.images.header import upright_size
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(0)


def pixels(channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max, (5, 7, channels), dtype)


@pytest.fixture
def _heads_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Picture:
        raise AssertionError(f"{path} was decoded")

    monkeypatch.setattr(header.Picture, "read", refuse)


@pytest.mark.usefixtures("_heads_only")
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp", "bmp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_format_tells_its_size_without_decoding(
    tmp_path: Path, suffix: str, channels: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    Picture(pixels(channels)).write(path)
    assert upright_size(path) == (7, 5)


@pytest.mark.usefixtures("_heads_only")
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Picture(pixels(3, np.uint16), alpha=pixels(1, np.uint16)[..., 0]).write(path)
    assert upright_size(path) == (7, 5)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
@pytest.mark.parametrize("turned", range(9))
def test_orientation_swaps_the_sides_as_reading_does(
    tmp_path: Path, suffix: str, turned: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = turned
    Image.fromarray(pixels()).save(path, exif=exif)
    picture = Picture.read(path)
    assert upright_size(path) == (picture.width, picture.height)
    assert upright_size(path) == ((5, 7) if turned >= 5 else (7, 5))


@pytest.mark.usefixtures("_heads_only")
def test_png_orientation_may_stand_after_the_pixels(tmp_path: Path) -> None:
    kept = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels()).save(kept, "png", exif=exif)
    data = kept.getvalue()
    start = data.index(b"eXIf") - 4
    length = int.from_bytes(data[start : start + 4], "big") + 12
    chunk, rest = data[start : start + length], data[:start] + data[start + length :]
    path = tmp_path / "a.png"
    path.write_bytes(rest[:-12] + chunk + rest[-12:])
    assert upright_size(path) == (5, 7)


def test_damaged_exif_says_nothing_as_in_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(pixels()).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert upright_size(path) == (Picture.read(path).width, Picture.read(path).height) == (7, 5)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("keep", [0, 20, 0.5, 0.9])
def test_files_that_end_early_are_named(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"short.{suffix}"
    Picture(RNG.integers(0, 255, (50, 70, 3), np.uint8)).write(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    with pytest.raises(RestoreError, match=rf"short\.{suffix}"):
        upright_size(path)


def test_kinds_that_are_not_read_are_refused_in_the_readers_words(tmp_path: Path) -> None:
    frames = [Image.fromarray(pixels()) for _ in range(2)]
    frames[0].save(tmp_path / "moves.png", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "moves.webp", save_all=True, append_images=frames[1:])
    tifffile.imwrite(tmp_path / "signed.tif", np.zeros((5, 7), np.int16))
    frames[0].save(tmp_path / "really-a.gif", "gif")
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(RestoreError) as read:
            Picture.read(path)
        with pytest.raises(RestoreError) as sized:
            upright_size(path)
        assert sized.value.message == read.value.message


def test_pictures_with_palettes_and_cmyk_have_a_size(tmp_path: Path) -> None:
    image = Image.fromarray(pixels())
    image.convert("P").save(tmp_path / "a.png")
    image.convert("CMYK").save(tmp_path / "b.jpg")
    image.convert("CMYK").save(tmp_path / "c.tif")
    image.convert("1").save(tmp_path / "d.tif")
    assert {upright_size(path) for path in tmp_path.iterdir()} == {(7, 5)}


def test_a_jpegs_head_is_taken_apart_without_asking_the_file_for_each_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels()).save(tmp_path / "a.jpg", exif=exif)
    whole = (tmp_path / "a.jpg").read_bytes()
    path = tmp_path / "many.jpg"
    path.write_bytes(whole[:2] + b"\xff\xe5\x00\x04ab" * 65535 + whole[2:])

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("Pillow reads it segment by segment")

    monkeypatch.setattr(header.Image, "open", refuse)
    monkeypatch.setattr(header.Picture, "read", refuse)
    assert upright_size(path) == (5, 7)


def test_a_jpeg_of_two_sizes_is_read_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels()).save(path)
    whole = path.read_bytes()
    frame = whole[(at := whole.index(b"\xff\xc0")) : at + 19]
    path.write_bytes(whole[:at] + frame + whole[at:])
    assert header.size_of_head(path) is None
