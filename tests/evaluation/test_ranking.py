"""Places, and how sure they are."""

import math

import numpy as np
import pytest

from restore_cli.evaluation.ranking import rank

RNG = np.random.default_rng(0)


def test_the_best_mean_comes_first_whichever_way_is_better() -> None:
    values = {"a": [30.0, 31.0], "b": [33.0, 34.0], "c": [31.0, 32.0]}
    assert [one.label for one in rank(values, higher_is_better=True)] == ["b", "c", "a"]
    found = rank(values, higher_is_better=False)
    assert [(one.label, one.place, one.mean, one.pictures) for one in found] == [
        ("a", 1, 30.5, 2), ("c", 2, 31.5, 2), ("b", 3, 33.5, 2),
    ]  # fmt: skip


def test_a_gain_on_every_picture_makes_a_sure_place_however_unlike_the_pictures_are() -> None:
    hard = RNG.normal(30, 5, 40)
    values = {"a": hard, "b": hard + 0.1, "c": hard - 0.1}
    found = rank(values, higher_is_better=True)
    assert [(one.label, one.best, one.worst) for one in found] == [
        ("b", 1, 1), ("a", 2, 2), ("c", 3, 3),
    ]  # fmt: skip
    # The means alone could not have told.
    assert found[0].low < found[2].high


def test_places_within_chance_overlap() -> None:
    hard = RNG.normal(30, 5, 40)
    values = {
        "a": hard, "b": hard + RNG.normal(0.02, 1, 40), "c": hard - 3 + RNG.normal(0, 1, 40),
    }  # fmt: skip
    found = rank(values, higher_is_better=True)
    assert [(one.best, one.worst) for one in found] == [(1, 2), (1, 2), (3, 3)]


def test_equal_outputs_share_the_better_place() -> None:
    found = rank({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": [0.0, 0.0]}, higher_is_better=True)
    assert [(one.place, one.best, one.worst) for one in found] == [(1, 1, 1), (1, 1, 1), (3, 3, 3)]


def test_pictures_without_a_finite_value_everywhere_do_not_count() -> None:
    found = rank({"a": [30.0, math.inf, 32.0], "b": [31.0, 1.0, math.nan]}, higher_is_better=True)
    assert [(one.label, one.mean, one.pictures) for one in found] == [
        ("b", 31.0, 1),
        ("a", 30.0, 1),
    ]
    # One picture tells nothing about others.
    assert math.isnan(found[0].low)
    assert (found[0].best, found[0].worst) == (1, 2)
    assert rank({"a": [math.nan], "b": [1.0]}, higher_is_better=True) == []


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    inside = 0
    for trial in range(200):
        values = np.random.default_rng(trial).normal(30, 2, 50)
        (one,) = rank({"a": values}, higher_is_better=True, seed=trial, resamples=400)
        inside += one.low <= 30 <= one.high
    assert 0.88 <= inside / 200 <= 0.99


def test_the_seed_decides() -> None:
    values = {"a": RNG.normal(30, 2, 30), "b": RNG.normal(30, 2, 30)}
    assert rank(values, higher_is_better=True, seed=1) == rank(
        values, higher_is_better=True, seed=1
    )
    first, second = (rank(values, higher_is_better=True, seed=seed) for seed in (1, 2))
    assert first[0].low != second[0].low


def test_unlike_lengths_cannot_be_ranked() -> None:
    with pytest.raises(ValueError, match="as many values"):
        rank({"a": [1.0], "b": [1.0, 2.0]}, higher_is_better=True)
