"""Thin things and wet ground stand in the picture and in its target."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.sample import Degradation, Sample
from restore_cli.degradations.scenery import ThinThings, WetGround

STEPS: list[Degradation] = [ThinThings(), WetGround()]


@pytest.mark.parametrize("size", [(1, 1), (9, 1), (33, 47)])
@pytest.mark.parametrize("step", STEPS, ids=["thin", "wet"])
def test_both_pictures_stay_equal(
    keeps_contract: Callable[..., Sample], step: Degradation, size: tuple[int, int]
) -> None:
    found = keeps_contract(step, size)
    assert torch.equal(found.image, found.target)
    assert found.level == 0


def test_thin_things_cover_little_and_wet_ground_only_what_is_below() -> None:
    image = torch.full((3, 96, 96), 0.5)
    sample = Sample(image=image, target=image, noise=torch.zeros(1, 96, 96))
    covered = [
        float(((ThinThings()(sample, np.random.default_rng(s)).image - 0.5).abs() > 0.05)
              .any(0).float().mean()) for s in range(40)
    ]  # fmt: skip
    assert 0.01 < np.median(covered) < 0.4
    ramp = torch.linspace(1, 0, 96).view(1, 96, 1).expand(3, 96, 96)
    ground = Sample(image=ramp, target=ramp, noise=torch.zeros(1, 96, 96))
    wet = WetGround(strength=(0.4, 0.4))(ground, np.random.default_rng(0)).image
    assert torch.equal(wet[:, :43], ramp[:, :43])
    assert float((wet - ramp).max()) > 0.02
