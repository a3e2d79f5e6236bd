"""What breaks the schema of a recipe, in one sentence."""

import inspect
import typing
from collections.abc import Iterable
from typing import cast

from pydantic import BaseModel, ValidationError

from restore_cli.errors import RestoreError
from restore_cli.recipe.data import KINDS, DataSection
from restore_cli.recipe.suggestion import suggest

_WORDS = {"path_type": "it takes a path, as a text in quotes"}
"""Instead of pydantic's own, which name types of Python."""


def readable(error: ValidationError, source: str, schema: type[BaseModel]) -> RestoreError:
    """Turn the first problem that pydantic found into one sentence and, where it can, a cure.

    A misspelt key comes first: the key that is then missing is only its consequence.

    Args:
        error: as pydantic raised it.
        source: names the recipe in the message.
        schema: of the whole recipe.
    """
    problem = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    path = list(problem["loc"])
    kind = str(path[1]) if len(path) > 1 and path[0] == "data" and path[1] in KINDS else None
    shown = path if kind is None else [path[0], *path[2:]]  # the kind is no key of the recipe
    where = ".".join(str(part) for part in shown)
    if problem["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return _no_kind(source, problem["input"])
    if problem["type"] == "extra_forbidden":
        *above, key = path
        section = _section_at(schema, above)
        return RestoreError(
            f"{source}: unknown key {where!r}",
            hint=_other_kind(kind, str(key))
            or (suggest(str(key), section.model_fields) if section else None),
        )
    if problem["type"] == "missing":
        return RestoreError(f"{source}: {where!r} is missing")
    message = _WORDS.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    return RestoreError(f"{source}: {where}: {message}")


def _no_kind(source: str, data: object) -> RestoreError:
    """A `[data]` of no kind, or of one that is unknown."""
    told = cast("dict[str, object]", data).get("kind") if isinstance(data, dict) else None
    if told is None:
        return RestoreError(
            f"{source}: [data] has neither `train` nor `train_input` and `train_target`",
            hint='kind = "clean" takes `train`; "paired", "unpaired", "mixed" and "raw" the others',
        )
    return RestoreError(f"{source}: unknown data.kind {told!r}", hint=suggest(str(told), KINDS))


def _other_kind(kind: str | None, key: str) -> str | None:
    """Where a key of `[data]` belongs that this kind has not; None where it belongs nowhere."""
    if kind is None:
        return None
    if key == "unpaired":
        return 'it is now kind = "unpaired"'
    others = [name for name, section in KINDS.items() if key in section.model_fields]
    if not others:
        return None
    return f"kind = {kind!r} has none; it belongs to kind = {' or '.join(map(repr, others))}"


def _section_at(schema: type[BaseModel], path: Iterable[str | int]) -> type[BaseModel] | None:
    """The section class that stands at a place of the recipe, as far as it can be followed."""
    section = schema
    for part in path:
        if isinstance(part, int):
            continue
        if part in KINDS and issubclass(section, DataSection):
            section = KINDS[part]
            continue
        field = section.model_fields.get(part)
        if field is None:
            return None
        inner = (field.annotation, *typing.get_args(field.annotation))
        classes = [a for a in inner if inspect.isclass(a) and issubclass(a, BaseModel)]
        if not classes:
            return None
        section = classes[0]
    return section
