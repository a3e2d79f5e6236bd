"""torch.compile in training: the same network, and what happens where it fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from restore_cli.methods.supervised.objective import Supervised
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe
from restore_cli.training.compiling import compile_networks
from restore_cli.training.loop import train as train_loop
from restore_cli.training.runs import Run

Parse = Callable[..., Recipe]


def _same(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
    """Stands for a compiler that has nothing to improve."""
    return graph.forward


def _broken(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
    raise RuntimeError("no C++ compiler was found\nand more lines")


@pytest.fixture(autouse=True)
def _no_graphs_of_earlier_tests() -> None:
    torch._dynamo.reset()


@pytest.mark.parametrize("compiler", [_same, _broken])
def test_a_compiled_run_gives_the_weights_of_one_that_is_not(
    parse: Parse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compiler: Callable[..., Any],
) -> None:
    compiled: list[int] = []

    def counted(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        compiled.append(len(graph.graph.nodes))
        return compiler(graph, inputs)

    monkeypatch.setattr(torch._inductor, "compile", counted)
    plain = train_loop(parse(), Run(tmp_path / "plain", parse(), resume=True), device="cpu")
    assert not compiled
    recipe = parse("optim.compile=true")
    run = Run(tmp_path / "compiled", recipe, resume=True)
    trained = train_loop(recipe, run, device="cpu")
    assert compiled
    weights = trained.network.state_dict()
    for name, value in plain.network.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=1e-6)
    if compiler is _broken:
        assert set(run.problems) == {"torch.compile"}
        assert "no C++ compiler was found)" in run.problems["torch.compile"]
    else:
        assert not run.problems


def test_a_run_may_go_on_compiled(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch._inductor, "compile", _same)
    first = parse("optim.steps=2", "optim.warmup=0")
    train_loop(first, Run(tmp_path, first, resume=True), device="cpu")
    further = parse("optim.steps=3", "optim.warmup=0", "optim.compile=true")
    assert train_loop(further, Run(tmp_path, further, resume=True), device="cpu").steps == 3


@pytest.mark.slow
def test_torchs_compiler_computes_what_the_network_does() -> None:
    torch.manual_seed(0)
    network = UNet(widths=[8, 16], depths=[1, 1])
    picture = torch.rand(2, 3, 32, 32)
    before = network(picture)
    notes: list[str] = []
    compile_networks(Supervised(network), notes.append)
    after = network(picture)
    after.square().mean().backward()
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert not notes
