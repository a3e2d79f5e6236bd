"""Planted outliers: what each is, how often, of the target alone."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from restore_cli.degradations.outlier import OUTLIERS, Outlier
from restore_cli.degradations.sample import Sample


@pytest.mark.parametrize("kind", OUTLIERS)
@pytest.mark.parametrize("size", [(1, 1), (7, 13)])
def test_contract(kind: str, keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    keeps_contract(Outlier(probability=1.0, kinds=(kind,)), size)


def test_each_kind_is_what_it_says(make: Callable[..., Sample]) -> None:
    picture = make(8, 8).target
    assert set(OUTLIERS["posterised"](picture).unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(OUTLIERS["inverted"](picture), 1 - picture)
    pale = OUTLIERS["grey"](picture)
    assert torch.equal(pale[0], pale[1])
    assert torch.equal(pale[0], pale[2])
    white = torch.ones(3, 1, 1)
    assert OUTLIERS["grey"](white)[:, 0, 0].tolist() == pytest.approx([0.85] * 3)
    assert OUTLIERS["grey"](0 * white)[:, 0, 0].tolist() == pytest.approx([0.15] * 3)


def test_they_are_planted_as_often_as_asked_and_all_kinds_alike(
    make: Callable[..., Sample],
) -> None:
    sample = make(4, 4)
    step = Outlier(probability=0.3)
    made = [step(sample, np.random.default_rng(i)) for i in range(900)]
    assert all(torch.equal(one.image, sample.image) for one in made)
    counts = [
        sum(torch.equal(one.target, change(sample.target)) for one in made)
        for change in OUTLIERS.values()
    ]
    untouched = sum(one is sample for one in made)
    assert untouched + sum(counts) == 900
    assert 0.25 < 1 - untouched / 900 < 0.35
    assert min(counts) > 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probability": 1.5}, "between 0 and 1"),
        ({"kinds": ()}, "must name some of posterised, grey, inverted"),
        ({"kinds": ("sepia",)}, "must name some of"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Outlier(**options)
