"""Samples to floats and back: against the formulas, whatever the memory looks like."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_cli.images.profile import LINEAR, decode_srgb
from restore_cli.images.samples import from_floats, to_floats

SIZES = [(1, 1), (37, 41), (2, 70_000), (300, 200)]  # the last two take several bands


def _floats(height: int, width: int) -> NDArray[np.float32]:
    """Planes, some values beyond [0, 1]."""
    rng = np.random.default_rng(height)
    return rng.uniform(-0.1, 1.1, (3, height, width)).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("layout", ["planes", "pixels", "double"])
def test_colours_are_rounded_half_up(size: tuple[int, int], kind: type[Any], layout: str) -> None:
    planes, top = _floats(*size), np.float32(np.iinfo(kind).max)
    given: NDArray[Any] = planes.transpose(1, 2, 0)
    if layout != "planes":
        given = np.ascontiguousarray(given, np.float64 if layout == "double" else None)
    before = given.copy()
    made = from_floats(np.zeros((*size, 3), kind), given, None)
    wanted = np.floor(planes.clip(0, 1) * top + np.float32(0.5)).transpose(1, 2, 0)
    np.testing.assert_array_equal(made, wanted)
    np.testing.assert_array_equal(given, before)
    assert made.dtype == kind
    assert made.flags.c_contiguous


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_sample_comes_back(kind: type[Any]) -> None:
    codes = np.arange(np.iinfo(kind).max + 1, dtype=kind)
    for samples in (codes.reshape(-1, 256, 1), np.stack([codes, codes[::-1], codes], 1)[None]):
        out = np.empty((*samples.shape[:2], 3), np.float32)
        np.testing.assert_array_equal(
            to_floats(samples, None, out),
            np.broadcast_to(samples / np.float32(np.iinfo(kind).max), out.shape),
        )
        np.testing.assert_array_equal(from_floats(samples, out, None), samples)


def test_samples_in_any_order_of_memory_are_taken() -> None:
    turned = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)[::-1, :, ::-1]
    out = np.empty((9, 7, 3), np.float32)
    np.testing.assert_array_equal(from_floats(turned, to_floats(turned, None, out), None), turned)


def test_linear_floats_stay_where_nothing_changed() -> None:
    light = np.random.default_rng(2).uniform(0, 3, (5, 6, 3)).astype(np.float32)
    light[0, 0] = np.nan
    out = to_floats(light, LINEAR, np.empty((5, 6, 3), np.float32))
    assert np.isfinite(out).all()
    np.testing.assert_allclose(decode_srgb(out[1:]), light[1:].clip(0, 1), atol=1e-5)
    np.testing.assert_array_equal(from_floats(light, out, LINEAR), light)
