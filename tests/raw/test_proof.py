"""Proofs are half the picture."""

from pathlib import Path

import numpy as np
import pytest
from dng_files import developed, write

from restore_cli.degradations.mosaic import mosaic
from restore_cli.raw.dng import DngTags, write_dng
from restore_cli.raw.dng_tags import Area
from restore_cli.raw.proof import binned, halved


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
def test_cells_become_pixels(cfa: str) -> None:
    colours = np.random.default_rng(0).random((5, 7, 3), np.float32)
    light = mosaic(colours.repeat(2, 0).repeat(2, 1), cfa).astype(np.float32)
    np.testing.assert_allclose(binned(light, cfa), colours, rtol=1e-6)
    np.testing.assert_allclose(
        binned(colours, ""), colours[:4, :6].reshape(2, 2, 3, 2, 3).mean((1, 3))
    )


def test_areas_are_halved_inside_of_the_picture() -> None:
    assert halved(Area(2, 4, 9, 11), (20, 20)) == Area(1, 2, 4, 5)
    assert halved(Area(0, 0, 1, 1), (3, 3)) == Area(0, 0, 3, 3)


def test_a_proof_is_half_as_large_and_alike(tmp_path: Path) -> None:
    y, x = np.mgrid[:300, :400] / 40
    frame = (20000 + 8000 * np.sin(x) * np.cos(y)).astype(np.uint16)
    path = write(tmp_path / "a.dng", frame)
    whole, _ = developed(path, linear=True, bits=16)
    proof, loaded = developed(path, linear=True, bits=16, proof=True, engine="learned")
    assert proof.pixels.shape == (150, 200, 3) == (loaded.height, loaded.width, 3)
    small = whole.pixels.reshape(150, 2, 200, 2, 3).mean((1, 3))
    assert np.abs(proof.pixels - small)[4:-4, 4:-4].max() < 400


def test_a_proof_looks_for_no_hot_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    light = np.full((40, 40), 3000, np.uint16)
    light[20, 20] = 16_000
    write_dng(path, light, DngTags(black=(0.0,) * 4, white=16_383))
    counts = [developed(path, proof=proof)[1].details["hot_pixels"] for proof in (False, True)]
    assert counts == [1, None]
