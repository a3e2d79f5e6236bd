"""`restore config show`: which defaults of options were set, and where."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from restore_cli.commands.console import Console
from restore_cli.commands.options import Json, Quiet, Traceback
from restore_cli.commands.settings import (
    PREFIX,
    Command,
    Setting,
    files,
    from_environment,
    settings_of,
    variable,
    whole_program,
)
from restore_cli.commands.usage_errors import unknown_variables
from restore_cli.errors import RestoreError, meant

_OF_THE_PROGRAM = tuple(
    f"{PREFIX}_{name}" for name in ("CACHE_DIR", "TRACEBACK", "CONFIG", "NO_CONFIG")
)
"""Variables of no one command."""


def show_config(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND]", help="One command, such as infer; else all of them."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also options that nobody has set, with their defaults.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    traceback: Traceback = False,
) -> None:
    """Show the defaults that files and the environment set.

    The nearest wins: config.toml in the user's folder, restore.toml in the working folder (or the
    file of --config), RESTORE_COMMAND_OPTION in the environment, then the command line.
    """
    root = whole_program(context)
    console = Console(quiet=quiet, json=json)
    said = context.meta
    paths = files(said.get("config"), ignored=bool(said.get("no_config")))
    known = settings_of(paths, root)
    wanted = " ".join(command or ())
    commands = dict(_leaves(root, ()))
    chosen = {
        words: one
        for words, one in commands.items()
        if not wanted or f"{' '.join(words)} ".startswith(f"{wanted} ")
    }
    if not chosen:
        names = [" ".join(words) for words in commands]
        raise RestoreError(
            f"there is no command {wanted!r}",
            hint=f"{meant(wanted, names)}commands are {', '.join(names)}",
        )
    rows = [row for words, one in chosen.items() for row in _rows(words, one, known, everything)]
    for name, option, value, source in rows:
        console.emit({"command": name, "option": option, "value": value, "source": source})
    console.emit({"event": "summary", "files": paths, "settings": len(rows)})
    for note in _unknown_variables(root, commands):
        console.warn(note)
    console.detail(f"files: {', '.join(map(str, paths)) or 'none'}")
    if rows:
        console.table(
            ["command", "option", "value", "from"], [list(map(_word, row)) for row in rows]
        )
    elif not json:
        console.say("nothing is set: all options have their own defaults")


def _leaves(command: Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Command]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
    for name, child in (children or {}).items():
        yield from _leaves(child, (*words, name))


def _unknown_variables(root: Command, commands: Mapping[tuple[str, ...], Command]) -> Iterator[str]:
    """What to say of `RESTORE_*` variables that stand for nothing."""
    for words, command in commands.items():
        yield from unknown_variables(words, command)
    every = tuple(variable(words, "") for words, _ in _leaves(root, ()))
    for name in sorted(os.environ):
        if name.startswith(f"{PREFIX}_") and not name.startswith((*every, *_OF_THE_PROGRAM)):
            yield f"{name} in the environment belongs to no command{_near_command(name, every)}"


def _near_command(name: str, every: Sequence[str]) -> str:
    """The beginning that was probably meant; the option behind it does not count."""
    begun = {begin: name[: len(begin) - 1] for begin in every}
    near = [
        begin
        for begin, part in begun.items()
        if meant(part[len(PREFIX) + 1 :], [begin[len(PREFIX) + 1 : -1]])
    ]
    return f": did you mean {near[0] + name[len(near[0]) :]!r}?" if near else ""


def _rows(
    words: tuple[str, ...],
    command: Command,
    known: dict[str, dict[str, Setting]],
    everything: bool,
) -> Iterator[tuple[str, str, object, str]]:
    """Command, option, value and source of what is set, or of all options."""
    name = " ".join(words)
    for option in command.params:
        spelled = max(option.opts, key=len)
        if not spelled.startswith("--") or option.name in ("help", "config", "no_config"):
            continue
        told = from_environment(words, option.name)
        setting = known.get(name, {}).get(option.name)
        if told is not None:
            yield name, spelled, told, variable(words, option.name)
        elif setting is not None:
            yield name, spelled, setting.value, str(setting.source)
        elif everything:
            yield name, spelled, option.default, "default"


def _word(value: object) -> str:
    return "" if value is None else str(value)
