from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from restore_cli.errors import RestoreError
from restore_cli.methods.supervised.objective import Supervised
from restore_cli.networks import NETWORKS
from restore_cli.recipe import Recipe, construct
from restore_cli.training.state import State, begin, restore, snapshot, update_average

Parse = Callable[..., Recipe]


def fresh(recipe: Recipe) -> tuple[State, Accelerator]:
    accelerator = Accelerator(cpu=True)
    network = construct(recipe.network, NETWORKS, section="network")
    return begin(Supervised(network), recipe, accelerator), accelerator


def test_the_average_begins_as_the_weights_and_follows_them(parse: Parse) -> None:
    state, _ = fresh(parse())
    network = state.objective.network
    start = {name: value.clone() for name, value in network.state_dict().items()}
    for name, value in state.average.state_dict().items():
        assert torch.equal(value, start[name])
    with torch.no_grad():
        for value in network.parameters():
            value.add_(1.0)
    state.step = 1  # young: it takes 1 - 2/11 of what is new
    update_average(state, 0.999, keep=torch.tensor(0.0))
    for name, value in state.average.state_dict().items():
        torch.testing.assert_close(value, start[name] + 9 / 11)
    state.step = 10**6  # old: 1 - ema
    update_average(state, 0.999, keep=torch.tensor(0.0))
    for name, value in state.average.state_dict().items():
        torch.testing.assert_close(value, start[name] + 9 / 11 + 0.001 * 2 / 11)


def test_the_average_has_no_gradient(parse: Parse) -> None:
    state, _ = fresh(parse())
    assert not any(value.requires_grad for value in state.average.parameters())


@pytest.mark.parametrize("broken", ["modules", "optimizers", "average", "step", "seconds"])
def test_a_snapshot_that_lacks_something_is_refused(broken: str, parse: Parse) -> None:
    state, accelerator = fresh(parse())
    saved: dict[str, Any] = snapshot(state, accelerator)
    restore(state, saved, accelerator, source=Path("run"))
    del saved[broken]
    with pytest.raises(RestoreError, match="does not fit this recipe"):
        restore(state, saved, accelerator, source=Path("run"))


def test_a_snapshot_of_another_network_is_refused(parse: Parse) -> None:
    state, accelerator = fresh(parse("network.widths=[4, 12]"))
    saved = snapshot(state, accelerator)
    other, accelerator = fresh(parse())
    with pytest.raises(RestoreError, match="size mismatch"):
        restore(other, saved, accelerator, source=Path("run"))


def test_a_checkpoint_of_0_1_goes_on(parse: Parse) -> None:
    state, accelerator = fresh(parse())
    saved: dict[str, Any] = snapshot(state, accelerator)
    values = {name: value.clone() for name, value in state.objective.network.state_dict().items()}
    modules = saved.pop("modules")
    assert modules["network"].keys() == {f"network.{name}" for name in values}
    other, accelerator = fresh(parse())
    with torch.no_grad():
        for value in other.objective.network.parameters():
            value.zero_()
    restore(other, saved | {"players": {"network": values}}, accelerator, source=Path("run"))
    for name, value in other.objective.network.state_dict().items():
        assert torch.equal(value, values[name])
