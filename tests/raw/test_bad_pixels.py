"""Bad pixels that a file names are mended from their neighbours of the same colour."""

import struct

import numpy as np
import pytest
from dng_cases import op
from opcode_lists import done

from restore_cli.raw.bad_pixels import _covered, fix_list


def test_bad_pixels_take_the_mean_of_their_colour() -> None:
    mosaic = np.tile(np.array([[100.0, 200.0], [200.0, 400.0]], np.float32), (12, 16))
    spoilt = mosaic.copy()
    spoilt[6, 8] = spoilt[9, 9] = 0
    constant = op(4, struct.pack(">2I", 0, 0))
    np.testing.assert_array_equal(done(spoilt, constant, cfa_step=2), mosaic)
    spoilt[6, 8] = 7
    spoilt[0:2, 0:3] = 9
    places = struct.pack(">3I", 0, 2, 1) + struct.pack(">8I", 6, 8, 9, 9, 0, 0, 2, 3)
    np.testing.assert_array_equal(done(spoilt, op(5, places), cfa_step=2), mosaic)


def test_a_list_that_is_cut_off_is_damaged() -> None:
    planes = np.zeros((4, 4, 1), np.float32)
    with pytest.raises(ValueError, match="cut off"):
        fix_list(planes, struct.pack(">3I", 0, 2, 0) + bytes(8), 2)


def test_rectangles_cover_what_they_cover_one_by_one() -> None:
    rng = np.random.default_rng(3)
    areas = rng.integers(0, 30, (200, 4)).astype(np.uint32)  # many empty, many over the edge
    bad = rng.uniform(size=(20, 25)) < 0.01
    meant = bad.copy()
    for top, left, bottom, right in areas[:3]:
        meant[top:bottom, left:right] = True
    np.testing.assert_array_equal(_covered(areas[:3], bad), meant)
    for top, left, bottom, right in areas:
        meant[top:bottom, left:right] = True
    np.testing.assert_array_equal(_covered(areas, bad), meant)
    huge = np.array([[5, 5, 2**32 - 1, 2**32 - 1]], np.uint32)
    assert _covered(huge, np.zeros((20, 25), bool)).sum() == 15 * 20
