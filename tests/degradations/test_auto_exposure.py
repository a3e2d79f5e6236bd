"""Exposing: up to the mean that is asked for, no further than light and white allow."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from restore_cli.degradations.auto_exposure import AutoExposure
from restore_cli.degradations.sample import Sample
from restore_cli.images.color import srgb_to_linear


@pytest.mark.parametrize("size", [(1, 1), (7, 13)])
def test_contract(keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    keeps_contract(AutoExposure(), size)


def exposed(picture: torch.Tensor, sample: Sample, **options: object) -> torch.Tensor:
    given = replace(sample, image=picture, target=torch.zeros_like(picture))
    found = AutoExposure(**options)(given, np.random.default_rng(0))  # pyright: ignore[reportArgumentType]
    assert found.target is found.image
    assert found.sigma == 0.0
    return found.image


def test_a_dark_photo_gets_the_mean_by_one_factor_of_light(make: Callable[..., Sample]) -> None:
    sample = make(64, 64)
    dark = 0.25 * sample.image
    found = exposed(dark, sample, brightness=(0.4, 0.4), stops=6.0, clipped=0.5)
    assert float(found.mean()) == pytest.approx(0.4, abs=0.02)
    seen = found < 0.99
    gain = srgb_to_linear(found)[seen] / srgb_to_linear(dark)[seen].clamp(min=1e-6)
    bright = dark[seen] > 0.02
    assert float(gain[bright].std() / gain[bright].mean()) < 1e-2


def test_stops_and_white_are_limits(make: Callable[..., Sample]) -> None:
    sample = make(64, 64)
    dark = 0.1 * sample.image
    found = exposed(dark, sample, brightness=(0.5, 0.5), stops=1.0)
    torch.testing.assert_close(
        srgb_to_linear(found), 2 * srgb_to_linear(dark), atol=1e-4, rtol=1e-3
    )
    lamp = 0.05 * torch.ones(3, 64, 64)
    lamp[:, :16] = 0.9
    found = exposed(lamp, sample, brightness=(0.5, 0.5), stops=6.0, clipped=0.1)
    assert float(found.max()) <= 1.0
    assert float((found >= 0.999).float().mean()) <= 0.26
    assert float(found.mean()) < 0.35  # the lamp would be lost


def test_a_bright_photo_stays(make: Callable[..., Sample]) -> None:
    sample = make(64, 64)
    bright = 0.5 + 0.5 * sample.image
    assert torch.equal(exposed(bright, sample), bright)


@pytest.mark.parametrize("wrong", [{"stops": -1.0}, {"clipped": 1.5}, {"brightness": (0.6, 0.4)}])
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"auto-exposure|range"):
        AutoExposure(**wrong)  # pyright: ignore[reportArgumentType]
