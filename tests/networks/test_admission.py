"""Networks that are too large are stopped while they are built."""

import pytest
from torch import nn

from restore_cli.errors import RestoreError
from restore_cli.networks import admission
from restore_cli.networks.admission import bounded


def test_a_network_within_the_bound_is_built() -> None:
    with bounded(10):
        assert nn.Linear(4, 2).weight.shape == (2, 4)


def test_one_number_more_is_refused() -> None:
    with pytest.raises(RestoreError, match="more than 9 parameters"), bounded(9):
        nn.Linear(4, 2)
    nn.Linear(40, 20)  # and afterwards nothing is counted


def test_many_small_tensors_are_too_large_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MOST_TENSORS", 5)
    with pytest.raises(RestoreError, match="too large"), bounded():
        nn.Sequential(*[nn.Linear(1, 1) for _ in range(3)])
