"""`--set section.key=value`."""

import tomllib
import typing
from typing import Any

from restore_cli.errors import RestoreError


def override(table: dict[str, Any], item: str) -> None:
    """Put one `section.key=value` into a recipe's table, in place.

    Args:
        table: as read from TOML.
        item: the value is TOML; what is not TOML is taken as text. Without a value the key is
            unset, and its default applies.

    Raises:
        RestoreError: it is not of that form, or leads through a value that is no table.
    """
    key, equals, value = item.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) < 2 or not all(parts):
        raise RestoreError(
            f"--set {item!r} is not of the form section.key=value",
            hint="for example --set optim.steps=2000",
        )
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        parsed = value.strip()
    place = table
    for part in parts[:-1]:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise RestoreError(f"--set {item!r}: {part!r} is not a table in this recipe")
        place = typing.cast("dict[str, Any]", inner)
    if value.strip():
        place[parts[-1]] = parsed
    else:
        place.pop(parts[-1], None)
