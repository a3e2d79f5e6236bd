"""Blur that changes over the picture: how far light goes, where, and in linear light."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.moving import DepthDefocus, MovingThings, TurningShake
from restore_cli.degradations.sample import Degradation, Sample
from restore_cli.images.color import srgb_to_linear

STEPS: dict[str, Degradation] = {
    "turning": TurningShake(), "moving": MovingThings(), "depth": DepthDefocus(),
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 47)])
def test_contract(
    keeps_contract: Callable[..., Sample], step: Degradation, size: tuple[int, int]
) -> None:
    found = keeps_contract(step, size)
    assert found.quantity == "blur"
    assert all(math.isnan(moment) for moment in found.blur)


def dots(side: int = 96) -> Sample:
    image = torch.zeros(3, side, side)
    image[:, 8::16, 8::16] = 1.0
    return Sample(image=image, target=image, noise=torch.zeros(1, side, side))


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_a_flat_picture_stays_and_light_is_kept(step: Degradation) -> None:
    flat = torch.full((3, 64, 64), 0.4)
    sample = Sample(image=flat, target=flat, noise=torch.zeros(1, 64, 64))
    for seed in range(4):
        torch.testing.assert_close(
            step(sample, np.random.default_rng(seed)).image, flat, atol=2e-3, rtol=0
        )
        light = srgb_to_linear(step(dots(), np.random.default_rng(seed)).image).mean()
        assert float(light) == pytest.approx(1 / 256, rel=0.5)


def test_no_turn_is_a_shake_of_its_extent_and_a_short_one_almost_nothing() -> None:
    still = TurningShake(extent=(12, 12), turn=(0, 0), zoom=(0, 0))
    levels = [still(dots(), np.random.default_rng(s)).level for s in range(20)]
    assert max(levels) <= 12 / math.sqrt(12) * 1.05  # a straight line spreads most
    assert min(levels) > 1.0
    short = TurningShake(extent=(0.2, 0.2), turn=(0, 0), zoom=(0, 0))(
        dots(), np.random.default_rng(0)
    )
    assert short.level < 0.1


def test_a_turn_blurs_far_from_its_centre_most() -> None:
    turning = TurningShake(extent=(0.1, 0.1), turn=(6, 6), zoom=(0, 0))
    peaks: list[float] = []
    for seed in range(6):
        image = turning(dots(), np.random.default_rng(seed)).image[0]
        blocks = image.unfold(0, 16, 16).unfold(1, 16, 16).amax(dim=(2, 3))
        peaks.append(float(blocks.max() / blocks.min()))
    assert min(peaks) > 1.3


def test_things_move_and_the_rest_stands_still() -> None:
    texture = torch.from_numpy(np.random.default_rng(1).random((3, 96, 96), dtype=np.float32))
    sample = Sample(image=texture, target=texture, noise=torch.zeros(1, 96, 96))
    step = MovingThings(extent=(20, 20), cover=(0.2, 0.2))
    for seed in range(6):
        change = (step(sample, np.random.default_rng(seed)).image - texture).abs().mean(dim=0)
        assert (change > 0.1).float().mean() > 0.05
        assert (change < 0.05).float().mean() > 0.2


def test_a_wider_lens_blurs_more_and_never_not_at_all() -> None:
    def level(radius: float) -> float:
        step = DepthDefocus(radius=(radius, radius))
        return float(np.mean([step(dots(), np.random.default_rng(s)).level for s in range(8)]))

    assert level(0.5) < level(3) < level(9)
    untouched = DepthDefocus(probability=0)(dots(), np.random.default_rng(0))
    assert (untouched.level, untouched.blur) == (0, (0, 0, 0))
