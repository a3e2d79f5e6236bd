"""Saturated colours: never magenta, and rebuilt by their surroundings."""

import numpy as np
import pytest

from restore_cli.degradations.mosaic import mosaic
from restore_cli.raw.highlights import reconstruct, reconstruct_mosaic

GAINS = (2.0, 1.0, 1.5)


def sky() -> np.ndarray:
    """A blue sky that brightens until green and then all colours saturate, balanced light."""
    x = np.linspace(0.2, 2.4, 256)[None, :, None]
    return np.broadcast_to(x * np.array([0.7, 0.85, 1.0]), (96, 256, 3))


def seen_by_sensor() -> np.ndarray:
    return np.minimum(sky() / np.array(GAINS), 1).astype(np.float32)


@pytest.mark.parametrize("mosaiced", [False, True])
def test_clipped_green_is_rebuilt(mosaiced: bool) -> None:
    light = seen_by_sensor()
    if mosaiced:
        flat = reconstruct_mosaic(mosaic(light, "RGGB").astype(np.float32), "RGGB", GAINS)
        rebuilt = np.stack([flat[::2, ::2], flat[::2, 1::2], flat[1::2, 1::2]], axis=2)
        true = np.stack([sky()[::2, ::2, 0], sky()[::2, 1::2, 1], sky()[1::2, 1::2, 2]], axis=2)
        clipped = light[::2, 1::2] >= 0.985
    else:
        rebuilt, true, clipped = reconstruct(light, GAINS), sky(), light >= 0.985
    green_only = clipped[..., 1] & ~clipped[..., 0] & ~clipped[..., 2]
    assert green_only.sum() > 500
    error = np.abs(rebuilt[green_only] / true[green_only] - 1)
    assert error.mean() < 0.03
    # What was not saturated is as it was.
    np.testing.assert_allclose(rebuilt[~clipped.any(axis=2)], true[~clipped.any(axis=2)], rtol=1e-5)


def test_saturated_places_are_white() -> None:
    light = np.full((32, 32, 3), 0.1, np.float32)
    light[8:24, 8:24] = 1
    rebuilt = reconstruct(light, GAINS)
    np.testing.assert_allclose(rebuilt[10:22, 10:22], 2.0)
    assert reconstruct(light * 0.5, GAINS).max() == 1.0


def test_nothing_turns_magenta() -> None:
    rebuilt = np.minimum(reconstruct(seen_by_sensor(), GAINS), 2)
    # Green never falls behind both of the others.
    assert (rebuilt[..., 1] >= 0.95 * np.minimum(rebuilt[..., 0], rebuilt[..., 2])).all()
