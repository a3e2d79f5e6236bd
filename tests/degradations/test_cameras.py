"""Simulated cameras: their colours keep white, their noise has the statistics it promises."""

import numpy as np
import pytest

from restore_cli.degradations.cameras import FULL_WELL, Camera, Noise


def test_the_plain_camera_sees_linear_srgb() -> None:
    camera = Camera.plain()
    np.testing.assert_allclose(camera.from_srgb(), np.eye(3), atol=1e-9)
    np.testing.assert_array_equal(camera.neutral, 1)


def test_drawn_cameras_keep_white_and_can_be_inverted() -> None:
    for seed in range(200):
        camera = Camera.draw(np.random.default_rng(seed))
        matrix = camera.from_srgb()
        np.testing.assert_allclose(matrix.sum(axis=1), 1)
        assert np.linalg.cond(matrix) < 10
        # Each colour of the camera sees most of its own colour.
        assert (matrix.argmax(axis=1) == [0, 1, 2]).all()
        assert camera.neutral.max() == 1
        assert camera.neutral.min() > 0.3


def test_draws_follow_the_seed_and_differ() -> None:
    first, again, other = (Camera.draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.xyz_to_camera, again.xyz_to_camera)
    assert np.abs(first.from_srgb() - other.from_srgb()).max() > 0.01


def test_named_cameras_have_the_matrix_of_their_files() -> None:
    # Canon EOS 550D is the Kiss X4 of ../shared/data/raw/colorchart.dng, ColorMatrix1.
    matrix = Camera.named("Canon EOS 550D").xyz_to_camera
    np.testing.assert_allclose(matrix[1:], [[-0.3825, 1.1597, 0.2534], [-0.0416, 0.154, 0.6039]])
    with pytest.raises(KeyError):
        Camera.named("no such camera")


def test_shot_noise_counts_electrons() -> None:
    noise = Noise.of_iso(400)
    # At saturation 25,000 / 4 electrons are counted; the deviation is their square root.
    electrons = FULL_WELL / 4
    relative = float(noise.deviation(np.array(1.0)))
    assert relative == pytest.approx(1 / np.sqrt(electrons), rel=0.01)
    assert float(noise.deviation(np.array(0.0))) == noise.read
    assert float(noise.deviation(np.array(-0.1))) == noise.read


def test_more_iso_is_more_noise_and_a_larger_sensor_less() -> None:
    assert Noise.of_iso(3200).shot == pytest.approx(32 * Noise.of_iso(100).shot)
    assert Noise.of_iso(3200, size=2.0).shot == pytest.approx(Noise.of_iso(1600).shot)
