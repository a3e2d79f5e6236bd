"""Recipes of every objective, and a program that trains several of them in two processes.

It is started once for each process, with the environment that torchrun sets: the start of an
interpreter costs more than all the training.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from restore_cli.recipe import Recipe
from restore_cli.training import loop
from restore_cli.training.runs import Run

Table = dict[str, Any]

REPOSITORY = Path(__file__).parents[2]
OPTIM: Table = {"steps": 3, "warmup": 0, "lr": 1e-4, "precision": "fp32", "schedule": "trapezoid"}
CLEAN: Table = {
    "train": "photos",
    "crop": 32,
    "mixture": [
        {"steps": [{"name": "gaussian-noise"}, {"name": "hide-sigma", "probability": 0.5}]},
        {"steps": [{"name": "defocus", "radius": [1.0, 3.0]}]},
    ],
}
APART: Table = {"train_input": "photos", "train_target": "others", "unpaired": True, "crop": 32}
SOME_PAIRS: Table = {**APART, "unpaired": False, "paired_share": 0.5}
SOURCES: Table = {
    "train": "photos",
    "crop": 32,
    "mixture": [
        {"source": "noise", "steps": [{"name": "gaussian-noise"}]},
        {"source": "rain", "steps": [{"name": "rain"}]},
    ],
}
FEATURES: Table = {"name": "cut", "width": 4, "blocks": 1, "feature_layers": [0, 4], "norm": "none"}
CONTRAST: Table = {
    "patches": 16,
    "features": 8,
    "discriminator_width": 4,
    "discriminator_layers": 1,
}
UNET: Table = {"name": "unet", "widths": [4, 8], "depths": [1, 1]}
EGUOT: Table = {"name": "eguot", "width": 8}
BARYIR: Table = {"name": "baryir", "widths": [4, 8], "depths": [1, 1], "sources": ["noise", "rain"]}
VAE: Table = {"name": "vae", "channels": 4, "widths": [8, 8], "blocks": [1, 1]}

CASES: dict[str, tuple[Table, Table, Table]] = {
    "supervised": (
        {**UNET, "noise_map": True},
        {"name": "supervised", "loss": "charbonnier", "pal": 0.5},
        CLEAN,
    ),
    "supervised-deblur": ({**UNET, "name": "deblur"}, {"name": "supervised"}, CLEAN),
    "supervised-guided": (
        {"name": "guided-unet"},
        # Heavy: Adam goes by the sign of a gradient, and that of next to none is rounding.
        {"name": "supervised", "amounts_weight": 10.0, "sigma_weight": 10.0},
        CLEAN,
    ),
    "cut": (
        FEATURES,
        {"name": "cut", **CONTRAST, "flip": True, "all_negatives": True, "pal": 0.5},
        APART,
    ),
    "odcr": (FEATURES, {"name": "odcr", **CONTRAST}, APART),
    "eguot-unpaired": (UNET, EGUOT, APART),
    "eguot-paired": (UNET, {**EGUOT, "pal": 0.5}, SOME_PAIRS),
    "baryir": (BARYIR, {"name": "baryir", "potential_width": 4, "pal": 0.5}, SOURCES),
    "vae": (VAE, {"name": "vae", "pal": 0.5}, CLEAN),
}
"""Network, objective and data of each, with all that draws or compares samples switched on."""


def recipe(name: str, root: Path, *, batch: int) -> Recipe:
    """The recipe of a case."""
    network, objective, data = CASES[name]
    table: Table = {
        "model": {"name": "tiny", "task": "denoise"},
        "network": network,
        "objective": objective,
        "data": {**data, "batch": batch, "root": str(root)},
        "optim": OPTIM,
    }
    return Recipe.model_validate(table)


def train(name: str, root: Path, folder: Path, *, batch: int) -> None:
    """Train a case on the CPU."""
    made = recipe(name, root, batch=batch)
    loop.train(made, Run(folder, made, resume=True), device="cpu")


def train_in_two_processes(names: list[str], root: Path, folder: Path) -> None:
    """Train cases with a batch of 2 in each of two processes, into FOLDER/NAME."""
    paths = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    shared = {"PYTHONPATH": paths, "MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2"}
    shared |= {"OMP_NUM_THREADS": "1"}
    # One for each run: who is ahead must not meet the others where they still are.
    runs = dict(zip(names, _free_ports(len(names)), strict=True))
    told = json.dumps({"runs": runs, "root": str(root), "folder": str(folder)})
    running = [
        subprocess.Popen(
            [sys.executable, __file__, told],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=300)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(errors)[-8000:]


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


if __name__ == "__main__":
    torch.set_num_threads(1)
    cases = json.loads(sys.argv[1])
    for case, port in cases["runs"].items():
        os.environ["MASTER_PORT"] = str(port)
        train(case, Path(cases["root"]), Path(cases["folder"]) / case, batch=2)
