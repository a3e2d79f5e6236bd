"""`Picture`: what users need to survive (the rows of USERS.md are named in the tests)."""

import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from icc_profiles import ADOBE_RGB, SRGB, grey_profile
from made_pictures import RNG, exif_block, noise
from PIL import Image, ImageCms

from restore_cli.errors import RestoreError
from restore_cli.images.formats import FORMATS, READABLE_SUFFIXES
from restore_cli.images.picture import Picture


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_row_11_12_depth_grey_and_alpha_survive(
    tmp_path: Path, depth: int, channels: int, with_alpha: bool, suffix: str
) -> None:
    pixels = noise(13, 9, channels, depth)
    alpha = noise(13, 9, 1, depth)[..., 0] if with_alpha else None
    path = tmp_path / f"ünï cödé{suffix}"
    Picture(pixels, alpha).write(path)
    back = Picture.read(path)
    assert back.depth == depth
    assert back.is_grey == (channels == 1)
    assert (back.height, back.width, back.format) == (13, 9, suffix[1:])
    np.testing.assert_array_equal(back.pixels, pixels)
    if alpha is None:
        assert back.alpha is None
    else:
        np.testing.assert_array_equal(back.alpha, alpha)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_row_11_depth_is_decided_by_type_not_by_values(tmp_path: Path, suffix: str) -> None:
    # A 16-bit picture whose values would all fit into 8 bits is a very dark 16-bit picture.
    pixels = noise(5, 5, 3, 8).astype(np.uint16)
    Picture(pixels).write(tmp_path / f"dark{suffix}")
    picture = Picture.read(tmp_path / f"dark{suffix}")
    assert picture.depth == 16
    assert picture.to_srgb().max() <= 255 / 65535
    again = picture.with_srgb(picture.to_srgb())
    np.testing.assert_array_equal(again.pixels, pixels)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_level_survives_the_way_through_srgb(depth: int, channels: int) -> None:
    levels = np.arange(1 << depth, dtype=np.uint8 if depth == 8 else np.uint16)
    pixels = np.repeat(levels.reshape(16, -1, 1), channels, axis=2)
    picture = Picture(pixels)
    srgb = picture.to_srgb()
    assert srgb.dtype == np.float32
    assert srgb.shape == (*pixels.shape[:2], 3)
    np.testing.assert_array_equal(picture.to_planes(), srgb.transpose(2, 0, 1))
    np.testing.assert_array_equal(picture.with_srgb(srgb).pixels, pixels)


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12).flatmap(
            lambda hw: st.sampled_from([(*hw, 1), (*hw, 3)])
        ),
    )
)
def test_identity_holds_for_any_pixels(pixels: np.ndarray) -> None:
    picture = Picture(pixels)
    np.testing.assert_array_equal(picture.with_srgb(picture.to_srgb()).pixels, pixels)


def test_values_are_rounded_half_up_and_clipped() -> None:
    picture = Picture(np.zeros((1, 4, 3), np.uint8))
    values = np.array([[-1.0, 0.5 / 255, 1.4999 / 255, 2.0]], np.float32)
    out = picture.with_srgb(np.repeat(values[..., None], 3, axis=2))
    assert out.pixels[0, :, 0].tolist() == [0, 1, 1, 255]


def test_with_srgb_refuses_another_size() -> None:
    with pytest.raises(ValueError, match="expected"):
        Picture(np.zeros((2, 3, 3), np.uint8)).with_srgb(np.zeros((3, 2, 3), np.float32))


def test_pixels_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8, uint16 or float32"):
        Picture(np.zeros((2, 3, 3), np.float64))
    with pytest.raises(ValueError, match="alpha"):
        Picture(np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint16))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff"])
