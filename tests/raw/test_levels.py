"""Levels and what replaces those that make no sense."""

import numpy as np
import pytest

from restore_cli.degradations.cameras import Camera
from restore_cli.raw.levels import (
    Levels,
    check_black,
    choose_gains,
    choose_matrix,
    masked_black,
    usable_gains,
)


def test_the_black_level_is_tile_plus_deltas() -> None:
    tile = np.array([[1.0, 2.0], [3.0, 4.0]])
    levels = Levels(tile, 100, np.arange(5) * 10.0, np.arange(3) * 100.0)
    whole = np.array([[tile[y % 2, x % 2] + 10 * y + 100 * x for x in range(3)] for y in range(5)])
    np.testing.assert_array_equal(levels.black(slice(0, 5), 3), whole)
    np.testing.assert_array_equal(levels.black(slice(3, 5), 3), whole[3:])
    assert Levels(np.full((1, 1), 7.0), 100).black(slice(0, 9), 9) == 7


@pytest.mark.parametrize(
    ("camera", "daylight", "expected", "words"),
    [
        ([2.0, 1.0, 1.5, 0.0], [9.0, 9.0, 9.0, 0.0], (2.0, 1.0, 1.5), ""),
        ([1024.0, 512.0, 768.0], [0.0, 0.0, 0.0], (2.0, 1.0, 1.5), ""),
        ([-1.0, -1.0, -1.0, -1.0], [2.2, 1.1, 1.1, 0.0], (2.0, 1.0, 1.0), "daylight's is used"),
        ([0.0, 0.0, 0.0, 0.0], [2.0, 1.0, 1.0, 1.0], (2.0, 1.0, 1.0), "daylight's is used"),
        ([float("nan"), 1.0, 1.0], [0.0, 1.0, 1.0], (1.0, 1.0, 1.0), "none is applied"),
        ([1e6, 1.0, 1.0], [2.0, 1.0, 1.0], (2.0, 1.0, 1.0), "daylight's is used"),
    ],
)
def test_white_balance_and_its_fallbacks(
    camera: list[float], daylight: list[float], expected: tuple[float, ...], words: str
) -> None:
    gains, notes = choose_gains(camera, daylight)
    assert gains == pytest.approx(expected)
    assert words in " ".join(notes)
    assert bool(words) == bool(notes)


def test_too_few_multipliers_are_none() -> None:
    assert usable_gains([1.0, 1.0]) is None


def test_matrices_and_their_fallbacks() -> None:
    camera = Camera.named("Sony A7")
    table = np.vstack([camera.xyz_to_camera, np.zeros((1, 3))])
    inverse = np.linalg.inv(camera.from_srgb())
    embedded = np.hstack([inverse, np.zeros((3, 1))])
    nothing = np.zeros((3, 4))
    for given, notes_expected in (((embedded, table * 0), 0), ((nothing, table), 0)):
        matrix, notes = choose_matrix(*given)
        np.testing.assert_allclose(matrix, inverse, atol=1e-9)
        assert len(notes) == notes_expected
    for broken in (nothing, np.full((3, 4), np.nan), np.ones((3, 4))):
        matrix, notes = choose_matrix(broken, table * 0)
        np.testing.assert_array_equal(matrix, np.eye(3))
        assert "no colour matrix" in notes[0]


def test_a_masked_border_tells_the_black_level() -> None:
    frame = np.random.default_rng(0).normal(3000, 500, (60, 80)).astype(np.uint16)
    frame[:, :12] = np.random.default_rng(1).normal(512, 5, (60, 12)).astype(np.uint16)
    assert masked_black(frame, 0, 12, 16383) == pytest.approx(512, abs=2)
    # A border as bright as the picture, or uneven, or none, tells nothing.
    assert masked_black(frame[:, 12:], 0, 12, 16383) is None
    assert masked_black(frame[:, 12:] + 8000, 6, 0, 16383) is None
    assert masked_black(frame, 0, 0, 16383) is None


def test_a_black_level_near_white_is_nonsense() -> None:
    tile = np.array([[64.0]])
    assert check_black(tile, 1023) == (tile, [])
    for broken in (np.array([[1000.0]]), np.array([[np.inf]]), np.array([[-5.0]])):
        level, notes = check_black(broken, 1023)
        assert level.item() == 0
        assert "makes no sense" in notes[0]
