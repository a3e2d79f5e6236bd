"""The sample and the check of options."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from restore_cli.degradations.sample import Sample, check_options, measure


def test_a_sample_is_clean_unless_told_otherwise_and_frozen() -> None:
    picture = torch.rand(3, 2, 2)
    sample = Sample(image=picture, target=picture, noise=torch.zeros(1, 2, 2))
    assert sample.sigma == 0.0
    assert replace(sample, sigma=0.1).image is picture
    with pytest.raises(FrozenInstanceError):
        sample.sigma = 0.2  # type: ignore[misc]


@given(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)))
def test_ranges_go_from_low_to_high(bounds: tuple[float, float]) -> None:
    check_options({"sigma": tuple(sorted(bounds))})
    if bounds[0] > bounds[1]:
        with pytest.raises(ValueError, match=r"sigma .* from low to high"):
            check_options({"sigma": bounds})


@pytest.mark.parametrize("bounds", [(math.nan, 1.0), (0.0, math.nan), (0.0, math.inf)])
def test_ranges_are_finite(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="not a range"):
        check_options({"angle": bounds})


def test_only_named_ranges_must_lie_above_zero() -> None:
    options = {"read": (0.0, 1.0), "smear": (0.0, 1.0)}
    check_options(options)
    with pytest.raises(ValueError, match=r"read = .* must lie above 0"):
        check_options(options, positive=("read",))


@pytest.mark.parametrize("name", ["probability", "mist_probability"])
def test_probabilities_are_shares(name: str) -> None:
    for value in (0, 0.3, 1):
        check_options({name: value})
    for value in (-0.1, 1.01, 75, math.nan):
        with pytest.raises(ValueError, match=f"{name} = .* between 0 and 1"):
            check_options({name: value})


def test_the_first_step_that_counts_decides_what_the_level_is() -> None:
    picture = torch.rand(3, 2, 2)
    sample = Sample(image=picture, target=picture, noise=torch.zeros(1, 2, 2))
    dry = measure(sample, "rain", 0.0)
    assert (measure(dry, "sigma", 9.0).level, measure(dry, "sigma", 9.0).quantity) == (0.0, "rain")
    assert measure(measure(sample, "blur", 3.0), "blur", 4.0).level == 5.0
    assert measure(measure(sample, "haze", 0.5), "haze", 0.5).level == 0.75
    assert measure(measure(sample, "quality", 80.0), "quality", 30.0).level == 30.0
    assert measure(measure(sample, "stops", 1.0), "stops", 2.0).level == 3.0
