"""LibRaw interpolates any mosaic that was prepared here."""

import numpy as np
import pytest

from restore_cli.degradations.mosaic import mosaic
from restore_cli.raw.demosaic import demosaic


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (23, 24), (47, 65), (64, 64)])
def test_any_size_and_phase(cfa: str, size: tuple[int, int]) -> None:
    colours = np.broadcast_to(np.array([0.2, 0.5, 0.7], np.float32), (*size, 3))
    seen = demosaic(mosaic(colours, cfa).astype(np.float32), cfa, "ahd")
    assert seen.shape == (*size, 3)
    if min(size) > 1:
        np.testing.assert_allclose(seen / 65535, colours, atol=2e-5)


@pytest.mark.parametrize("method", ["linear", "vng", "ppg", "ahd", "dcb", "dht", "aahd"])
def test_every_method_keeps_a_flat_field(method: str) -> None:
    seen = demosaic(np.full((40, 50), 0.25, np.float32), "RGGB", method)
    inside = seen[4:-4, 4:-4] / 65535  # AAHD is off in two corners
    np.testing.assert_allclose(inside, 0.25, atol=1e-3)


def test_what_lies_outside_is_cut_off() -> None:
    light = np.full((40, 50), 1.5, np.float32)
    assert demosaic(light, "RGGB", "linear").min() == 65535
    assert demosaic(-light, "RGGB", "linear").max() == 0
