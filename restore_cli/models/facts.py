"""What a recipe says of its model, had without the schema of recipes where that has been checked.

Building the schema takes longer than all else that a command needs which computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from restore_cli.errors import RestoreError
from restore_cli.recipe.usual import LICENCE, OVERLAP
from restore_cli.small_file import parse_toml, read_small

if TYPE_CHECKING:
    from restore_cli.recipe import Recipe

_MOST_BYTES = 2**24
_DAMAGE = (RestoreError, OSError, ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a recipe says of its model.

    Attributes:
        name: of the model.
        task: what it was trained for.
        description: a sentence.
        licence: of the weights.
        overlap: px that neighbouring tiles should share.
        network: its name and arguments, as TOML has them.
    """

    name: str
    task: str
    description: str
    licence: str
    overlap: int
    network: Mapping[str, object]

    @classmethod
    def of(cls, recipe: Recipe) -> Facts:
        """What a recipe says that was checked."""
        model, network = recipe.model, recipe.network
        return cls(
            model.name,
            model.task,
            model.description,
            model.licence,
            recipe.infer.overlap,
            {"name": network.name, **network.options},
        )

    @classmethod
    def of_shipped(cls, path: Path) -> Facts:
        """What a shipped recipe.toml says, which was checked when it was made.

        Raises:
            RestoreError: it is damaged, or cannot be read.
        """
        try:
            table = parse_toml(read_small(path, most=_MOST_BYTES).decode(), str(path))
            model, network = table["model"], table["network"]
            return cls(
                model["name"],
                model["task"],
                model.get("description", ""),
                model.get("licence", LICENCE),
                table.get("infer", {}).get("overlap", OVERLAP),
                {name: value for name, value in network.items() if name != "weights"},
            )
        except _DAMAGE as error:
            raise RestoreError(
                f"cannot read {path}: {error}", hint="install restore-cli again"
            ) from error