@pytest.mark.parametrize("depth", [8, 16])
def test_row_7_8_exif_xmp_iptc_and_icc_are_kept(tmp_path: Path, suffix: str, depth: int) -> None:
    xmp = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    iptc = b"\x1c\x02\x78\x00\x07caption"
    exif = exif_block()
    pixels = noise(6, 5, 3, depth)
    path = tmp_path / f"kept{suffix}"
    Picture(pixels, icc=ADOBE_RGB, exif=exif, xmp=xmp, iptc=iptc).write(path)
    back = Picture.read(path)
    assert back.icc == ADOBE_RGB
    assert back.xmp == xmp
    assert back.iptc == (None if suffix == ".webp" else iptc)  # WebP has no place for IPTC
    assert back.exif is not None
    with Image.open(path) as seen:  # an independent reader sees it as well
        assert seen.info["icc_profile"] == ADOBE_RGB
        tags = seen.getexif()
        assert tags[0x010F] == "Maker"
        assert tags.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
        assert seen.info.get("xmp") == xmp
        if suffix == ".jpg":
            assert seen.info["photoshop"][0x0404] == iptc
    if suffix in (".png", ".jpg", ".webp"):
        assert back.exif == exif  # byte for byte, so maker notes hold


def test_row_7_metadata_goes_from_jpeg_through_tiff_and_png(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif_block(8))
    Picture.read(tmp_path / "a.jpg").write(tmp_path / "b.tiff")
    Picture.read(tmp_path / "b.tiff").write(tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as last:
        assert last.getexif()[0x010F] == "Maker"
        assert last.getexif().get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"


def littlecms(pixels: np.ndarray, source: bytes, target: bytes) -> np.ndarray:
    how = ImageCms.buildTransform(
        io.BytesIO(source), io.BytesIO(target), "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    done = ImageCms.applyTransform(Image.fromarray(pixels), how)
    assert done is not None
    return np.asarray(done)


def test_row_8_icc_is_converted_as_littlecms_does() -> None:
    pixels = noise(40, 40, 3, 8)
    ours = Picture(pixels, icc=ADOBE_RGB).to_srgb()
    theirs = littlecms(pixels, ADOBE_RGB, SRGB)
    assert np.abs(ours * 255 - theirs).max() <= 1.0


def test_row_8_new_colors_are_converted_back_as_littlecms_does() -> None:
    new = RNG.integers(40, 200, (40, 40, 3)).astype(np.uint8)
    grey = Picture(np.full((40, 40, 3), 128, np.uint8), icc=ADOBE_RGB)
    ours = grey.with_srgb(new / np.float32(255))
    theirs = littlecms(new, SRGB, ADOBE_RGB)
    assert ours.icc == ADOBE_RGB
    assert np.abs(ours.pixels.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("depth", [8, 16])
def test_row_8_untouched_colors_survive_even_outside_srgb(depth: int) -> None:
    picture = Picture(noise(50, 50, 3, depth), icc=ADOBE_RGB)
    np.testing.assert_array_equal(picture.with_srgb(picture.to_srgb()).pixels, picture.pixels)


def test_row_8_16_bits_are_not_crushed_by_the_profile() -> None:
    ramp = np.arange(20000, 40000, dtype=np.uint16)
    picture = Picture(np.repeat(ramp.reshape(100, 200, 1), 3, axis=2), icc=ADOBE_RGB)
    assert len(np.unique(picture.to_srgb()[..., 1])) == 20000


def test_row_8_noise_outside_srgb_does_not_return_once_removed() -> None:
    clean = np.full((64, 64, 3), 20.0)
    noisy = np.clip(clean + RNG.normal(0, 15, clean.shape) + 0.5, 0, 255).astype(np.uint8)
    picture = Picture(noisy, icc=ADOBE_RGB)
    restored = picture.with_srgb(np.full((64, 64, 3), 0.1, np.float32))
    assert restored.pixels.std() < 0.01


def test_row_8_a_color_outside_srgb_keeps_its_saturation() -> None:
    green = np.full((4, 4, 3), (20, 250, 20), np.uint8)
    picture = Picture(green, icc=ADOBE_RGB)
    nearly = np.clip(picture.to_srgb() - np.float32(0.004), 0, 1)
    assert np.abs(picture.with_srgb(nearly).pixels.astype(int) - green).max() <= 8


def test_row_8_12_grey_profile(tmp_path: Path) -> None:
    icc = grey_profile(1.8)
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    Picture(levels, icc=icc).write(tmp_path / "g.png")
    picture = Picture.read(tmp_path / "g.png")
    assert picture.is_grey
    assert picture.icc == icc
    how = ImageCms.buildTransform(
        io.BytesIO(icc),
        io.BytesIO(SRGB),
        "L",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.NOOPTIMIZE,  # its shortcuts cost up to 4 levels in the shadows
    )
    theirs = ImageCms.applyTransform(Image.fromarray(levels[..., 0]), how)
    assert np.abs(picture.to_srgb() * 255 - np.asarray(theirs)).max() <= 1.0
    np.testing.assert_array_equal(picture.with_srgb(picture.to_srgb()).pixels, levels)


def test_row_8_12_grey_with_profile_becomes_srgb_where_the_format_has_no_place_for_it(
    tmp_path: Path,
) -> None:
    picture = Picture(np.full((8, 8, 1), 100, np.uint8), icc=grey_profile(1.0))
    expected = round(float(picture.to_srgb()[0, 0, 0]) * 255)
    for suffix, near in ((".bmp", 0), (".webp", 2)):
        picture.write(tmp_path / f"a{suffix}")
        back = Picture.read(tmp_path / f"a{suffix}")
        assert back.icc is None
        assert abs(int(back.pixels[4, 4, 0]) - expected) <= near


@pytest.mark.parametrize("icc", [b"junk", ADOBE_RGB[:200], grey_profile(2.2)])
def test_row_8_a_broken_or_foreign_profile_is_ignored_with_a_note(
    tmp_path: Path, icc: bytes
) -> None:
    pixels = noise(4, 4, 3, 8)
    path = tmp_path / "a.tiff"
    Picture(pixels).write(path)
    tifffile.imwrite(path, pixels, photometric="rgb", iccprofile=icc)
    picture = Picture.read(path)
    assert picture.icc is None
    assert any("colour profile" in note for note in picture.notes)
    np.testing.assert_array_equal(picture.with_srgb(picture.to_srgb()).pixels, pixels)


def test_row_13_one_pixel_pictures(tmp_path: Path) -> None:
    for one in (one for one in FORMATS.values() if one.available):
        path = tmp_path / f"one{one.suffixes[0]}"
        Picture(np.full((1, 1, 3), 77, np.uint8)).write(path)
        assert Picture.read(path).pixels.shape == (1, 1, 3)


def test_format_argument_rules_over_the_suffix_and_unknown_ones_are_named(tmp_path: Path) -> None:
    picture = Picture(noise(4, 4, 3, 8))
    picture.write(tmp_path / "a.dat", format="jpeg")
    assert Picture.read(tmp_path / "a.dat").format == "jpg"
    with pytest.raises(RestoreError, match=r"a\.gif.*'\.gif'"):
        picture.write(tmp_path / "a.gif")
    with pytest.raises(RestoreError, match="'gif'"):
        picture.write(tmp_path / "a.png", format="gif")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.dat"]
    assert {".png", ".jpeg", ".tif", ".webp", ".bmp"} <= READABLE_SUFFIXES


def test_row_5_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    Picture(noise(4, 4, 3, 8)).write(path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RestoreError, match=r"a\.png: cannot be written: No space left") as caught:
        Picture(noise(8, 8, 3, 8)).write(path)
    assert caught.value.hint is not None
    assert "space" in caught.value.hint
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_row_5_ctrl_c_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Picture(noise(4, 4, 3, 8)).write(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_writing_where_one_cannot_is_named(tmp_path: Path) -> None:
    picture = Picture(noise(4, 4, 3, 8))
    with pytest.raises(RestoreError, match=r"gone.a\.png: cannot be written"):
        picture.write(tmp_path / "gone" / "a.png")
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(RestoreError, match=r"dir\.png: cannot be written"):
        picture.write(tmp_path / "dir.png")
    assert [p.name for p in tmp_path.iterdir()] == ["dir.png"]


def test_a_very_long_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".png")
    Picture(noise(4, 4, 3, 8)).write(path)
    assert path.exists()


@pytest.mark.slow
def test_row_1_a_24_megapixel_picture_stays_small_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    pixels = np.zeros((4000, 6000, 3), np.uint16)
    picture = Picture(pixels, icc=ADOBE_RGB)
    tracemalloc.start()
    srgb = picture.to_srgb()
    out = picture.with_srgb(srgb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert out.pixels.shape == pixels.shape
    assert peak < 288e6 + 144e6 + 150e6  # the floats, the result, and one band at work
