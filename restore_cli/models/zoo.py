"""Models as networks: loaded from folders and single files, exported to folders.

What lies on disk is described by `models.entries`, all of which can be had here. The recipe also
travels inside the weights' metadata, so that the one file alone is a whole model.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.folders import make_folder
from restore_cli.images.atomic import write_together
from restore_cli.models import shipped
from restore_cli.models.checkpoints import read_weights, unwrapped
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
from restore_cli.models.foreign import identify, recognise
from restore_cli.models.spandrel import adopt
from restore_cli.networks import NETWORKS
from restore_cli.networks.admission import allowance, bounded
from restore_cli.networks.base import Network
from restore_cli.networks.weights import put_weights
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


@dataclass(frozen=True)
class Model:
    """A network ready to run: float32, on the CPU, in eval mode.

    Attributes:
        sha256: of the weights file.
        folder: where the weights lie.
        recipe: None for a foreign checkpoint.
        overlap: px that neighbouring tiles should share.
        architecture: of the network, as recipes or spandrel call it.
        identity: see `entries.Described`.
    """

    name: str
    task: str
    network: Network
    sha256: str
    folder: Path
    recipe: Recipe | None
    overlap: int
    architecture: str = ""
    identity: str = ""


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
            put_weights(network, state)
        except RuntimeError as error:
            raise RestoreError(
                f"the weights in {about.path} do not fit the network that its recipe describes: "
                f"{error}",
                hint="download or export it again",
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
        identity=about.identity,
    )


def _foreign(state: dict[str, Tensor]) -> tuple[Network, str]:
    """The network of a checkpoint without a recipe, and its name: one of ours, or spandrel's."""
    trouble: RestoreError | None = None
    for candidate in unwrapped(state):
        try:
            network = recognise(candidate)
        except RestoreError as error:
            trouble = trouble or error
            continue
        if network is None:
            continue
        try:
            put_weights(network, candidate)
        except RuntimeError as error:
            # A relative of it may be called alike.
            words = f"its weights do not fit the network of their names: {error}"
            trouble = trouble or RestoreError(words)
        else:
            choice = identify(candidate)
            assert choice is not None
            return network, choice.name
    return _adopted(state, trouble)


def _adopted(state: dict[str, Tensor], trouble: RestoreError | None) -> tuple[Network, str]:
    """As `_foreign`, by spandrel; `trouble` is what was found before."""
    for candidate in unwrapped(state):
        try:
            adopted = adopt(candidate)
        except RestoreError as error:
            # What was found of a known network says more than that spandrel knows none.
            trouble = RestoreError((trouble or error).message, hint=error.hint)
        else:
            return adopted, adopted.architecture
    assert trouble is not None
    raise trouble


def export(folder: Path, network: Network, recipe: Recipe, card_text: str) -> None:
    """Write a model folder that `load` reads.

    Args:
        folder: made where it is missing; a model there is replaced file by file.
        network: built from `recipe`; stored in fp16.
        recipe: kept as recipe.toml unless the folder's own says the same (comments stay then);
            without the weights that training began from, unless they are shipped: their place on
            one machine means nothing on another.
        card_text: markdown.

    Raises:
        RestoreError: the folder cannot be written, or a weight leaves fp16's range.
    """
    recipe = _travelling(recipe)
    halves = {k: v.detach().to("cpu", torch.float16).contiguous() for k, v in _weights(network)}
    for name, value in halves.items():
        if not bool(torch.isfinite(value).all()):
            raise RestoreError(f"the weight {name} is not finite in fp16: nothing exported")
    data = to_safetensors(halves, {"format": "restore-1", "recipe": recipe.dump()})
    try:
        make_folder(folder)
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
        make_folder(folder)
        _write(folder, files)
        if RECIPE not in model:
            # One that lies there is of another model, and would be believed.
            (folder / RECIPE).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """All of them or none. Raises OSError."""
    try:
        write_together({folder / name: content for name, content in files.items()})
    except RestoreError as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from error
        raise


def _unwritable(folder: Path, error: OSError) -> RestoreError:
    return RestoreError(
        f"cannot write the model folder {folder}: {error.strerror or error}",
        hint="make room or choose another folder, then start the same command again",
        exit_code=ExitCode.SOME_FAILED,
    )


def _weights(network: Network) -> Iterator[tuple[str, Tensor]]:
    yield from network.state_dict().items()


def _travelling(recipe: Recipe) -> Recipe:
    if recipe.network.weights in (None, *(one.name for one in shipped.folders())):
        return recipe
    network = recipe.network.model_copy(update={"weights": None})
    return recipe.model_copy(update={"network": network})


def _recipe_text(folder: Path, recipe: Recipe) -> str:
    """The recipe as its author wrote it, if the folder's file means exactly this recipe."""
    path = folder / RECIPE
    # A recipe that is broken is replaced: training is done, and must not be lost to it.
    with contextlib.suppress(RestoreError):
        if path.is_file() and Recipe.load(path).dump() == recipe.dump():
            return read_small(path, most=2**24).decode()
    return recipe.dump()
