"""Opcode list 3, crop and scale of a demosaiced picture."""

import struct
from pathlib import Path

import numpy as np
import pytest
from dng_files import developed, light, ratios, write


def vignette(factor: float) -> bytes:
    data = struct.pack(">7d", factor, 0, 0, 0, 0, 0.5, 0.5)
    return struct.pack(">5I", 1, 3, 0x01030000, 0, len(data)) + data


@pytest.mark.parametrize("proof", [False, True])
def test_the_third_list_works_on_light_before_white_balance(tmp_path: Path, proof: bool) -> None:
    frame = np.full((96, 128, 3), 0.2) * np.array([0.5, 1, 0.8])
    data = vignette(0.8)
    tags = ((51022, 7, len(data), data), (50728, 5, 3, ratios([0.5, 1, 0.8])))
    path = write(tmp_path / "a.dng", np.round(frame * 65535).astype(np.uint16), *tags)
    picture, loaded = developed(path, linear=True, bits=16, proof=proof)
    height, width = (48, 64) if proof else (96, 128)
    assert picture.pixels.shape[:2] == (height, width)
    y, x = (np.mgrid[:height, :width].T - [height / 2 - 0.5, width / 2 - 0.5]).T
    square = (y**2 + x**2) / ((height / 2) ** 2 + (width / 2) ** 2)
    expected = 0.2 * (1 + 0.8 * square)
    np.testing.assert_allclose(picture.pixels[..., 1] / 65535, expected, atol=2e-3)
    assert loaded.details["corrections"] == ["FixVignetteRadial"]
    off = light(path, lens_corrections="off", proof=proof)
    np.testing.assert_allclose(off[..., 1], 0.2, atol=1e-3)
