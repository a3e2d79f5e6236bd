"""Model folders as they lie on disk: found, described, verified. No torch.

A model folder holds `model.safetensors` (fp16), the `recipe.toml` that trained it, `card.md`, and
`SHA256SUMS` over the first two (`sha256sum -c` understands it).
"""

import hashlib
import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore_cli.errors import RestoreError, meant
from restore_cli.images.regular import file_sha256, open_regular, size_of
from restore_cli.models import shipped
from restore_cli.models.facts import Facts
from restore_cli.models.shipped import CLASSIFIER, TASKS, WEIGHTS
from restore_cli.models.weighing import SAFETENSORS, admit_weights, check_kind
from restore_cli.recipe.usual import NAME, OVERLAP
from restore_cli.small_file import read_small
from restore_cli.tilde import from_home

if TYPE_CHECKING:
    from restore_cli.recipe import Recipe

RECIPE, CARD, SUMS = "recipe.toml", "card.md", "SHA256SUMS"
_MOST_TEXT = 2**24
_MOST_HEADER = 100_000_000  # as the format says
_LENGTH = struct.Struct("<Q")
_DAMAGE = (OSError, ValueError, struct.error, RecursionError)
FOREIGN = "restore-foreign-1"
"""Format of weights whose network is another project's."""


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


def entries() -> list[Entry]:
    """The shipped models, by name."""
    return [_describe(folder) for folder in shipped.folders()]


def default_for_task(task: str) -> str:
    """Name of the shipped model for a task.

    Raises:
        RestoreError: there is none.
    """
    for folder in shipped.folders():
        if folder.name == task and Facts.of_shipped(folder / RECIPE).task == task:
            return task
    have = ", ".join(sorted({entry.task for entry in entries()} & set(TASKS))) or "none"
    raise RestoreError(
        f"no model for the task {task!r} is shipped",
        hint=f"tasks with a model: {have}; or give one with --model",
    )


def naming_model() -> str:
    """What names degradations for `--task auto`: a model's folder, as `zoo.load` takes it.

    Raises:
        RestoreError: none is shipped.
    """
    folder = _folder(default_for_task("auto"))
    inner = folder / CLASSIFIER
    return str(inner if (inner / WEIGHTS).is_file() else folder)


def card(name: str) -> str:
    """The model card, markdown. Raises RestoreError where the model or its card is missing."""
    path = _folder(name) / CARD
    if not path.is_file():
        raise RestoreError(f"{path.parent} has no {CARD}")
    return read_small(path, most=_MOST_TEXT).decode("utf-8", "replace")


def verify(name: str) -> None:
    """Check the files of a model (name or folder) against SHA256SUMS, its classifier's too.

    Raises:
        RestoreError: unknown model, a file is missing or differs, or there is nothing to check.
    """
    folder = _folder(name)
    recorded = recorded_sums(folder)
    if WEIGHTS not in recorded:
        raise RestoreError(f"{folder / SUMS} does not list {WEIGHTS}")
    for file, expected in recorded.items():
        path = folder / file
        if not path.is_file():
            raise RestoreError(f"{path} is missing", hint="install restore-cli again")
        check_hash(path, file_digest(path), expected)
    if (folder / CLASSIFIER).is_dir():
        verify(str(folder / CLASSIFIER))


def weights_file(name_or_path: str) -> Path:
    """Where the weights of a shipped model, a model folder or a file lie.

    What is shipped comes first: a file called "derain" is `./derain`.

    Raises:
        RestoreError: there is nothing of that name.
    """
    name_or_path = from_home(name_or_path)
    path = Path(name_or_path)
    is_shipped = name_or_path in {folder.name for folder in shipped.folders()}
    return path if path.is_file() and not is_shipped else _folder(name_or_path) / WEIGHTS


@dataclass(frozen=True)
class Described:
    """A file of weights, as far as it can be described without reading its tensors.

    Attributes:
        path: of the weights.
        sha256: of them; what is recorded of them and their recipe was compared.
        claims: what the file says of itself beside its tensors.
        facts: what its recipe says; None for a foreign checkpoint.
    """

    path: Path
    sha256: str
    claims: Mapping[str, str]
    facts: Facts | None
    _recipe: "Callable[[], Recipe | None]"

    @cached_property
    def recipe(self) -> "Recipe | None":
        """None for a foreign checkpoint."""
        return self._recipe()

    @property
    def name(self) -> str:
        """Of the model."""
        return self._claimed("name") if self.facts is None else self.facts.name

    @property
    def task(self) -> str:
        """What it was trained for."""
        return self._claimed("task") if self.facts is None else self.facts.task

    @property
    def identity(self) -> str:
        """What decides the network and its weights; empty for a foreign checkpoint."""
        if self.facts is None:
            return ""
        network = json.dumps(self.facts.network, sort_keys=True, default=str)
        return hashlib.sha256(f"{self.sha256} {network}".encode()).hexdigest()

    def _claimed(self, what: str) -> str:
        """What `models convert` wrote of a foreign model; else it is called as its file is."""
        said = self.claims.get(what, "") if self.claims.get("format") == FOREIGN else ""
        return said if re.fullmatch(NAME, said) else self.path.stem

    @property
    def overlap(self) -> int:
        """Px that neighbouring tiles should share."""
        return OVERLAP if self.facts is None else self.facts.overlap


