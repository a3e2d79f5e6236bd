"""recipe.toml as a whole: read, checked, written."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import tomli_w
from pydantic import ValidationError, field_validator

from restore_cli.errors import RestoreError
from restore_cli.recipe.choice import Choice, NetworkChoice
from restore_cli.recipe.data import Data, changed_kind
from restore_cli.recipe.infer import InferSection
from restore_cli.recipe.log import LogSection
from restore_cli.recipe.messages import readable
from restore_cli.recipe.model import ModelSection
from restore_cli.recipe.old_data import with_kind
from restore_cli.recipe.old_names import modernised, modernised_key, old_forms
from restore_cli.recipe.optim import OptimSection
from restore_cli.recipe.override import override
from restore_cli.recipe.section import Section
from restore_cli.small_file import parse_toml, read_small, why_unreadable

_MOST_BYTES = 2**24
_LINE = 100
_NUMBERS = re.compile(r"\[\n(?:\s+[-+.\deE]+,\n)+\s*\]")


class Recipe(Section):
    """A whole recipe.toml."""

    model: ModelSection
    network: NetworkChoice
    objective: Choice
    data: Data
    optim: OptimSection
    log: LogSection = LogSection()
    infer: InferSection = InferSection()

    @field_validator("data", mode="before")
    @classmethod
    def _with_kind(cls, value: object) -> object:
        return with_kind(cast("dict[str, Any]", value)) if isinstance(value, dict) else value

    @classmethod
    def load(cls, path: Path, overrides: Iterable[str] = ()) -> "Recipe":
        """Read and check a recipe file.

        Args:
            path: the TOML file.
            overrides: `section.key=value` strings, applied before checking; values are TOML, and
                what is not TOML is taken as text. With another `data.kind` the keys go that only
                the old kind has.

        Raises:
            RestoreError: the file cannot be read, is not TOML, or breaks the schema.
        """
        return cls.parse(_text(path), source=str(path), overrides=overrides)

    @staticmethod
    def old_forms(path: Path) -> list[str]:
        """A sentence for each thing that a recipe file writes as 0.1 did; raises as `load`."""
        return old_forms(parse_toml(_text(path), str(path)))

    @classmethod
    def parse(cls, text: str, *, source: str, overrides: Iterable[str] = ()) -> "Recipe":
        """Check the text of a recipe; `source` names it in messages. Raises RestoreError."""
        table = modernised(parse_toml(text, source))
        changes = [modernised_key(item) for item in overrides]
        for item in changes:
            key, _, kind = item.partition("=")
            if key.strip() == "data.kind" and isinstance(table.get("data"), dict):
                table["data"] = changed_kind(table["data"], kind.strip(" \"'"))
        for item in changes:
            override(table, item)
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            raise readable(error, source, cls) from error

    def dump(self) -> str:
        """The recipe as TOML, without what belongs to one machine (`data.root`)."""
        table = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        table["data"].pop("root", None)
        return _NUMBERS.sub(_on_one_line, tomli_w.dumps(table))


def _on_one_line(array: re.Match[str]) -> str:
    """An array of numbers as people write it: beside each other, where they fit a line."""
    line = " ".join(array[0].split()).replace("[ ", "[").replace(", ]", "]")
    return line if len(line) <= _LINE else array[0]


def _text(path: Path) -> str:
    try:
        return read_small(path, most=_MOST_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RestoreError(
            f"cannot read the recipe {path}: {why_unreadable(error)}",
            hint="`restore train --init TASK -o recipe.toml` writes one to start from",
        ) from error
