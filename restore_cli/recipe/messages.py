"""What breaks the schema of a recipe, in one sentence."""

import inspect
import typing
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from restore_cli.errors import RestoreError
from restore_cli.recipe.suggestion import suggest


def readable(error: ValidationError, source: str, schema: type[BaseModel]) -> RestoreError:
    """Turn the first problem that pydantic found into one sentence and, where it can, a cure.

    A misspelt key comes first: the key that is then missing is only its consequence.

    Args:
        error: as pydantic raised it.
        source: names the recipe in the message.
        schema: of the whole recipe.
    """
    problem = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *path, key = problem["loc"]
        section = _section_at(schema, path)
        return RestoreError(
            f"{source}: unknown key {where!r}",
            hint=suggest(str(key), section.model_fields) if section else None,
        )
    if problem["type"] == "missing":
        return RestoreError(f"{source}: {where!r} is missing")
    message = problem["msg"].removeprefix("Value error, ")
    return RestoreError(f"{source}: {where}: {message}")


def _section_at(schema: type[BaseModel], path: Iterable[str | int]) -> type[BaseModel] | None:
    """The section class that stands at a place of the recipe, as far as it can be followed."""
    section = schema
    for part in path:
        if isinstance(part, int):
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
