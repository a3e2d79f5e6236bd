"""Colours of DNG files against the specification's formulas, written out independently."""

import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from dng_files import LINEAR, developed, ratios, write
from skimage.color import deltaE_ciede2000, rgb2lab

from restore_cli.images.ifd import TagReader
from restore_cli.raw.dng_color import (
    CameraColour,
    adaptation,
    forward_of,
    read_colour,
    weights_of,
)
from restore_cli.raw.fields import Fields
from restore_cli.raw.tags import read_tags
from restore_cli.raw.temperature import D50, D65, temperature_of, white_of

A = np.array([[0.8, -0.2, -0.1], [-0.45, 1.25, 0.22], [-0.05, 0.15, 0.62]])
B = np.array([[0.95, -0.35, -0.08], [-0.5, 1.3, 0.2], [-0.1, 0.2, 0.7]])
FORWARD = np.array([[0.66, 0.2, 0.1043], [0.28, 0.7, 0.02], [0.03, -0.05, 0.8451]])
CALIBRATION = np.diag([0.97, 1.0, 1.04])
PATCHES = np.random.default_rng(5).uniform(0.03, 0.55, (24, 3))
# CCT of xy by McCamy's cubic, another way than the one under test.
KELVIN = (2850.0, 6500.0)
# XYZ under D50 to linear sRGB, Bradford-adapted (Lindbloom).
D50_TO_SRGB = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)


def mccamy(x: float, y: float) -> float:
    n = (x - 0.3320) / (0.1858 - y)
    return 449 * n**3 + 3525 * n**2 + 6823.3 * n + 5520.33


