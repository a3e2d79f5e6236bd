"""What a file or folder is: a model, somebody's checkpoint, or nothing that is known."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from torch import Tensor

from restore_cli.errors import RestoreError, meant
from restore_cli.models import shipped
from restore_cli.models.entries import CARD, WEIGHTS, describe, file_digest
from restore_cli.models.zoo import Model, load, read_weights
from restore_cli.networks.base import NetworkInfo
from restore_cli.small_file import read_small

_MOST_CARD = 2**20
_LICENCE = re.compile(r"^licen[sc]e: *(.+)$", re.MULTILINE)
Kind = Literal["model", "checkpoint", "unknown"]


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file, as far as it can be told.

    Attributes:
        path: the file that was looked at; of a folder, its weights.
        kind: "model" has a recipe, "checkpoint" has tensors and a network that is known, "unknown"
            is all else; `problem` says why.
        size_bytes: of the file.
        sha256: of it.
        architecture: of the network, as recipes or spandrel call it.
        name: of the model, as it says itself.
        task: likewise.
        scale: px of the result for one of the picture; None where the network is unknown.
        multiple: what height and width are padded to, px.
        smallest: at least so many px.
        range: of the values that go in and come out.
        formats: number formats in which it may be computed.
        parameters: numbers in the file's tensors.
        tensors: how many tensors there are.
        stored: how many numbers of each type there are.
        licence: as claimed; empty where nothing is.
        claims: what the file or its card says of itself: nobody has checked it.
        problem: why it cannot be used; empty where it can.
        hint: what to do about that.
    """

    path: Path
    kind: Kind
    size_bytes: int
    sha256: str
    architecture: str = ""
    name: str = ""
    task: str = ""
    scale: int | None = None
    multiple: int | None = None
    smallest: int | None = None
    range: str = ""
    formats: tuple[str, ...] = ()
    parameters: int | None = None
    tensors: int | None = None
    stored: Mapping[str, int] = field(default_factory=dict[str, int])
    licence: str = ""
    claims: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: str = ""
    hint: str = ""


def inspect(name_or_path: str) -> Inspected:
    """Look at a file, a model folder or a shipped model; no code in it is run.

    Raises:
        RestoreError: there is no such file, or it cannot be opened.
    """
    path = Path(name_or_path)
    if name_or_path in {folder.name for folder in shipped.folders()}:
        path = next(one for one in shipped.folders() if one.name == name_or_path)
    if path.is_dir():
        path /= WEIGHTS
    if not path.is_file():
        raise RestoreError(
            f"{path}: there is no such file",
            hint=meant(name_or_path, [folder.name for folder in shipped.folders()])
            + "name a file of weights, a model folder or a shipped model",
        )
    size, digest = path.stat().st_size, file_digest(path)
    try:
        about = describe(str(path))
        state, _ = read_weights(path)
    except RestoreError as error:
        return Inspected(
            path, "unknown", size, digest, problem=error.message, hint=error.hint or ""
        )
    claims = {key: text for key, text in about.claims.items() if key != "recipe"} | _of_card(path)
    known = Inspected(
        path,
        "unknown",
        size,
        digest,
        name=about.name,
        task=about.task,
        parameters=sum(value.numel() for value in state.values()),
        tensors=len(state),
        stored=_stored(state),
        licence=_licence(claims) if about.recipe is None else about.recipe.model.licence,
        claims=claims,
    )
    try:
        model = load(str(path))
    except RestoreError as error:
        return _replaced(known, problem=error.message, hint=error.hint or "")
    return _with_network(known, model)


def _with_network(known: Inspected, model: Model) -> Inspected:
    info = model.network.info
    return _replaced(
        known,
        kind="checkpoint" if model.recipe is None else "model",
        architecture=model.architecture,
        scale=info.scale,
        multiple=info.multiple,
        smallest=info.smallest,
        range=value_range(info),
        formats=info.formats,
    )


def _replaced(known: Inspected, **changes: object) -> Inspected:
    return replace(known, **changes)  # pyright: ignore[reportArgumentType]


def value_range(info: NetworkInfo) -> str:
    """The values that a network takes and gives."""
    return "0..1, sRGB" if info.input == "srgb" else "0..1, Bayer mosaic RGGB"


def _stored(state: Mapping[str, Tensor]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for value in state.values():
        counts[str(value.dtype).removeprefix("torch.")] += value.numel()
    return dict(counts)


def _of_card(path: Path) -> dict[str, str]:
    """The card that lies beside a file of weights, as far as it is a short text."""
    for name in (CARD, "README.md"):
        card = path.parent / name
        # Only of a model folder: beside a lone file the text may be of anything.
        if path.name == WEIGHTS and card.is_file():
            try:
                return {name: read_small(card, most=_MOST_CARD).decode("utf-8", "replace")}
            except OSError:
                continue
    return {}


def _licence(claims: Mapping[str, str]) -> str:
    for key in ("licence", "license"):
        if key in claims:
            return claims[key]
    for text in claims.values():
        if found := _LICENCE.search(text):
            return found[1].strip()
    return ""
