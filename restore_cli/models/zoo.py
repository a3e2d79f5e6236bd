"""Model folders, and single files of weights: find, verify, load, export.

A model folder holds `model.safetensors` (fp16), the `recipe.toml` that trained it, `card.md`, and
`SHA256SUMS` over the first two (`sha256sum -c` understands it). The recipe also travels inside the
weights' metadata, so that the one file alone is a whole model.
"""

import contextlib
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from restore_cli.errors import RestoreError, meant
from restore_cli.models.foreign import recognise
from restore_cli.models.shipped import TASKS, WEIGHTS
from restore_cli.models.shipped import folders as _shipped
from restore_cli.networks import NETWORKS
from restore_cli.networks.base import Network
from restore_cli.recipe import InferSection, Recipe, construct

RECIPE, CARD, SUMS = "recipe.toml", "card.md", "SHA256SUMS"
_CHECKPOINT_KEYS = ("params_ema", "params", "state_dict", "model")


@dataclass(frozen=True)
class Entry:
    """A model folder, as far as it can be described without building its network.

    Attributes:
        parameters: numbers in the weights.
        size_bytes: of the weights file.
        sha256: of the weights file as recorded in SHA256SUMS; empty where none is.
    """

    name: str
    task: str
    folder: Path
    parameters: int
    size_bytes: int
    licence: str
    sha256: str
    description: str


@dataclass(frozen=True)
class Model:
    """A network ready to run: float32, on the CPU, in eval mode.

    Attributes:
        sha256: of the weights file.
        folder: where the weights lie.
        recipe: None for a foreign checkpoint.
        overlap: px that neighbouring tiles should share.
    """

    name: str
    task: str
    network: Network
    sha256: str
    folder: Path
    recipe: Recipe | None
    overlap: int


def entries() -> list[Entry]:
    """The shipped models, by name."""
    return [_describe(folder) for folder in _shipped()]


def default_for_task(task: str) -> str:
    """Name of the shipped model for a task.

    Raises:
        RestoreError: there is none.
    """
    for entry in entries():
        if entry.task == task and entry.name == task:
            return entry.name
    have = ", ".join(sorted({entry.task for entry in entries()} & set(TASKS))) or "none"
    raise RestoreError(
        f"no model for the task {task!r} is shipped",
        hint=f"tasks with a model: {have}; or give one with --model",
    )


def card(name: str) -> str:
    """The model card, markdown. Raises RestoreError where the model or its card is missing."""
    path = _folder(name) / CARD
    if not path.is_file():
        raise RestoreError(f"{path.parent} has no {CARD}")
    return path.read_text(encoding="utf-8")


def verify(name: str) -> None:
    """Check the files of a model (name or folder) against SHA256SUMS.

    Raises:
        RestoreError: unknown model, a file is missing or differs, or there is nothing to check.
    """
    folder = _folder(name)
    recorded = _recorded(folder)
    if WEIGHTS not in recorded:
        raise RestoreError(f"{folder / SUMS} does not list {WEIGHTS}")
    for file, expected in recorded.items():
        path = folder / file
        if not path.is_file():
            raise RestoreError(f"{path} is missing", hint="install restore-cli again")
        _check_hash(path, _sha256(path), expected)


def load(name_or_path: str) -> Model:
    """Build a model and load its weights strictly.

    Args:
        name_or_path: a shipped model's name, a model folder, a .safetensors file that
            `restore train` exported, or a .pth checkpoint (with a recipe.toml beside it, or of a
            network that `foreign` recognises).

    Raises:
        RestoreError: nothing there, a damaged or changed file, or weights that do not fit.
    """
    return _load_file(weights_file(name_or_path))