def expected(neutral: np.ndarray, *, forward: bool, calibration: bool, two: bool) -> np.ndarray:
    """Linear sRGB of camera values `PATCHES`, by chapter 6 of the specification."""
    own = CALIBRATION if calibration else np.eye(3)

    def matrix(kelvin: float) -> np.ndarray:
        if not two:
            return own @ A
        g = (1 / kelvin - 1 / KELVIN[1]) / (1 / KELVIN[0] - 1 / KELVIN[1])
        g = min(max(g, 0), 1)
        return own @ (g * A + (1 - g) * B)

    kelvin = 5000.0
    for _ in range(60):
        xyz = np.linalg.solve(matrix(kelvin), neutral)
        x, y = xyz[:2] / xyz.sum()
        kelvin = mccamy(x, y)
    d50 = np.array([0.9642, 1.0, 0.8249])
    if forward:
        reference = np.linalg.inv(own) @ neutral
        to_xyz = FORWARD @ np.diag(1 / reference) @ np.linalg.inv(own)
    else:
        bradford = np.array(
            [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
        )
        white = xyz / xyz[1]
        cone = np.diag((bradford @ d50) / (bradford @ white))
        to_xyz = np.linalg.inv(bradford) @ cone @ bradford @ np.linalg.inv(matrix(kelvin))
        to_xyz /= (to_xyz @ neutral)[1]
    balanced = np.minimum(PATCHES / neutral * neutral.max(), 1) * neutral / neutral.max()
    return balanced @ (D50_TO_SRGB @ to_xyz).T / neutral.max() ** 0


@pytest.mark.parametrize(
    ("forward", "calibration", "two", "told"),
    [*itertools.product((False, True), (False, True), (False, True), ("neutral",)),
     (False, False, True, "white"), (False, True, True, "white")],
)  # fmt: skip
def test_24_patches_follow_the_specification(
    tmp_path: Path, forward: bool, calibration: bool, two: bool, told: str
) -> None:
    own = CALIBRATION if calibration else np.eye(3)
    white = white_of(4300.0)
    xyz = np.array([white[0] / white[1], 1, (1 - sum(white)) / white[1]])
    kelvin = mccamy(*white)
    g = (1 / kelvin - 1 / KELVIN[1]) / (1 / KELVIN[0] - 1 / KELVIN[1]) if two else 1.0
    neutral = own @ (g * A + (1 - g) * B) @ xyz
    neutral /= neutral.max()
    tags = [
        (50721, 10, 9, ratios(A)),
        (50778, 3, 1, 17 if two else 21),
        (50728, 5, 3, ratios(neutral, 1_000_000)),
    ]
    if told == "white":
        tags += [(50728, 5, None, ()), (50729, 5, 2, ratios(white, 1_000_000))]
    if two:
        tags += [(50722, 10, 9, ratios(B)), (50779, 3, 1, 21)]
    if calibration:
        tags += [(t, 10, 9, ratios(CALIBRATION)) for t in ((50723, 50724) if two else (50723,))]
    if forward:
        tags += [(t, 10, 9, ratios(FORWARD)) for t in ((50964, 50965) if two else (50964,))]
    frame = np.round(PATCHES * 65535).astype(np.uint16).reshape(4, 6, 3).repeat(8, 0).repeat(8, 1)
    write(tmp_path / "a.dng", frame, *tags)
    picture, _ = developed(tmp_path / "a.dng", bits=16)
    seen = (picture.pixels / 65535)[4::8, 4::8].reshape(24, 3)
    linear = np.clip(expected(neutral, forward=forward, calibration=calibration, two=two), 0, 1)
    meant = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    apart = deltaE_ciede2000(rgb2lab(seen[None]), rgb2lab(meant[None]))
    assert apart.max() < 0.5
    assert LINEAR == 34892


THIRD = np.array([[0.88, -0.3, -0.09], [-0.48, 1.28, 0.21], [-0.08, 0.18, 0.66]])
LIGHTS = {17: 2850.0, 23: 5000.0, 22: 7500.0}
"""Kelvin of EXIF's light sources A, D50 and "shade"."""


def nearness(kelvin: float, tint: float) -> np.ndarray:
    """Weights of three lights (DNG 1.6, as Adobe's SDK has them), for lights of tint 0."""
    apart = np.array(
        [(min(1500 / kelvin, 1) - 1500 / k) ** 2 + (tint / 200) ** 2 for k in LIGHTS.values()]
    )
    near = 1 / (apart + 1e-8)
    near /= near.sum()
    near = np.clip((near**2 * (3 - 2 * near) - 0.02) / 0.98, 0, 1)
    return near / near.sum()


@pytest.mark.parametrize("kelvin", [3400.0, 4300.0, 6000.0])
@pytest.mark.parametrize("forward", [False, True])
def test_24_patches_under_three_lights(tmp_path: Path, kelvin: float, forward: bool) -> None:
    matrices = np.stack([A, THIRD, B])
    # A light on Planck's locus near enough: McCamy's temperature, tint by distance from it.
    white = white_of(kelvin)
    seen_kelvin, tint = temperature_of(white)
    assert mccamy(*white) == pytest.approx(seen_kelvin, rel=0.01)
    weights = nearness(seen_kelvin, tint)
    matrix = np.tensordot(weights, matrices, 1)
    xyz = np.array([white[0] / white[1], 1, (1 - sum(white)) / white[1]])
    neutral = matrix @ xyz
    neutral /= neutral.max()
    tags = [(50728, 5, 3, ratios(neutral, 1_000_000))]
    for tag, light_tag, colour, source in zip(
        (50721, 50722, 52531), (50778, 50779, 52529), matrices, LIGHTS, strict=True
    ):
        tags += [(tag, 10, 9, ratios(colour)), (light_tag, 3, 1, source)]
    if forward:
        tags += [(tag, 10, 9, ratios(FORWARD)) for tag in (50964, 50965, 52532)]
    frame = np.round(PATCHES * 65535).astype(np.uint16).reshape(4, 6, 3).repeat(8, 0).repeat(8, 1)
    picture, _ = developed(write(tmp_path / "a.dng", frame, *tags), bits=16)
    seen = (picture.pixels / 65535)[4::8, 4::8].reshape(24, 3)
    if forward:
        to_xyz = FORWARD @ np.diag(1 / neutral)
    else:
        bradford = np.array(
            [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
        )
        cone = np.diag((bradford @ [0.9642, 1.0, 0.8249]) / (bradford @ xyz))
        to_xyz = np.linalg.inv(bradford) @ cone @ bradford @ np.linalg.inv(matrix)
        to_xyz /= (to_xyz @ neutral)[1]
    linear = np.clip(np.minimum(PATCHES, neutral) @ (D50_TO_SRGB @ to_xyz).T, 0, 1)
    meant = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert deltaE_ciede2000(rgb2lab(seen[None]), rgb2lab(meant[None])).max() < 0.5


def test_temperature_and_tint_of_a_file(tmp_path: Path) -> None:
    frame = np.full((32, 32, 3), 20000, np.uint16)
    path = write(tmp_path / "a.dng", frame, (50721, 10, 9, ratios(B)))
    from restore_cli.raw.settings import Temperature

    for kelvin, tint in ((5200.0, 0.0), (3000.0, 10.0)):
        _, loaded = developed(path, white_balance=Temperature(kelvin, tint))
        white = white_of(kelvin, tint)
        xyz = np.array([white[0] / white[1], 1, (1 - sum(white)) / white[1]])
        seen = ratios_of(B) @ xyz
        np.testing.assert_allclose(loaded.details["wb"], seen[1] / seen, rtol=1e-5)


def ratios_of(matrix: np.ndarray) -> np.ndarray:
    return np.round(matrix * 10_000) / 10_000


def test_analog_balance_scales_the_camera(tmp_path: Path) -> None:
    frame = np.full((32, 32, 3), 20000, np.uint16)
    analog = np.array([1.2, 1.0, 0.8])
    tags = ((50721, 10, 9, ratios(A)), (50727, 5, 3, ratios(analog)), (50728, 5, None, ()))
    path = write(tmp_path / "a.dng", frame, *tags, (50729, 5, 2, ratios(D65, 1_000_000)))
    _, loaded = developed(path)
    xyz = np.array([D65[0] / D65[1], 1, (1 - sum(D65)) / D65[1]])
    neutral = analog * (ratios_of(A) @ xyz)
    np.testing.assert_allclose(loaded.details["wb"], neutral[1] / neutral, rtol=1e-4)


def test_three_lights_are_weighted_by_nearness() -> None:
    lights = [(2850.0, 0.0), (5000.0, 10.0), (7500.0, 10.0)]
    for number, (kelvin, tint) in enumerate(lights):
        weights = weights_of(white_of(kelvin, tint - (10 if kelvin > 4000 else 0)), lights)
        assert weights.sum() == pytest.approx(1)
        assert weights[number] > 0.98
    assert weights_of(D65, lights[:1]).tolist() == [1]


def told_light(path: Path, data: bytes) -> CameraColour:
    """A file with a second matrix, under a light that IlluminantData tells."""
    second = ((50722, 10, 9, ratios(B)), (50779, 3, 1, 255), (52534, 7, len(data), data))
    frame = np.full((32, 32, 3), 20000, np.uint16)
    write(path, frame, (50721, 10, 9, ratios(A)), (50778, 3, 1, 21), *second)
    colour = read_tags(path).colour
    assert colour is not None
    return colour


def test_a_light_told_by_its_chromaticity_or_its_spectrum(tmp_path: Path) -> None:
    white = white_of(2856.0)
    at = np.arange(400, 701, 10.0)
    power = 1e9 / at**5 * 1e13 / np.expm1(1.4388e7 / (at * 2856))
    xy = struct.pack("<H4I", 0, *ratios(white, 1_000_000))
    spectrum = struct.pack("<HI", 1, len(at)) + struct.pack(
        f"<{2 * len(at) + 4}I", *ratios([400.0, 10.0]), *ratios(power / power.max())
    )
    for data in (xy, spectrum):
        colour = told_light(tmp_path / "a.dng", data)
        assert colour.notes == ()
        assert [round(c.kelvin, -2) for c in colour.calibrations] == [2900, 6500]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("<H4I", 0, 3, 0, 3, 10),
        struct.pack("<H4I", 2, 3, 10, 3, 10),
        struct.pack("<HI4I", 1, 900, 400, 1, 10, 1),
        struct.pack("<HI8I", 1, 2, 900, 1, 10, 1, 5, 1, 5, 1),
    ],
)
def test_a_calibration_whose_light_cannot_be_told_is_noted(tmp_path: Path, data: bytes) -> None:
    colour = told_light(tmp_path / "a.dng", data or b"\0")
    assert len(colour.calibrations) == 1
    assert colour.notes == ("the light of its ColorMatrix2 cannot be told: passed over",)
    _, loaded = developed(tmp_path / "a.dng")
    assert colour.notes[0] in loaded.notes


def test_adaptation_maps_white_to_white() -> None:
    before, after = ([w[0] / w[1], 1, (1 - sum(w)) / w[1]] for w in (D50, D65))
    np.testing.assert_allclose(adaptation(D50, D65) @ before, after)
    np.testing.assert_allclose(forward_of(np.eye(3)).sum(axis=1), before, atol=1e-3)


def test_a_file_without_matrices_has_no_camera() -> None:
    reader = TagReader.open(b"II*\0\x08\0\0\0" + bytes(8))
    assert read_colour(Fields(reader, reader.directory(8))) is None
    assert torch.__version__
