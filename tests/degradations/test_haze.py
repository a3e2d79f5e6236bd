"""Haze: the scattering model, its limits, and variety."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.haze import Haze
from restore_cli.degradations.sample import Sample


def black(height: int, width: int) -> Sample:
    image = torch.zeros(3, height, width)
    return Sample(image=image, target=image, noise=torch.zeros(1, height, width))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 47)])
def test_contract(keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    assert math.isnan(keeps_contract(Haze(), size).sigma)


def test_an_even_wall_of_haze_is_the_scattering_model(make: Callable[..., Sample]) -> None:
    step = Haze(thickness=(0.8, 0.8), relief=(0, 0), uneven=(0, 0), airlight=(0.9, 0.9), tint=0, linear=0)  # fmt: skip  # noqa: E501
    sample = make(20, 30)
    through = math.exp(-0.8)
    expected = sample.image * through + 0.9 * (1 - through)
    torch.testing.assert_close(step(sample, np.random.default_rng(0)).image, expected)


def test_linear_light_veils_differently_but_has_the_same_ends(make: Callable[..., Sample]) -> None:
    def image(thickness: float, linear: float) -> torch.Tensor:
        step = Haze(thickness=(thickness, thickness), relief=(0, 0), uneven=(0, 0), airlight=(0.9, 0.9), tint=0, linear=linear)  # fmt: skip  # noqa: E501
        return step(make(20, 30), np.random.default_rng(0)).image

    assert (image(0.8, 0) - image(0.8, 1)).abs().max() > 0.05
    for linear in (0.0, 1.0):
        torch.testing.assert_close(image(1e-6, linear), make(20, 30).image, atol=1e-4, rtol=0)
        assert (image(20.0, linear) - 0.9).abs().max() < 1e-4


def test_what_is_hidden_stays_in_the_target_and_what_is_seen_is_cleared() -> None:
    clean = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))
    sample = Sample(image=clean, target=clean, noise=torch.zeros(1, 24, 32))

    def hazy(through: float) -> Sample:
        thickness = -math.log(through)
        step = Haze(
            thickness=(thickness, thickness), relief=(0, 0), uneven=(0, 0), far_probability=0,
            hidden=(0.1, 0.3),
        )  # fmt: skip
        return step(sample, np.random.default_rng(0))

    assert torch.equal(hazy(0.31).target, clean)
    assert torch.equal(hazy(0.09).target, hazy(0.09).image)
    half = hazy(0.2)
    torch.testing.assert_close(half.target, (half.image + clean) / 2)


def test_a_part_far_away_is_hidden() -> None:
    sample = black(48, 64)
    step = Haze(
        thickness=(0.1, 0.1), relief=(0, 0), uneven=(0, 0), airlight=(0.9, 0.9), tint=0, linear=0,
        far_probability=1, far=(6, 6),
    )  # fmt: skip
    covers: list[float] = []
    for seed in range(20):
        image = step(sample, np.random.default_rng(seed)).image[0]
        assert image.min() == pytest.approx(0.9 * (1 - math.exp(-0.1)), abs=0.05)
        assert image.max() == pytest.approx(0.9, abs=0.01)
        covers.append(float((image > 0.8).float().mean()))
    assert min(covers) < 0.15
    assert max(covers) > 0.4


def test_pictures_differ_in_density_colour_and_place() -> None:
    sample = black(48, 64)
    veils = [Haze()(sample, np.random.default_rng(seed)).image for seed in range(40)]
    means = torch.stack([veil.mean() for veil in veils])
    assert means.min() < 0.12
    assert means.max() > 0.6
    colours = torch.stack([veil.mean(dim=(1, 2)) for veil in veils])
    assert (colours[:, 0] > 1.03 * colours[:, 2]).any()
    assert (colours[:, 2] > 1.03 * colours[:, 0]).any()
    assert torch.stack([veil.std(dim=(1, 2)).mean() for veil in veils]).median() > 0.03


def test_a_range_that_reaches_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="thickness"):
        Haze(thickness=(0.0, 1.0))


def test_the_level_is_what_the_haze_takes_and_the_airlight_is_told() -> None:
    for seed in range(10):
        found = Haze(airlight=(1.0, 1.0), tint=0, linear=0)(
            black(48, 64), np.random.default_rng(seed)
        )
        assert found.quantity == "haze"
        assert found.level == pytest.approx(float(found.image.mean()), abs=1e-4)
        assert found.airlight == (1.0, 1.0, 1.0)


def test_thin_haze_is_almost_nothing(make: Callable[..., Sample]) -> None:
    sample = make(40, 40)
    thin = Haze(thickness=(0.01, 0.01), far_probability=0)(sample, np.random.default_rng(0))
    assert thin.level < 0.02
    assert (thin.image - sample.image).abs().max() < 0.03
    assert thin.target is sample.target


def test_near_haze_spans_the_transmissions_asked_for() -> None:
    step = Haze(
        near_probability=1, span=(0.1, 0.95), uneven=(0, 0), airlight=(1, 1), tint=0, linear=0
    )
    veils = [step(black(80, 96), np.random.default_rng(s)).image[0] for s in range(40)]
    through = torch.stack([1 - veil for veil in veils])
    assert through.min() >= 0.1 - 1e-4
    assert through.max() <= 0.95 + 1e-4
    spans = (through.amax(dim=(1, 2)) - through.amin(dim=(1, 2))).numpy()
    assert np.median(spans) > 0.15


def test_bright_places_stay_where_the_air_is_theirs() -> None:
    image = torch.full((3, 64, 64), 0.3)
    image[:, :20] = torch.tensor([0.8, 0.85, 0.95]).view(3, 1, 1)
    sample = Sample(image=image, target=image, noise=torch.zeros(1, 64, 64))
    found = Haze(sky_probability=1, linear=0)(sample, np.random.default_rng(0))
    assert found.airlight == pytest.approx((0.8, 0.85, 0.95), abs=1e-5)
    torch.testing.assert_close(found.image[:, :20], image[:, :20])
    assert (found.image[:, 30:] > 0.3).all()


def test_airs_come_in_blue_and_sepia_and_patches_leave_clear_air() -> None:
    step = Haze(colour_probability=1, tint=0)
    airs = np.array([step(black(8, 8), np.random.default_rng(s)).airlight for s in range(60)])
    warm = airs[:, 0] / airs[:, 2]
    assert warm.max() > 1.2
    assert warm.min() < 0.9
    assert (np.abs(warm - 1) < 0.02).any()
    patchy = Haze(
        thickness=(1, 1), far_probability=0, patchy_probability=1, airlight=(1, 1), tint=0
    )
    least = [patchy(black(64, 64), np.random.default_rng(s)).image.min().item() for s in range(20)]
    plain = Haze(thickness=(1, 1), far_probability=0, airlight=(1, 1), tint=0)
    usual = [plain(black(64, 64), np.random.default_rng(s)).image.min().item() for s in range(20)]
    assert np.mean(least) < 0.7 * np.mean(usual)
