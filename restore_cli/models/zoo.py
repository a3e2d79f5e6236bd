"""Models as networks: loaded from folders and single files, exported to folders.

What lies on disk is described by `models.entries`, all of which can be had here. The recipe also
travels inside the weights' metadata, so that the one file alone is a whole model.
"""

import contextlib
import hashlib
import os
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.models.entries import (
    CARD,
    RECIPE,
    SUMS,
    TASKS,
    WEIGHTS,
    Entry,
    card,
    default_for_task,
    describe,
    entries,
    verify,
    weights_file,
)
from restore_cli.models.foreign import bare, identify, recognise
from restore_cli.models.spandrel import adopt
from restore_cli.models.weighing import admit_weights, check_count
from restore_cli.networks import NETWORKS
from restore_cli.networks.admission import allowance, bounded
from restore_cli.networks.base import Network
from restore_cli.recipe import Recipe, construct
from restore_cli.small_file import read_small
from restore_cli.tensors import to_safetensors

__all__ = [
    "CARD",
    "RECIPE",
    "SUMS",
    "TASKS",
    "WEIGHTS",
    "Entry",
    "Model",
    "card",
    "default_for_task",
    "entries",
    "export",
    "load",
    "read_weights",
    "verify",
    "weights_file",
    "write_folder",
]

_CHECKPOINT_KEYS = (
    "params_ema",
    "params-ema",
    "params",
    "model_state_dict",
    "state_dict",
    "model",
    "net",
)


@dataclass(frozen=True)
class Model:
    """A network ready to run: float32, on the CPU, in eval mode.

    Attributes:
        sha256: of the weights file.
        folder: where the weights lie.
        recipe: None for a foreign checkpoint.
        overlap: px that neighbouring tiles should share.
        architecture: of the network, as recipes or spandrel call it.
    """

    name: str
    task: str
    network: Network
    sha256: str
    folder: Path
    recipe: Recipe | None
    overlap: int
    architecture: str = ""


def load(name_or_path: str) -> Model:
    """Build a model and load its weights strictly.

    Args:
        name_or_path: a shipped model's name, a model folder, a .safetensors file that
            `restore train` exported, or a checkpoint (with a recipe.toml beside it, or of a
            network that `foreign` recognises or spandrel knows).

    Raises:
        RestoreError: nothing there, a damaged or changed file, or weights that do not fit.
    """
    about = describe(name_or_path)
    state, _ = read_weights(about.path)
    try:
        if about.recipe is not None:
            # What the recipe claims, the file must hold.
            with bounded(allowance(state.values())):
                network = construct(about.recipe.network, NETWORKS, section="network")
            architecture = about.recipe.network.name
        else:
            network, architecture = _foreign(state)
    except RestoreError as error:
        raise RestoreError(f"{about.path}: {error.message}", hint=error.hint) from error
    if about.recipe is not None:
        try:
            network.load_state_dict({key: value.float() for key, value in state.items()})
        except RuntimeError as error:
            raise RestoreError(
                f"the weights in {about.path} do not fit the network that its recipe describes: "
                f"{error}"
            ) from error
    return Model(
        name=about.name,
        task=about.task,
        network=network.eval().requires_grad_(requires_grad=False),
        sha256=about.sha256,
        folder=about.path.parent,
        recipe=about.recipe,
        overlap=about.overlap,
        architecture=architecture,
    )


def _foreign(state: dict[str, Tensor]) -> tuple[Network, str]:
    """The network of a checkpoint without a recipe, and its name: one of ours, or spandrel's."""
    state = bare(state)
    trouble: RestoreError | None = None
    try:
        network = recognise(state)
    except RestoreError as error:
        network, trouble = None, error
    if network is not None:
        try:
            network.load_state_dict({key: value.float() for key, value in state.items()})
        except RuntimeError as error:
            # A relative of it may be called alike.
            trouble = RestoreError(f"its weights do not fit the network of their names: {error}")
        else:
            choice = identify(state)
            assert choice is not None
            return network, choice.name
    try:
        adopted = adopt(state)
    except RestoreError as error:
        raise RestoreError((trouble or error).message, hint=error.hint) from error
    return adopted, adopted.architecture


