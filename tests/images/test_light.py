"""Floating-point light in and out."""

from pathlib import Path

import numpy as np
import pytest

from restore_cli.errors import RestoreError
from restore_cli.images import light
from restore_cli.images.formats import FORMATS
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(12)
SCENE = RNG.gamma(0.7, 0.8, (8, 9, 3)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".exr", ".pfm", ".tiff"])
def test_floats_survive_bit_for_bit_with_highlights(tmp_path: Path, suffix: str) -> None:
    if suffix == ".exr" and not FORMATS["exr"].available:
        pytest.skip("needs the extra [exr]")
    linear = suffix != ".tiff"
    Picture(SCENE, linear=linear).write(tmp_path / f"a{suffix}")
    picture = Picture.read(tmp_path / f"a{suffix}")
    assert picture.linear == linear
    assert any("above 1" in note for note in picture.notes)
    np.testing.assert_array_equal(picture.with_srgb(picture.to_srgb()).pixels, SCENE)


def test_what_is_restored_lies_in_range_and_highlights_are_carried_over() -> None:
    picture = Picture(np.array([[[0.2] * 3, [7.0] * 3]], np.float32), linear=True)
    srgb = picture.to_srgb()
    changed = srgb.copy()
    changed[0, 0] = 0.5
    changed[0, 1] = 0.999
    out = picture.with_srgb(changed).pixels
    assert out[0, 0] == pytest.approx(0.2140, abs=1e-3)
    assert 6.5 < out[0, 1, 0] < 7


def test_radiance_files_come_back_the_same(tmp_path: Path) -> None:
    Picture(SCENE, linear=True).write(tmp_path / "a.hdr")
    first = Picture.read(tmp_path / "a.hdr")
    assert np.abs(first.pixels - SCENE).max() <= SCENE.max() / 128
    first.with_srgb(first.to_srgb()).write(tmp_path / "b.hdr")
    np.testing.assert_array_equal(Picture.read(tmp_path / "b.hdr").pixels, first.pixels)


def test_the_exposure_in_a_radiance_header_counts() -> None:
    data = light.encode_hdr(SCENE).replace(b"#?RADIANCE\n", b"#?RADIANCE\nEXPOSURE=2.0\n")
    pixels, _, _ = light.read_hdr(data)
    assert np.abs(pixels * 2 - light.read_hdr(light.encode_hdr(SCENE))[0]).max() < 1e-6


def test_alpha_of_exr_is_taken_out_and_put_back(tmp_path: Path) -> None:
    if not FORMATS["exr"].available:
        pytest.skip("needs the extra [exr]")
    alpha = RNG.uniform(0.2, 1, SCENE.shape[:2]).astype(np.float32)
    Picture(SCENE, alpha, linear=True).write(tmp_path / "a.exr")
    back = Picture.read(tmp_path / "a.exr")
    np.testing.assert_array_equal(back.alpha, alpha)
    np.testing.assert_allclose(back.pixels, SCENE, rtol=1e-5)


def test_nan_and_infinity_do_not_reach_the_network() -> None:
    pixels = np.array([[[np.nan] * 3, [np.inf] * 3, [0.5] * 3]], np.float32)
    picture = Picture(pixels, linear=True)
    srgb = picture.to_srgb()
    assert np.isfinite(srgb).all()
    assert srgb[0, 1].tolist() == [1, 1, 1]
    np.testing.assert_array_equal(picture.with_srgb(srgb).pixels, pixels)


def test_damage_that_openexr_only_prints_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("OpenEXR")
    path = tmp_path / "x.exr"
    pixels = np.linspace(0, 1, 16 * 24 * 3, dtype=np.float32).reshape(16, 24, 3)
    Picture(pixels, linear=True, format="exr").write(path)
    data = bytearray(path.read_bytes())
    data[-200:-100] = bytes(100)  # of what is packed
    path.write_bytes(data)
    with pytest.raises(RestoreError, match="OpenEXR file is damaged"):
        Picture.read(path)
    assert capfd.readouterr().out == ""
