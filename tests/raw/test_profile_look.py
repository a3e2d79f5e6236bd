"""The look of a DNG file's profile: identity changes nothing, tables do what they say."""

import colorsys
import struct
from pathlib import Path

import numpy as np
import pytest
from dng_files import developed, srgb, write

from restore_cli.raw.profile_look import GainTableMap, HueSatMap, _spline, _toned

LINE = (50940, 11, 4, (0.0, 0.0, 1.0, 1.0))
COLOURS = np.random.default_rng(1).uniform(0.05, 0.6, (6, 8, 3))
FRAME = np.round(COLOURS.repeat(8, 0).repeat(8, 1) * 65535).astype(np.uint16)


def look(tmp_path: Path, *tags: tuple[object, ...], **settings: object) -> np.ndarray:
    path = write(tmp_path / "a.dng", FRAME, *tags)
    picture, _ = developed(path, **{"look": "profile", "bits": 16, **settings})
    return srgb(picture)[4::8, 4::8]


def table(hues: int, saturations: int, values: int, cell: tuple[float, ...]) -> tuple[float, ...]:
    return cell * (hues * saturations * values)


def test_a_straight_line_is_the_colorimetric_picture(tmp_path: Path) -> None:
    np.testing.assert_allclose(look(tmp_path, LINE), COLOURS, atol=3e-3)


def test_tables_turn_hues_and_scale(tmp_path: Path) -> None:
    dims = (50937, 4, 3, (6, 2, 1))
    same = look(tmp_path, LINE, dims, (50938, 11, 36, table(6, 2, 1, (0.0, 1.0, 1.0))))
    np.testing.assert_allclose(same, COLOURS, atol=3e-3)
    darker = look(tmp_path, LINE, dims, (50938, 11, 36, table(6, 2, 1, (0.0, 1.0, 0.5))))
    np.testing.assert_allclose(darker, COLOURS / 2, atol=3e-3)
    dims = (50981, 4, 3, (6, 2, 1))
    grey = look(tmp_path, LINE, dims, (50982, 11, 36, table(6, 2, 1, (0.0, 0.0, 1.0))))
    assert np.ptp(grey, axis=2).max() < 3e-3


@pytest.mark.parametrize("shift", [0.0, 30.0, 200.0])
def test_hsv_is_colorsys(shift: float) -> None:
    cell = np.array([shift, 0.8, 0.9], np.float32)
    mapped = HueSatMap(np.broadcast_to(cell, (1, 4, 2, 3)), srgb=False).apply(
        COLOURS.astype(np.float32)
    )
    for colour, seen in zip(COLOURS.reshape(-1, 3), mapped.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*colour)
        meant = colorsys.hsv_to_rgb((hue + shift / 360) % 1, saturation * 0.8, value * 0.9)
        np.testing.assert_allclose(seen, meant, atol=1e-5)


def test_the_tone_curve_is_a_natural_spline(tmp_path: Path) -> None:
    points = np.array([[0, 0], [0.2, 0.1], [0.5, 0.6], [1, 1.0]])
    x = np.linspace(0, 1, 101)
    seen = _spline(points, x)
    np.testing.assert_allclose(np.interp(points[:, 0], x, seen), points[:, 1], atol=1e-9)
    bend = np.diff(seen, 2)
    assert abs(bend[0]) < 2e-4 > abs(bend[-1])
    grey = np.repeat(np.array([[0.2], [0.5]], np.float32), 3, axis=1)
    np.testing.assert_allclose(_toned(grey, points)[:, 1], [0.1, 0.6], atol=1e-3)
    curve = (50940, 11, 8, tuple(float(v) for v in points.ravel()))
    assert np.abs(look(tmp_path, curve) - COLOURS).max() > 0.05


def test_gains_by_place_and_brightness(tmp_path: Path) -> None:
    gains = np.array([[[2.0, 2.0], [1.0, 1.0]]], ">f4")
    head = struct.pack("<2I4dI5f", 1, 2, 1.0, 1.0, 0.0, 0.0, 2, 0, 0, 0, 0, 1)
    data = head + gains.astype("<f4").tobytes()
    seen = look(tmp_path, LINE, (52525, 7, len(data), data))
    centres = (np.arange(8) * 8 + 4.5) / 64
    expected = np.clip(COLOURS * (2 - centres)[None, :, None], 0, 1)
    inside = expected.max(axis=2) < 0.95
    np.testing.assert_allclose(seen[inside], expected[inside], atol=4e-3)
    by_light = GainTableMap(
        np.array([[[1.0, 3.0]]], np.float32),
        (1.0, 1.0),
        (0.0, 0.0),
        np.array([0, 0, 0, 0, 1.0]),
        1.0,
    )
    rgb = np.full((1, 1, 3), 0.25, np.float32)
    # A table of n gains is reached at 1/n.
    np.testing.assert_allclose(by_light.apply(rgb, slice(0, 1), 1, 1.0), 0.25 * 2)


def test_other_looks_do_not_use_it(tmp_path: Path) -> None:
    curve = (50940, 11, 4, (0.0, 1.0, 1.0, 0.0))
    plain = write(tmp_path / "b.dng", FRAME)
    for name in ("standard", "none"):
        with_profile = look(tmp_path, curve, look=name)
        picture, _ = developed(plain, look=name, bits=16)
        np.testing.assert_array_equal(with_profile, srgb(picture)[4::8, 4::8])
    _, loaded = developed(plain, look="profile")
    assert "no profile look" in " ".join(loaded.notes)
