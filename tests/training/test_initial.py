from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.networks import NETWORKS
from restore_cli.recipe import NetworkChoice, Recipe, construct
from restore_cli.training.initial import load_initial

Parse = Callable[..., Recipe]


def build(choice: NetworkChoice) -> torch.nn.Module:
    return construct(choice, NETWORKS, section="network")


def test_a_run_starts_from_the_weights_of_a_shipped_model() -> None:
    own = zoo.load("denoise")
    assert own.recipe is not None
    choice = own.recipe.network.model_copy(update={"weights": "denoise"})
    network = build(choice)
    load_initial(network, choice)
    for name, value in network.state_dict().items():
        assert torch.equal(value, own.network.state_dict()[name]), name


def test_a_folder_and_a_file_do_as_well(parse: Parse, tmp_path: Path) -> None:
    recipe = parse()
    trained = build(recipe.network)
    with torch.no_grad():
        for value in trained.parameters():
            value.add_(0.5)
    zoo.export(tmp_path / "model", trained, recipe, "card")
    for path in (tmp_path / "model", tmp_path / "model" / "model.safetensors"):
        choice = parse(f"network.weights={path}").network
        network = build(choice)
        load_initial(network, choice)
        for name, value in network.state_dict().items():
            assert torch.equal(value, trained.state_dict()[name].half().float()), name


def test_without_weights_nothing_is_loaded(parse: Parse) -> None:
    for changes in ((), ("network.weights=",)):
        choice = parse(*changes).network
        assert choice.weights is None
        network = build(choice)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        load_initial(network, choice)
        assert all(torch.equal(before[n], v) for n, v in network.state_dict().items())


def test_weights_that_do_not_fit_name_the_first_tensors(parse: Parse, tmp_path: Path) -> None:
    recipe = parse()
    state = build(recipe.network).state_dict()
    wrong = {name: value.contiguous() for name, value in state.items() if name != "head.bias"}
    wrong["tail.weight"] = torch.zeros(2, 2)
    wrong["stranger"] = torch.zeros(1)
    path = tmp_path / "wrong.safetensors"
    save_file(wrong, path)
    choice = parse(f"network.weights={path}").network
    with pytest.raises(RestoreError) as caught:
        load_initial(build(choice), choice)
    message = caught.value.message
    assert str(path) in message
    assert "head.bias: missing" in message
    assert "stranger: not in the network" in message
    assert "tail.weight: (2, 2), the network has (3, 4, 3, 3)" in message
    assert caught.value.hint is not None
    assert "--set network.weights=" in caught.value.hint


def test_weights_that_are_not_there_are_named(parse: Parse) -> None:
    choice = parse("network.weights=nowhere").network
    with pytest.raises(RestoreError, match="no model 'nowhere'"):
        load_initial(build(choice), choice)


@pytest.mark.parametrize(
    ("told", "kept"), [("/gone/elsewhere", None), ("denoise", "denoise"), ("", None)]
)
def test_an_exported_model_names_no_place_of_the_machine_that_trained_it(
    parse: Parse, tmp_path: Path, told: str, kept: str | None
) -> None:
    recipe = parse(f"network.weights={told}")
    zoo.export(tmp_path / "model", build(recipe.network), recipe, "card")
    loaded = zoo.load(str(tmp_path / "model")).recipe
    assert loaded is not None
    assert loaded.network == recipe.network.model_copy(update={"weights": kept})
    for path in (tmp_path / "model").iterdir():
        assert b"/gone/elsewhere" not in path.read_bytes()


def test_weights_without_levels_start_a_network_that_will_learn_them(
    parse: Parse, tmp_path: Path
) -> None:
    small = (
        "network.name=unet", "network.widths=[8,8]", "network.depths=[1,1]",
        "network.global_context=6",
    )  # fmt: skip
    recipe = parse(*small)
    trained = build(recipe.network)
    zoo.export(tmp_path / "old", trained, recipe, "card")
    told = ("network.quantity=rain", "network.levels=[0.1,0.2]")
    choice = parse(*small, *told, f"network.weights={tmp_path / 'old'}").network
    network = build(choice)
    load_initial(network, choice)
    state = network.state_dict()
    assert not bool(state["levels.contexts"].any())
    assert torch.equal(state["head.weight"], trained.state_dict()["head.weight"].half().float())