def weights_file(name_or_path: str) -> Path:
    """Where the weights of a shipped model, a model folder or a file lie.

    What is shipped comes first: a file called "derain" is `./derain`.

    Raises:
        RestoreError: there is nothing of that name.
    """
    path = Path(name_or_path)
    shipped = name_or_path in {folder.name for folder in _shipped()}
    return path if path.is_file() and not shipped else _folder(name_or_path) / WEIGHTS


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
    data = save(halves, metadata={"format": "restore-1", "recipe": recipe.dump()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = _recipe_text(folder, recipe)
        files = {WEIGHTS: data, RECIPE: text.encode(), CARD: card_text.encode()}
        sums = [f"{hashlib.sha256(files[f]).hexdigest()}  {f}" for f in (WEIGHTS, RECIPE)]
        files[SUMS] = ("\n".join(sums) + "\n").encode()
        _replace_all(folder, files)
    except OSError as error:
        raise RestoreError(f"cannot write the model folder {folder}: {error}") from error


def _replace_all(folder: Path, files: dict[str, bytes]) -> None:
    """Write files under other names, and rename them only when all of them are written."""
    temporary = {folder / f".{file}.tmp": content for file, content in files.items()}
    try:
        for path, content in temporary.items():
            path.write_bytes(content)
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
            return path.read_text(encoding="utf-8")
    return recipe.dump()


def _folder(name: str) -> Path:
    for folder in _shipped():
        if folder.name == name:
            return folder
    path = Path(name)
    if path.is_dir():
        if (path / WEIGHTS).is_file():
            return path
        raise RestoreError(
            f"{path} is not a model folder: it has no {WEIGHTS}",
            hint="`restore train RECIPE --export DIR` writes one",
        )
    known = [folder.name for folder in _shipped()]
    listed = f"shipped: {', '.join(known) or 'none'}; or give a folder or file"
    raise RestoreError(f"no model {name!r}", hint=meant(name, known) + listed)


def _describe(folder: Path) -> Entry:
    recipe = Recipe.load(folder / RECIPE)
    path = folder / WEIGHTS
    try:
        with safe_open(path, framework="pt") as file:  # pyright: ignore[reportUnknownVariableType]
            slices = [file.get_slice(key) for key in file.keys()]  # noqa: SIM118  # pyright: ignore
            parameters = sum(_product(s.get_shape()) for s in slices)  # pyright: ignore
    except (SafetensorError, OSError) as error:
        raise RestoreError(
            f"cannot read {path}: {error}", hint="install restore-cli again"
        ) from error
    return Entry(
        name=folder.name,
        task=recipe.model.task,
        folder=folder,
        parameters=parameters,
        size_bytes=path.stat().st_size,
        licence=recipe.model.licence,
        sha256=_recorded(folder, required=False).get(WEIGHTS, ""),
        description=recipe.model.description,
    )


def _load_file(path: Path) -> Model:
    digest = _sha256(path)
    folder = path.parent
    recorded = _recorded(folder, required=False)
    if path.name in recorded:
        _check_hash(path, digest, recorded[path.name])
        if RECIPE in recorded:
            _check_hash(folder / RECIPE, _sha256(folder / RECIPE), recorded[RECIPE])
    state, metadata = read_weights(path)
    recipe = None
    if (folder / RECIPE).is_file() and (path.name == WEIGHTS or "recipe" not in metadata):
        recipe = Recipe.load(folder / RECIPE)
    elif "recipe" in metadata:
        recipe = Recipe.parse(metadata["recipe"], source=f"the recipe inside {path}")
    if recipe is not None:
        network = construct(recipe.network, NETWORKS, section="network")
        name, task, overlap = recipe.model.name, recipe.model.task, recipe.infer.overlap
    else:
        network = recognise(state)
        if network is None:
            raise RestoreError(
                f"{path} has no recipe, and its tensor names are not of a network known here",
                hint="put the recipe.toml that trained it beside it",
            )
        name = task = path.stem
        overlap = InferSection().overlap
    try:
        network.load_state_dict({key: value.float() for key, value in state.items()})
    except RuntimeError as error:
        raise RestoreError(
            f"the weights in {path} do not fit the network that its recipe describes: {error}"
        ) from error
    return Model(
        name=name,
        task=task,
        network=network.eval().requires_grad_(requires_grad=False),
        sha256=digest,
        folder=folder,
        recipe=recipe,
        overlap=overlap,
    )


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors only: a checkpoint's pickled code never runs."""
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:  # pyright: ignore[reportUnknownVariableType]
                metadata: dict[str, str] = file.metadata() or {}  # pyright: ignore
                state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118  # pyright: ignore
                return state, metadata  # pyright: ignore[reportUnknownVariableType]
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, struct.error) as error:
        raise RestoreError(f"cannot read the weights in {path}: {error}") from error
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
    return state, {}


def _recorded(folder: Path, *, required: bool = True) -> dict[str, str]:
    path = folder / SUMS
    if not path.is_file():
        if required:
            raise RestoreError(f"{folder} has no {SUMS}: nothing to verify against")
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines if line)}
    except (OSError, ValueError) as error:
        raise RestoreError(f"{path} is damaged", hint="install restore-cli again") from error


def _check_hash(path: Path, digest: str, expected: str) -> None:
    if digest != expected:
        raise RestoreError(
            f"{path} is damaged or changed: sha256 {digest[:12]}..., expected {expected[:12]}...",
            hint="install restore-cli again, or export the model again",
        )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RestoreError(f"cannot read {path}: {error}") from error


def _product(shape: list[int]) -> int:
    result = 1
    for size in shape:
        result *= size
    return result
