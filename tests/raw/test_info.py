"""Colours of a file under any white balance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from dng_files import TO_CAMERA, write

from restore_cli.raw.file import open_raw
from restore_cli.raw.info import gains_under
from restore_cli.raw.temperature import D65


def test_matrices_follow_the_white_balance(tmp_path: Path) -> None:
    with open_raw(write(tmp_path / "a.dng", np.full((48, 64), 9000, np.uint16))) as raw:
        info = raw.info()
    # A camera that sees linear sRGB needs no matrix under D65.
    np.testing.assert_allclose(info.matrix_for((1.0, 1.0, 1.0)), np.eye(3), atol=2e-3)
    warm = info.matrix_for((0.6, 1.0, 1.8))
    np.testing.assert_allclose(warm.sum(axis=1), 1)
    assert np.abs(warm - np.eye(3)).max() > 0.02
    fixed = replace(info, follows_dng=False)
    np.testing.assert_array_equal(fixed.matrix_for((0.6, 1.0, 1.8)), info.matrix)


def test_gains_under_a_light(tmp_path: Path) -> None:
    with open_raw(write(tmp_path / "a.dng", np.full((48, 64), 9000, np.uint16))) as raw:
        info = raw.info()
    assert info.colour is not None
    np.testing.assert_allclose(gains_under(info.colour, D65), (1, 1, 1), atol=2e-3)
    assert info.gains_under(D65) == info.daylight_gains
    assert replace(info, colour=None).gains_under(D65) is None
    assert TO_CAMERA.shape == (3, 3)
    bayer = replace(info, kind="x-trans")
    assert bayer.why_not_bayer == "an X-Trans mosaic"
