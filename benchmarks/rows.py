"""Measured rows as a committed CSV."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

Kind = TypeVar("Kind")
RESULTS = Path(__file__).parent / "results"


def write_rows(name: str, rows: Sequence[Any]) -> None:
    """Write dataclass instances of one kind, at least one, to `results/NAME`; replaces it."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, asdict(rows[0]).keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_rows(name: str, kind: type[Kind]) -> list[Kind]:
    """Dataclass instances as `write_rows` wrote them, none where there is no such file yet.

    Their fields are texts and numbers (`str`, `int`, `float`).
    """
    path = RESULTS / name
    if not path.exists():
        return []
    kinds: dict[str, Any] = {field.name: field.type for field in fields(kind)}  # pyright: ignore[reportArgumentType]
    with path.open(newline="", encoding="utf-8") as file:
        return [kind(**{k: kinds[k](v) for k, v in row.items()}) for row in csv.DictReader(file)]
