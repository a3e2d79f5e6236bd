"""Matrices against LibRaw's and scikit-image's, and what the tone curve promises."""

from pathlib import Path

import numpy as np
import pytest
import rawpy
from skimage.color import rgb2xyz

from restore_cli.degradations.cameras import Camera
from restore_cli.images.profile import encode_srgb
from restore_cli.raw.colorimetry import (
    SRGB_TO_XYZ,
    balanced_matrix,
    extremes,
    to_srgb_matrix,
    tone_curve,
)
from restore_cli.raw.dng import DngTags, write_dng


def test_srgb_to_xyz_is_the_standard_one() -> None:
    light = np.random.default_rng(0).random((4, 5, 3))
    expected = rgb2xyz(encode_srgb(light))
    np.testing.assert_allclose(light @ SRGB_TO_XYZ.T, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["Nikon D700", "Canon EOS 5D Mark II", "Sony A7"])
def test_the_matrix_is_the_one_that_libraw_makes(tmp_path: Path, name: str) -> None:
    camera = Camera.named(name)
    tags = DngTags(xyz_to_camera=camera.xyz_to_camera, neutral=camera.neutral)
    write_dng(tmp_path / "a.dng", np.full((64, 64), 999, np.uint16), tags)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        theirs = raw.color_matrix[:, :3]
    np.testing.assert_allclose(to_srgb_matrix(camera.xyz_to_camera), theirs, atol=2e-3)


def test_white_stays_white() -> None:
    matrix = Camera.named("Pentax K-5").xyz_to_camera
    np.testing.assert_allclose(balanced_matrix(matrix).sum(axis=1), 1)
    np.testing.assert_allclose(to_srgb_matrix(matrix).sum(axis=1), 1)


@pytest.mark.parametrize("matrix", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.ones((3, 3))])
def test_what_is_no_matrix_of_a_camera_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not the matrix"):
        to_srgb_matrix(matrix)


def grey(*values: float) -> np.ndarray:
    return np.repeat(np.array(values, np.float32)[:, None], 3, axis=1)


def test_the_tone_curve_keeps_black_white_and_grey() -> None:
    ends = tone_curve(grey(0, 1))
    np.testing.assert_allclose(ends, grey(0, 1), atol=1e-6)
    toned = tone_curve(grey(*np.linspace(0, 1, 50)))
    np.testing.assert_array_equal(toned[:, 0], toned[:, 2])
    assert (np.diff(toned[:, 0]) > 0).all()


def test_the_tone_curve_lifts_middle_grey_and_leaves_shadows() -> None:
    middle, shadow = tone_curve(grey(0.18, 0.002))[:, 0]
    assert np.log2(middle / 0.18) == pytest.approx(0.7, abs=0.05)
    assert np.log2(shadow / 0.002) < 0.1


def test_the_tone_curve_keeps_hues() -> None:
    light = np.random.default_rng(1).random((1000, 3)).astype(np.float32)
    toned = tone_curve(light)

    def place(colours: np.ndarray) -> np.ndarray:
        ordered = np.sort(colours, axis=1)
        return (ordered[:, 1] - ordered[:, 0]) / (ordered[:, 2] - ordered[:, 0])

    np.testing.assert_array_equal(light.argsort(axis=1), toned.argsort(axis=1))
    np.testing.assert_allclose(place(light), place(toned), atol=2e-3)


def test_values_outside_are_clipped() -> None:
    np.testing.assert_allclose(tone_curve(grey(-0.5, 7.0)), grey(0, 1), atol=1e-6)


def test_extremes_are_those_of_each_pixel() -> None:
    rgb = np.random.default_rng(0).normal(size=(7, 9, 3)).astype(np.float32)
    rgb[0, 0, 1] = np.nan
    low, high = extremes(rgb)
    np.testing.assert_array_equal(low, rgb.min(axis=-1))
    np.testing.assert_array_equal(high, rgb.max(axis=-1))
