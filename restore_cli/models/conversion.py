"""Somebody's checkpoint as a model folder."""

import re
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.models.checkpoints import fitting, read_weights
from restore_cli.models.entries import CARD, FOREIGN, WEIGHTS
from restore_cli.models.foreign import identify
from restore_cli.models.spandrel import SpandrelNetwork
from restore_cli.models.zoo import Model, export, load, write_folder
from restore_cli.networks.base import Network
from restore_cli.recipe import Recipe
from restore_cli.recipe.usual import NAME
from restore_cli.tensors import to_safetensors


def convert(
    source: Path, folder: Path, *, name: str = "", task: str = "", licence: str = ""
) -> Model:
    """Write a model folder of a checkpoint.

    A network of this program becomes a folder with a recipe, in fp16, that `restore train` can
    start from. One of spandrel's becomes safetensors with metadata, its tensors as they are.

    Args:
        source: the checkpoint.
        folder: to write; a model there is replaced.
        name: of the model; empty makes one of the file's name.
        task: what it is for; empty takes the name.
        licence: as its author says it; empty is "unknown".

    Returns:
        The model as it was read from `source`.

    Raises:
        RestoreError: it cannot be read, its network is not known, or it is a model of this
            program already.
    """
    model = load(str(source))
    if model.recipe is not None:
        raise RestoreError(
            f"{source} is a model of this program already",
            hint="copy its folder, or `restore models export` it for another runtime",
        )
    name = name or _name(source.stem)
    for said in (name, task or name):
        if not re.fullmatch(NAME, said):
            raise RestoreError(
                f"{said!r} cannot be the name of a model or task",
                hint="use small letters, digits and hyphens, such as nafnet-sidd",
            )
    told = {
        "name": name,
        "task": task or name,
        "licence": licence or "unknown",
        "architecture": model.architecture,
        "source": source.name,
        "source_sha256": model.sha256,
    }
    if isinstance(model.network, SpandrelNetwork):
        state = {k: v.clone().contiguous() for k, v in read_weights(source)[0].items()}
        scale = {"scale": str(model.network.info.scale)}
        data = to_safetensors(state, {"format": FOREIGN, **told, **scale})
        write_folder(folder, {WEIGHTS: data}, {CARD: _card(told, native=False).encode()})
    else:
        export(
            folder, model.network, _recipe(source, model.network, told), _card(told, native=True)
        )
    return model


def _recipe(source: Path, made: Network, told: dict[str, str]) -> Recipe:
    """What the folder needs to be loaded; its training parts are for fine-tuning on own pairs."""
    network = identify(fitting(read_weights(source)[0], made.state_dict().keys()))
    assert network is not None
    return Recipe.model_validate(
        {
            "model": {
                "name": told["name"],
                "task": told["task"],
                "licence": told["licence"],
                "description": f"Converted from {told['source']}.",
                "limits": "The sections below [network] are for fine-tuning on pairs of your own; "
                "they do not say how it was trained.",
            },
            "network": network.model_dump(mode="json", exclude_none=True),
            "objective": {"name": "supervised"},
            "data": {"kind": "paired", "train_input": "input", "train_target": "target"},
            "optim": {"steps": 10_000, "lr": 1e-4},
        }
    )


def _card(told: dict[str, str], *, native: bool) -> str:
    by = "a network of this program; weights in fp16" if native else "a network of spandrel's"
    return f"""# {told["name"]}

Converted from a checkpoint of somebody else. Nothing was measured.

| what | |
|---|---|
| task | {told["task"]} |
| network | {told["architecture"]}, {by} |
| licence | {told["licence"]} |
| sha256 of the checkpoint | {told["source_sha256"]} |
"""


def _name(stem: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "model"
