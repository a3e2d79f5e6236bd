"""`restore models inspect`: what a file is, before it is used."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from restore_cli.commands.console import Console
from restore_cli.commands.options import Json, Quiet, Traceback
from restore_cli.streams import printable

if TYPE_CHECKING:
    from restore_cli.models.inspection import Inspected

_LONGEST = 300  # characters of a claim that are shown to people


def inspect_model(
    name: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A file of weights, a model folder, or any other file."
        ),
    ],
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Say what a file of weights is, without running code in it.

    Architecture, scale, range, parameters, licence, hash, and what the file claims of itself.
    """
    from restore_cli.models.inspection import inspect

    tell(Console(quiet=quiet, json=json), inspect(name))


def tell(console: Console, seen: "Inspected") -> None:
    """Show what was found, to people or to programs."""
    console.emit(asdict(seen))
    console.emit({"event": "summary", "models": 1, "known": seen.kind != "unknown"})
    console.table(["what", ""], [(what, shown(text)) for what, text in _rows(seen) if text])


def shown(text: str) -> str:
    r"""A claim on one line: line ends and all that a terminal acts on as escapes, cut at 300."""
    line = printable(text.strip()).replace("\n", "\\n").replace("\t", "\\t")
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."


def _rows(seen: "Inspected") -> list[tuple[str, str]]:
    stored = ", ".join(f"{count:,} in {kind}" for kind, count in seen.stored.items())
    sides = f"multiples of {seen.multiple} px, at least {seen.smallest} px; others are padded"
    numbers = f"{seen.parameters:,} in {seen.tensors:,} tensors ({stored})" if seen.stored else ""
    rows = [
        ("file", str(seen.path)),
        ("kind", _KINDS[seen.kind]),
        ("why", f"{seen.problem} ({seen.hint})" if seen.hint else seen.problem),
        ("name", seen.name),
        ("task", seen.task),
        ("architecture", seen.architecture),
        ("scale", "" if seen.scale is None else f"{seen.scale}x"),
        ("height and width", "" if seen.scale is None else sides),
        ("range", seen.range),
        ("computes in", ", ".join(seen.formats)),
        ("parameters", numbers),
        ("licence", seen.licence or "unknown"),
        ("bytes", f"{seen.size_bytes:,}"),
        ("sha256", seen.sha256),
    ]
    return rows + [(f"claims: {shown(key)}", text) for key, text in seen.claims.items()]


_KINDS = {
    "model": "a model with its recipe",
    "checkpoint": "a checkpoint without a recipe, of a network that is known",
    "unknown": "nothing that can be used as a model here",
}