def export(folder: Path, network: Network, recipe: Recipe, card_text: str) -> None:
    """Write a model folder that `load` reads.

    Args:
        folder: made where it is missing; a model there is replaced file by file.
        network: built from `recipe`; stored in fp16.
        recipe: kept as recipe.toml unless the folder's own says the same (comments stay then).
        card_text: markdown.

    Raises:
        RestoreError: the folder cannot be written, or a weight leaves fp16's range.
    """
    halves = {k: v.detach().to("cpu", torch.float16).contiguous() for k, v in _weights(network)}
    for name, value in halves.items():
        if not bool(torch.isfinite(value).all()):
            raise RestoreError(f"the weight {name} is not finite in fp16: nothing exported")
    data = to_safetensors(halves, {"format": "restore-1", "recipe": recipe.dump()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = _recipe_text(folder, recipe)
        write_folder(folder, {WEIGHTS: data, RECIPE: text.encode()}, {CARD: card_text.encode()})
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_folder(folder: Path, model: dict[str, bytes], beside: dict[str, bytes]) -> None:
    """Write the files of a model folder and their hashes, all of them or none.

    Args:
        folder: made where it is missing; its files of these names are replaced.
        model: the files that make the model, by name; their hashes stand in SHA256SUMS.
        beside: other files.

    Raises:
        RestoreError: the folder cannot be written.
    """
    sums = [f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in model.items()]
    files = {**model, **beside, SUMS: ("\n".join(sums) + "\n").encode()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace_all(folder, files)
        if RECIPE not in model:
            # One that lies there is of another model, and would be believed.
            (folder / RECIPE).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> RestoreError:
    return RestoreError(
        f"cannot write the model folder {folder}: {error.strerror or error}",
        hint="make room or choose another folder, then start the same command again",
        exit_code=ExitCode.SOME_FAILED,
    )


def _replace_all(folder: Path, files: dict[str, bytes]) -> None:
    """Write files under other names, and rename them only when all of them are written."""
    temporary = {folder / f".{file}.tmp": content for file, content in files.items()}
    try:
        for path, content in temporary.items():
            path.write_bytes(content)
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        for path, file in zip(temporary, files, strict=True):
            path.replace(folder / file)
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)


def _weights(network: Network) -> Iterator[tuple[str, Tensor]]:
    yield from network.state_dict().items()


def _recipe_text(folder: Path, recipe: Recipe) -> str:
    """The recipe as its author wrote it, if the folder's file means exactly this recipe."""
    path = folder / RECIPE
    # A recipe that is broken is replaced: training is done, and must not be lost to it.
    with contextlib.suppress(RestoreError):
        if path.is_file() and Recipe.load(path).dump() == recipe.dump():
            return read_small(path, most=2**24).decode()
    return recipe.dump()


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors only: a checkpoint's pickled code never runs."""
    try:
        admit_weights(path)
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:  # pyright: ignore[reportUnknownVariableType]
                metadata: dict[str, str] = file.metadata() or {}  # pyright: ignore
                names: list[str] = file.keys()  # pyright: ignore
                check_count(path, len(names))
                state = {k: file.get_tensor(k) for k in names}  # pyright: ignore
                return state, metadata  # pyright: ignore[reportUnknownVariableType]
        with warnings.catch_warnings():
            # Of formats that the reader may not take: then it raises.
            warnings.simplefilter("ignore")
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, struct.error) as error:
        raise RestoreError(
            f"cannot read the weights in {path}: {error}", hint="download or export it again"
        ) from error
    except RestoreError:
        raise
    except Exception as error:  # pickle raises its own zoo of errors
        raise RestoreError(
            f"{path} holds more than tensors, or is damaged: {type(error).__name__}",
            hint="save its state dict alone, best as .safetensors",
        ) from error
    for key in _CHECKPOINT_KEYS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    named = loaded if isinstance(loaded, dict) else {}
    state = {str(k): v for k, v in named.items() if isinstance(v, Tensor)}
    if not state:
        raise RestoreError(f"{path} holds no tensors")
    check_count(path, len(state))
    for name, value in state.items():
        if value.layout != torch.strided or value.is_complex() or value.is_meta:
            raise RestoreError(
                f"{path}: its tensor {name} is of a kind that no network here has",
                hint="save its state dict as dense tensors of real numbers",
            )
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise RestoreError(
                f"{path} is damaged: its tensor {name} claims {value.numel():,} numbers and holds"
                " fewer",
                hint="save its state dict alone, best as .safetensors",
            )
    return state, {}
