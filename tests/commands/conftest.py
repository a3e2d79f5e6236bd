"""A tiny model, and the command started as users start it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from one_model import ENTRY, Halve

from restore_cli.__main__ import main
from restore_cli.errors import RestoreError
from restore_cli.models import entries, zoo
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe

OFFSET = 26  # what the tiny models add to each 8-bit value
Answer = tuple[int, list[dict[str, Any]], str]
REPOSITORY = Path(__file__).parents[2]
TINY = Path(__file__).parents[1] / "tiny.toml"


def _export(folder: Path, *, noise_map: bool) -> str:
    network = UNet(widths=(8, 16), depths=(1, 1), noise_map=noise_map)
    with torch.no_grad():
        # Untrained, it returns its input; so it adds this, exactly.
        network.tail.bias.fill_(OFFSET / 255)
    shape = ["network.widths=[8, 16]", f"network.noise_map={str(noise_map).lower()}"]
    recipe = Recipe.load(TINY, shape)
    zoo.export(folder, network, recipe, "# tiny\n")
    return str(folder)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a denoise model that takes no noise level; it makes pictures brighter."""
    return _export(tmp_path_factory.mktemp("models") / "tiny", noise_map=False)


@pytest.fixture(scope="session")
def tiny_sigma_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same, but it takes a noise level."""
    return _export(tmp_path_factory.mktemp("models") / "tiny", noise_map=True)


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """One shipped model, whole and working."""
    model = zoo.Model("derain", "derain", Halve(), ENTRY.sha256, ENTRY.folder, None, 8)
    for module in (zoo, entries):
        monkeypatch.setattr(module, "entries", lambda: [ENTRY])
        monkeypatch.setattr(module, "verify", lambda name: None)
        monkeypatch.setattr(module, "card", lambda name: "# derain\n\nRain goes.")
    monkeypatch.setattr(zoo, "load", lambda name: model)


@pytest.fixture
def damaged(shipped: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped model's hash is wrong."""

    def verify(name: str) -> None:
        raise RestoreError(f"{name}: the weights were changed")

    for module in (zoo, entries):
        monkeypatch.setattr(module, "verify", verify)


@pytest.fixture
def evaluate(
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, list[dict[str, Any]], str]]:
    """Runs `restore eval` in this process; gives the exit code, the JSON records and stderr."""

    def run(*words: str) -> tuple[int, list[dict[str, Any]], str]:
        code = main(["eval", "--json", "--device", "cpu", *words])
        out, err = capsys.readouterr()
        # What Python's reader takes beyond JSON (NaN, Infinity) fails the test.
        records = [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]
        return code, records, err

    return run


@pytest.fixture
def start() -> Callable[..., "subprocess.Popen[str]"]:
    """Starts the installed `restore` with these words, in the current folder."""
    return _start


def _start(*words: str) -> "subprocess.Popen[str]":
    installed = Path(sys.executable).with_name("restore")
    program = [str(installed)] if installed.exists() else [sys.executable, "-m", "restore_cli"]
    paths = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [*program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder is empty, and the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Exit code, JSON lines and stderr of a command."""

    def call(*words: str) -> Answer:
        code = main([*words, "--json", "--device", "cpu"])
        out, err = capsys.readouterr()
        return (
            code,
            [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()],
            err,
        )

    return call