def describe(name_or_path: str) -> Described:
    """What a model is; arguments and errors as of `zoo.load`, but no tensor is read."""
    path = weights_file(name_or_path)
    _admit(path)
    digest = file_digest(path)
    folder = path.parent
    recorded = recorded_sums(folder, required=False)
    if path.name in recorded:
        check_hash(path, digest, recorded[path.name])
        if (recipe := folder / RECIPE).name in recorded:
            check_hash(recipe, file_digest(recipe), recorded[RECIPE])
            if path.name == WEIGHTS and not {folder, folder.parent}.isdisjoint(shipped.folders()):
                # It is as it was made, and was checked then.
                facts, load = Facts.of_shipped(recipe), partial(_loaded, recipe)
                return Described(path, digest, _metadata(path), facts, load)
    return _described(path, digest)


def _loaded(path: Path) -> "Recipe":
    from restore_cli.recipe import Recipe

    return Recipe.load(path)


def _described(path: Path, digest: str) -> Described:
    """What any other file of weights is."""
    claims = _metadata(path)
    inside = claims.get("recipe")
    recipe = None
    if (path.parent / RECIPE).is_file() and (path.name == WEIGHTS or inside is None):
        recipe = _loaded(path.parent / RECIPE)
    elif inside is not None:
        from restore_cli.recipe import Recipe

        recipe = Recipe.parse(inside, source=f"the recipe inside {path}")
    return Described(path, digest, claims, recipe and Facts.of(recipe), lambda: recipe)


def _admit(path: Path) -> None:
    """Refuse what cannot be read before it is hashed: a file may claim a terabyte and be empty."""
    try:
        admit_weights(path)
    except OSError as error:
        raise RestoreError(f"cannot read {path}: {error}") from error


def _metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says beside its tensors; nothing of other files."""
    if path.suffix != SAFETENSORS:
        return {}
    try:
        check_kind(path)
        said = _header(path).get("__metadata__", {})
    except _DAMAGE as error:
        raise RestoreError(
            f"cannot read the weights in {path}: {error}", hint="download or export it again"
        ) from error
    return {str(name): value for name, value in said.items() if isinstance(value, str)}


def _header(path: Path) -> dict[str, dict[str, Any]]:
    """What stands before the tensors of a safetensors file: the library reads it with numpy only.

    Raises:
        OSError, ValueError, struct.error, RecursionError: it is damaged.
    """
    with open_regular(path) as file:
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        if length > min(_MOST_HEADER, size_of(file)):
            raise ValueError("its header is longer than it can be")
        header = json.loads(file.read(length))
    if not isinstance(header, dict) or not all(isinstance(one, dict) for one in header.values()):
        raise ValueError("its header describes no tensors")
    return header


def _folder(name: str) -> Path:
    for folder in shipped.folders():
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
    known = [folder.name for folder in shipped.folders()]
    listed = f"shipped: {', '.join(known) or 'none'}; or give a folder or file"
    raise RestoreError(f"no model {name!r}", hint=meant(name, known) + listed)


def _describe(folder: Path) -> Entry:
    facts = Facts.of_shipped(folder / RECIPE)
    path = folder / WEIGHTS
    try:
        header = _header(path)
        shapes = [about["shape"] for name, about in header.items() if name != "__metadata__"]
        parameters = sum(prod(shape) for shape in shapes)
    except (*_DAMAGE, KeyError, TypeError) as error:
        raise RestoreError(
            f"cannot read {path}: {error}", hint="install restore-cli again"
        ) from error
    return Entry(
        name=folder.name,
        task=facts.task,
        folder=folder,
        parameters=parameters,
        size_bytes=path.stat().st_size,
        licence=facts.licence,
        sha256=recorded_sums(folder, required=False).get(WEIGHTS, ""),
        description=facts.description,
    )


def recorded_sums(folder: Path, *, required: bool = True) -> dict[str, str]:
    """What SHA256SUMS of a model folder says, by file name; nothing where there is no such file.

    Raises:
        RestoreError: it is damaged, or `required` and missing.
    """
    path = folder / SUMS
    if not path.is_file():
        if required:
            raise RestoreError(f"{folder} has no {SUMS}: nothing to verify against")
        return {}
    try:
        lines = read_small(path, most=_MOST_TEXT).decode("utf-8").splitlines()
        return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines if line)}
    except (OSError, ValueError) as error:
        raise RestoreError(f"{path} is damaged", hint="install restore-cli again") from error


def check_hash(path: Path, digest: str, expected: str) -> None:
    """Raise RestoreError where a file is not what was recorded."""
    if digest != expected:
        raise RestoreError(
            f"{path} is damaged or changed: sha256 {digest[:12]}..., expected {expected[:12]}...",
            hint="install restore-cli again, or export the model again",
        )


def file_digest(path: Path) -> str:
    """SHA-256 of a file. Raises RestoreError where it cannot be read."""
    try:
        return file_sha256(path)
    except OSError as error:
        raise RestoreError(f"cannot read {path}: {error}") from error
