"""The manual's pages (`man restore`, `man restore-infer`), made from the program's own help.

`docs/generate.py` writes them into the folder `man`, from where the wheel takes them.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from restore_cli import __version__
from restore_cli.commands.options import PANELS

Command: TypeAlias = Any
_TYPES = {str: "TEXT", int: "N", float: "X", Path: "PATH"}
_EXIT_CODES = (
    ("0", "all inputs are done"),
    ("1", "some inputs failed; the others are done and written"),
    ("2", "wrong usage, an unreadable recipe or a missing model: nothing was written"),
    ("3", "a quality gate failed (restore eval)"),
    ("130, 143", "interrupted, terminated"),
)


def pages(root: Command) -> Mapping[str, str]:
    """All pages by file name, `restore.1` and one for each command and group.

    Args:
        root: the program.
    """
    found = dict(_commands(root, ("restore",)))
    return {f"{'-'.join(path)}.1": _page(path, one, found) for path, one in found.items()}


def _commands(command: Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Command]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, (*path, name))


def _page(path: tuple[str, ...], command: Command, known: Mapping[tuple[str, ...], Command]) -> str:
    words = command.help.replace("\b", "").split("\n\n")
    first = " ".join(words[0].split()).rstrip(".")
    below = [one for one in known if len(one) == len(path) + 1 and one[: len(path)] == path]
    parts = [
        f'.TH {_quoted("-".join(path).upper())} 1 "" {_quoted(f"restore {__version__}")} "restore"',
        ".SH NAME",
        rf"{_plain('-'.join(path))} \- {_plain(first)}",
        ".SH SYNOPSIS",
        f".B {_plain(' '.join(path))}",
        _plain(" ".join(_usage(command))),
        ".SH DESCRIPTION",
        "\n.PP\n".join(_plain(" ".join(text.split())) for text in words),
    ]
    if below:
        parts.append(".SH COMMANDS")
        for one in below:
            parts += _item(f"restore-{'-'.join(one[1:])}(1)", _about(known[one]))
    for name, options in _groups(command).items():
        parts.append(f".SH {_quoted(name.upper())}")
        for spelled, about in options:
            parts += _item(spelled, about)
    parts.append(".SH EXIT STATUS")
    for code, about in _EXIT_CODES:
        parts += _item(code, about)
    examples = re.findall(r"^  (restore .*)$", command.epilog or "", re.MULTILINE)
    if examples:
        parts += [".SH EXAMPLES", ".nf", *map(_plain, examples), ".fi"]
    if len(path) > 1:
        parts += [".SH SEE ALSO", f".BR {_plain('-'.join(path[:-1]))} (1)"]
    return "\n".join(parts) + "\n"


def _usage(command: Command) -> list[str]:
    arguments = [one for one in command.params if not one.opts[0].startswith("-")]
    words = ["[OPTION]..."] + (["COMMAND [ARGUMENT]..."] if hasattr(command, "commands") else [])
    return words + [one.metavar or one.name.upper() for one in arguments]


def _about(command: Command) -> str:
    return " ".join(command.help.split("\n\n")[0].split())


def _groups(command: Command) -> dict[str, list[tuple[str, str]]]:
    """Options by the headings of the help: their spellings and what they do."""
    groups: dict[str, list[tuple[str, str]]] = {}
    kinds = get_type_hints(inspect.unwrap(command.callback)) if command.callback else {}
    for one in command.params:
        if not (about := getattr(one, "help", None)):
            continue
        option = one.opts[0].startswith("-")
        names = sorted([*one.opts, *one.secondary_opts], key=len) if option else []
        takes = kinds[one.name] is not bool
        spelled = ", ".join(names)
        if takes:
            spelled = f"{spelled} {one.metavar or value(kinds[one.name])}".strip()
        default = one.default
        told = takes and isinstance(default, str | int | float) and one.name != "workers"
        shown = f" (default: {default})" if told and default != "" else ""
        group = getattr(one, "rich_help_panel", None) or ("Options" if option else "Arguments")
        groups.setdefault(group, []).append((spelled, " ".join(about.split()) + shown))
    order = ["Arguments", "Options", *PANELS]
    return {name: groups[name] for name in sorted(groups, key=order.index)}


def value(kind: object) -> str:
    """What stands for a value that has no metavar: its choices, or its type in a word."""
    for part in (kind, *get_args(kind)):
        if get_origin(part) is Literal:
            return "|".join(get_args(part))
        if isinstance(part, type) and part in _TYPES:
            return _TYPES[part]
    raise SystemExit(f"no word for the type {kind}: give the option a metavar")


def _item(term: str, about: str) -> list[str]:
    return [".TP", f".B {_plain(term)}", _plain(about)]


def _quoted(text: str) -> str:
    return '"' + _plain(text).replace('"', r"\(dq") + '"'


def _plain(text: str) -> str:
    """Text as roff sets it: a hyphen that is typed stays one, nothing begins a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return r"\&" + escaped if escaped.startswith((".", "'")) else escaped
