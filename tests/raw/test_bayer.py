"""From mosaics to the network's planes and back."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from restore_cli.degradations.mosaic import mosaic
from restore_cli.images.color import linear_to_srgb
from restore_cli.raw.bayer import Phase, grey_world, light_of, normalised, planes, scatter
from restore_cli.raw.info import RawInfo
from restore_cli.raw.levels import Levels
from restore_cli.raw.tags import RawTags

PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR"]
INFO = RawInfo(
    kind="bayer", width=8, height=8, cfa="RGGB", levels=Levels(np.full((1, 1), 100.0), 1100.0),
    camera_gains=(2.0, 1.0, 1.5), daylight_gains=None, matrix=np.eye(3), orientation=1, iso=None,
    shutter=None, aperture=None, focal_length=None, tags=RawTags(),
)  # fmt: skip


@pytest.mark.parametrize("cfa", PATTERNS)
@pytest.mark.parametrize("size", [(8, 10), (7, 9), (2, 3)])
def test_every_pattern_becomes_the_one_that_the_network_reads(
    cfa: str, size: tuple[int, int]
) -> None:
    photo = np.random.default_rng(0).random((*size, 3), np.float32)
    phase = Phase.of(cfa)
    image = planes(mosaic(photo, cfa), phase)
    height, width = size
    assert image.shape == (3, height + phase.row, width + phase.column)
    # Where the picture itself lies, each colour stands in its own plane.
    inside = image[:, phase.row :, phase.column :]
    curved = linear_to_srgb(torch.from_numpy(photo)).permute(2, 0, 1)
    for place, colour in enumerate(cfa):
        row, column = divmod(place, 2)
        plane = "RGB".index(colour)
        seen, meant = (p[plane, row::2, column::2] for p in (inside, curved))
        torch.testing.assert_close(seen, meant)
    # The margin mirrors it, and all is one RGGB mosaic.
    assert torch.equal(image, scatter(image.sum(0)))
    if phase.row:
        assert torch.equal(image[:, 0], image[:, 2 if height > 1 else 1])


def test_the_margin_is_cut_off_again() -> None:
    light = np.random.default_rng(0).random((6, 8), np.float32)
    phase = Phase(1, 1)
    image = torch.zeros(3, 7, 9)
    image[:, 1:, 1:] = linear_to_srgb(torch.from_numpy(light))
    rows = np.concatenate(
        [light_of(image, phase, slice(0, 4)), light_of(image, phase, slice(4, 6))]
    )
    assert rows.shape == (6, 8, 3)
    np.testing.assert_allclose(rows, np.repeat(light[..., None], 3, 2), atol=1e-6)


@pytest.mark.parametrize("cfa", PATTERNS)
def test_light_is_balanced_and_runs_from_zero_to_one(cfa: str) -> None:
    info = replace(INFO, cfa=cfa)
    frame = np.full((600, 6), 350, np.uint16)
    light = normalised(frame, info, (2.0, 1.0, 1.5))
    for place, colour in enumerate(cfa):
        row, column = divmod(place, 2)
        gain = {"R": 2.0, "G": 1.0, "B": 1.5}[colour]
        np.testing.assert_allclose(light[row::2, column::2], 0.25 * gain)


def test_saturated_cells_are_white_whatever_the_gains() -> None:
    frame = np.full((4, 4), 1100, np.uint16)
    for gains in ((2.0, 1.0, 1.5), (0.5, 1.0, 1.5), (1.0, 1.0, 1.0)):
        np.testing.assert_array_equal(normalised(frame, INFO, gains), 1)


def test_noise_below_black_is_kept() -> None:
    assert normalised(np.full((2, 2), 90, np.uint16), INFO, (1.0, 1.0, 1.0)).max() < 0


@pytest.mark.parametrize("cfa", PATTERNS)
def test_grey_world_undoes_a_cast(cfa: str) -> None:
    photo = np.random.default_rng(0).uniform(0.1, 0.9, (400, 400, 1)) * np.array([0.4, 1.0, 0.7])
    frame = np.round(100 + 1000 * mosaic(photo, cfa)).astype(np.uint16)
    frame[:4] = 1100  # saturated: says nothing of the light
    gains = grey_world(INFO.levels.light(frame), cfa)
    assert gains is not None
    assert gains == pytest.approx((2.5, 1.0, 1 / 0.7), rel=0.03)


def test_grey_world_of_nothing_is_none() -> None:
    assert grey_world(INFO.levels.light(np.full((4, 4), 1100, np.uint16)), "RGGB") is None
    assert grey_world(INFO.levels.light(np.full((4, 4), 100, np.uint16)), "RGGB") is None
    assert grey_world(INFO.levels.light(np.full((1, 1), 500, np.uint16)), "RGGB") is None


def test_phases() -> None:
    assert Phase.of("BGGR") == Phase(1, 1)
    assert Phase.of("GRBG") == Phase(0, 1)
    assert Phase.of("GBRG") == Phase(1, 0)
