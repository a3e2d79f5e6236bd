"""`restore models list`, `show` and `verify`: what is shipped."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from restore_cli.commands.console import Console
from restore_cli.commands.options import Json, Quiet, Traceback
from restore_cli.errors import ExitCode, RestoreError, meant
from restore_cli.streams import printable

if TYPE_CHECKING:
    from restore_cli.models.entries import Entry


def list_models(json: Json = False, quiet: Quiet = False, traceback: Traceback = False) -> None:
    """List the shipped models: task, size, licence."""
    from restore_cli.models.entries import entries as found

    entries = found()
    console = Console(quiet=quiet, json=json)
    for entry in entries:
        console.emit(asdict(entry))
    console.emit({"event": "summary", "models": len(entries)})
    if not json:
        console.table(
            ["name", "task", "parameters", "size", "licence", "description"],
            [
                [
                    *(e.name, e.task, f"{e.parameters / 1e6:.1f} M"),
                    *(f"{e.size_bytes / 1e6:.1f} MB", e.licence, e.description),
                ]
                for e in entries
            ],
            numbers=("parameters", "size"),
        )


def show_model(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A name from `models list`, a folder or a file."),
    ],
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Print a model's card: data, measured numbers, limits, licence.

    Of a folder or file that has no card, what `models inspect` says.
    """
    from restore_cli.models.entries import card as card_of

    if not _is_shipped(name) and Path(name).exists():
        _show_other(name, Console(quiet=quiet, json=json))
        return
    entry, card = _entry(name), card_of(name)
    if json:
        console = Console(quiet=quiet, json=True)
        console.emit({**asdict(entry), "card": card})
        console.emit({"event": "summary", "models": 1})
    else:
        # The card is the result that was asked for, so it goes to stdout.
        typer.echo(card)


def verify_models(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="One model; all of them if left out.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> int:
    """Check that the weights are the ones that were published (SHA-256)."""
    from restore_cli.models.entries import entries

    names = [entry.name for entry in entries()] if name is None else [_entry(name).name]
    console = Console(quiet=quiet, json=json)
    failed = 0
    for one in names:
        problem = problem_of(one)
        failed += problem is not None
        status = "ok" if problem is None else "failed"
        console.emit({"model": one, "status": status, "error": problem})
        if not json:
            console.answer(f"{status:6}  {one}" + (f": {problem}" if problem else ""))
    console.emit({"event": "summary", "models": len(names), "failed": failed})
    return ExitCode.SOME_FAILED if failed else ExitCode.OK


def _is_shipped(name: str) -> bool:
    from restore_cli.models.entries import entries

    return name in {entry.name for entry in entries()}


def _show_other(name: str, console: Console) -> None:
    """The card of a model folder; else what can be told of the file."""
    from restore_cli.commands.models_inspect import tell
    from restore_cli.models.entries import CARD, card
    from restore_cli.models.inspection import inspect

    if console.json or not (Path(name) / CARD).is_file():
        tell(console, inspect(name))
    else:
        # Anybody may have written it.
        typer.echo(printable(card(name)))


def _entry(name: str) -> "Entry":
    """The shipped model of that name. Raises RestoreError with the names there are."""
    from restore_cli.models.entries import entries as found

    entries = {entry.name: entry for entry in found()}
    if name not in entries:
        raise RestoreError(
            f"there is no shipped model named {name!r}",
            hint=f"{meant(name, entries)}the shipped models are: {', '.join(entries) or 'none'}",
        )
    return entries[name]


def problem_of(name: str) -> str | None:
    """Why a shipped model does not verify, or None."""
    from restore_cli.models.entries import verify

    try:
        verify(name)
    except RestoreError as error:
        return error.message
    return None
