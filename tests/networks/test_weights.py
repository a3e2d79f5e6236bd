import math

import pytest
import torch
from torch import nn

from restore_cli.networks.weights import put_weights


def state(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"weight": torch.ones(2, 3), "bias": torch.tensor([1.0, 2.0]), **changes}


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_any_width_become_the_networks_own(kind: torch.dtype) -> None:
    network = nn.Linear(3, 2)
    put_weights(network, {name: value.to(kind) for name, value in state().items()})
    assert network.bias.tolist() == [1.0, 2.0]
    assert network.weight.dtype == torch.float32


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.bool, torch.complex64])
def test_what_are_no_weights_is_refused_and_changes_nothing(kind: torch.dtype) -> None:
    network = nn.Linear(3, 2)
    before = network.bias.tolist()
    with pytest.raises(RuntimeError, match=r"its tensor bias holds \w+, which is no floating"):
        put_weights(network, state(bias=torch.ones(2).to(kind)))
    assert network.bias.tolist() == before


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300])
def test_what_is_not_finite_in_fp32_is_refused(value: float) -> None:
    with pytest.raises(RuntimeError, match="its tensor weight holds values that are not finite"):
        put_weights(nn.Linear(3, 2), state(weight=torch.full((2, 3), value, dtype=torch.float64)))


def test_counters_stay_whole_and_names_must_fit() -> None:
    norm = nn.BatchNorm2d(2)
    put_weights(norm, norm.state_dict() | {"num_batches_tracked": torch.tensor(7)})
    assert int(norm.num_batches_tracked or 0) == 7
    with pytest.raises(RuntimeError, match="Missing key"):
        put_weights(nn.Linear(3, 2), {"weight": torch.ones(2, 3)})
