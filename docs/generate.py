"""Writes the parts of the documents that are made from the code.

The command pages come from the app's own help, the tree of rooms in architecture.md from the rooms'
docstrings, the list of decisions from their files. `just write-docs` runs it, `--check` compares.
"""

import ast
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import typer.main

from restore_cli.commands import app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
# The rooms outside the package have no docstring to take the words from.
OTHER_ROOMS = {
    "models": "the shipped models: model.safetensors, recipe.toml, card.md",
    "docs": "this site: pages, and a script that makes parts of them from the code",
    "examples": "photos and scripts to copy; a test runs every script",
    "benchmarks": "quality and speed, measured; prints tables, keeps results as CSV",
    "tests": "mirrors restore_cli/ path for path",
}
# The class of a command lives in click for some releases of typer and inside typer for others.
Command: TypeAlias = Any
_TYPES = {str: "TEXT", int: "N", float: "X", Path: "PATH"}


def leaves(command: Command, path: tuple[str, ...] = ("restore",)) -> Iterator[tuple[str, Command]]:
    """Every command that does something, as (`restore models list`, command)."""
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(path), command
    for name, child in (children or {}).items():
        yield from leaves(child, (*path, name))


ROOT_COMMAND: Command = typer.main.get_command(app)
COMMANDS: Mapping[str, Command] = dict(leaves(ROOT_COMMAND))


def with_block(text: str, name: str, content: str) -> str:
    """A document with what stands between a pair of markers replaced.

    Raises:
        SystemExit: the markers do not stand there once.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise SystemExit(f"the markers {start} and {end} must stand there once")
    return pattern.sub(lambda _: f"{start}\n{content}\n{end}", text)


def documents() -> dict[Path, str]:
    """Every document that is made here, whole or in part, as it should be."""
    pages = {DOCS / "commands" / f"{name}.md": text for name, text in _command_pages().items()}
    architecture, index = DOCS / "architecture.md", DOCS / "decisions" / "index.md"
    pages[architecture] = with_block(architecture.read_text(encoding="utf-8"), "tree", _tree())
    pages[index] = with_block(index.read_text(encoding="utf-8"), "decisions", _decisions())
    return pages


def outdated() -> list[str]:
    """Names of documents that do not say what the code says."""
    stale = {
        path
        for path, text in documents().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    stale |= set((DOCS / "commands").glob("*.md")) - documents().keys()
    return sorted(path.relative_to(ROOT).as_posix() for path in stale)


def _command_pages() -> dict[str, str]:
    """One page for each word after `restore`, and an index."""
    groups: dict[str, list[str]] = {}
    for path in COMMANDS:
        groups.setdefault(path.split()[1], []).append(path)
    pages = {
        name: "\n\n".join([f"# restore {name}", *(_section(path, paths) for path in paths)]) + "\n"
        for name, paths in groups.items()
    }
    rows = [
        f"| [`{path}`]({path.split()[1]}.md) | {_help(COMMANDS[path].help).partition('.')[0]}. |"
        for path in COMMANDS
    ]
    head = (
        "# Commands\n\nMade from the program's own help.\n\n| command | what it does |\n|---|---|"
    )
    pages["index"] = "\n".join([head, *rows]) + "\n"
    return pages


def _section(path: str, siblings: list[str]) -> str:
    command = COMMANDS[path]
    parts = [f"## {path}"] if len(siblings) > 1 else []
    parts.append("\n\n".join(map(_help, command.help.split("\n\n"))))
    examples = re.findall(r"^  (restore .*)$", command.epilog or "", re.MULTILINE)
    parts.append("\n".join(["```sh", *examples, "```"]))
    kinds = get_type_hints(inspect.unwrap(command.callback))
    rows = [_row(one, kinds[one.name]) for one in command.params if one.name != "help"]
    parts.append("\n".join(["| option | default | what it does |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def _row(option: Command, kind: object) -> str:
    is_option = option.opts[0].startswith("-")
    names = [*option.opts, *option.secondary_opts] if is_option else []
    value = "" if kind is bool else option.metavar or _value(kind)
    spelled = " ".join(filter(None, [", ".join(sorted(names, key=len, reverse=True)), value]))
    # How many workers there are is this machine's affair.
    default = "up to 4" if option.name == "workers" else option.default
    shown = "" if default is None or default is False or callable(default) else f"`{default}`"
    return f"| `{_cell(spelled)}` | {_cell(shown)} | {_cell(_help(option.help))} |"


def _value(kind: object) -> str:
    """What stands for a value that has no metavar: its choices, or its type in a word."""
    for part in (kind, *get_args(kind)):
        if get_origin(part) is Literal:
            return "|".join(get_args(part))
        if isinstance(part, type) and part in _TYPES:
            return _TYPES[part]
    raise SystemExit(f"no word for the type {kind}: give the option a metavar")


def _help(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".")


def _tree() -> str:
    """The rooms that exist: the package from the top layer down, then what stands beside it."""
    package = ROOT / "restore_cli"
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    # `raw` is two layers: its door stands higher than its shelves. It is one room.
    names = [name.strip().split(".")[1] for layer in layers for name in re.split(r"[|:]", layer)]
    lines = ["restore_cli/"]
    for name in dict.fromkeys(names):
        room, module = package / name, package / f"{name}.py"
        if module.exists():
            lines.append(f"  {module.name:<18}{_first_line(module)}")
        elif room.exists():
            lines.append(f"  {room.name + '/':<18}{_first_line(room / '__init__.py')}")
            files = sorted(path.name for path in room.glob("*.py") if path.stem != "__init__")
            lines.extend(["    " + "  ".join(files)] if files else [])
    for name, words in OTHER_ROOMS.items():
        if (ROOT / name).is_dir():
            lines.append(f"{name + '/':<20}{words}")
    return "\n".join(["```text", *lines, "```"])


def _decisions() -> str:
    """The decisions, newest first."""
    lines: list[str] = []
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md"), reverse=True):
        title, _, rest = path.read_text(encoding="utf-8").partition("\n")
        date = rest.strip().partition("\n")[0].strip("*")
        lines.append(f"- {date}: [{title.removeprefix('# ')}]({path.name})")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write what is out of date, or with --check only say so."""
    stale = outdated()
    if "--check" in arguments:
        for name in stale:
            print(f"{name} does not say what the code says: run `just write-docs`")
        return int(bool(stale))
    made = documents()
    for path in set((DOCS / "commands").glob("*.md")) - made.keys():
        path.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
