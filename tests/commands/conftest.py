"""A tiny model, and the command started as users start it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from restore_cli import zoo
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe

OFFSET = 26  # what the tiny models add to each 8-bit value
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
