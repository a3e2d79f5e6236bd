"""Documentation cannot drift from the code.

Two parts of README.md are made here, between markers: `<!-- commands -->`, the list of commands
from their own help, and `<!-- tree -->`, the rooms from their own docstrings. `just write-docs`
(`python tests/test_docs.py`) writes them; the tests, and `just docs`, compare.
"""

import ast
import csv
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import typer.main

from restore_cli.commands import app
from restore_cli.images.formats import as_markdown

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "what-is-kept.md"
CODE_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
# The rooms outside the package have no docstring to take the words from.
OTHER_ROOMS = {
    "docs": "one page a task",
    "models": "the shipped models: model.safetensors, recipe.toml, card.md",
    "examples": "photos and scripts to copy; a test runs every script",
    "benchmarks": "quality and speed, measured; prints tables, keeps results as CSV",
    "scripts": "what developers run: trains the whole zoo",
    "tests": "mirrors restore_cli/ path for path",
}
# The class of a command lives in click for some releases of typer and inside typer for others.
Command: TypeAlias = Any


def _leaves(
    command: Command, path: tuple[str, ...] = ("restore",)
) -> Iterator[tuple[str, Command]]:
    """Every command that does something, as (`restore models list`, command)."""
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(path), command
    for name, child in (children or {}).items():
        yield from _leaves(child, (*path, name))


ROOT_COMMAND: Command = typer.main.get_command(app)
COMMANDS = dict(_leaves(ROOT_COMMAND))


def _spellings(command: Command) -> set[str]:
    names = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    return names | {"--help", "-h"}


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".")


def _commands() -> str:
    """The list of commands as a Markdown table."""
    rows = [
        f"| `{path}` | {command.help.partition(chr(10))[0].strip()} |"
        for path, command in COMMANDS.items()
    ]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def _tree() -> str:
    """The rooms that exist: the package from the top layer down, then what stands beside it."""
    package = ROOT / "restore_cli"
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    names = [name.strip().rpartition(".")[2] for layer in layers for name in layer.split("|")]
    lines = ["restore_cli/"]
    for name in names:
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
    return "\n".join(["```", *lines, "```"])


GENERATED = {"commands": _commands, "tree": _tree}


def _with_block(text: str, name: str, content: str) -> str:
    """README with what stands between a pair of markers replaced."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise SystemExit(f"README.md needs the markers {start} and {end}, once")
    return pattern.sub(lambda _: f"{start}\n{content}\n{end}", text)


def _generated(text: str) -> str:
    for name, make in GENERATED.items():
        text = _with_block(text, name, make())
    return text


def test_the_page_of_what_is_kept_is_the_table_in_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert _with_block(page, "formats", as_markdown()) == page, "run `just write-docs`"


def _quoted_commands() -> Iterator[tuple[str, str]]:
    """Every `restore ...` line in a code block of a document, as (file, line)."""
    for path in [*ROOT.glob("*.md"), *(ROOT / "models").glob("*/card.md")]:
        for block in CODE_BLOCK.findall(path.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip().removeprefix("$ ").startswith("restore "):
                    yield path.name, line.strip().removeprefix("$ ")


def _unknown_words(line: str) -> list[str]:
    """What a `restore ...` line says that the program does not know."""
    words = shlex.split(line, comments=True)
    command, position = ROOT_COMMAND, 1
    while position < len(words) and words[position] in getattr(command, "commands", {}):
        command = command.commands[words[position]]
        position += 1
    unknown = [
        word.partition("=")[0]
        for word in words[position:]
        if re.fullmatch(r"--?[a-zA-Z][\w-]*(=.*)?", word)
        and word.partition("=")[0] not in _spellings(command)
    ]
    stops_at_group = hasattr(command, "commands") and not {"--help", "-h", "--version"} & set(words)
    return unknown + ([f"no command in {line!r}"] if stops_at_group else [])


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_and_an_example(path: str) -> None:
    command = COMMANDS[path]
    summary = command.help.partition("\n")[0]
    assert summary.endswith("."), summary
    # Longer ones are cut short in the list of commands.
    assert len(summary) <= 66, summary
    assert "\\b" not in command.help, "examples belong into commands/__init__.py"
    examples = re.findall(r"^  (restore .*)$", command.epilog or "", re.MULTILINE)
    assert any(example.startswith(path) for example in examples)
    assert [word for example in examples for word in _unknown_words(example)] == []


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_and_argument_has_help(path: str) -> None:
    without = [
        option.name
        for option in COMMANDS[path].params
        if option.name != "help" and not (getattr(option, "help", None) or "").strip()
    ]
    assert without == []


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_takes_the_common_options(path: str) -> None:
    assert _spellings(COMMANDS[path]) >= {"--help", "--quiet", "--traceback"}


@pytest.mark.parametrize("name", GENERATED)
def test_readme_says_what_the_code_says(name: str) -> None:
    text = README.read_text(encoding="utf-8")
    expected = _with_block(text, name, GENERATED[name]())
    assert text == expected, "run `just write-docs` (python tests/test_docs.py)"


def test_readme_shows_every_folder() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
    unknown = {name for name in folders if f"{name}/" not in ignored and not name.endswith("-info")}
    assert unknown - {"restore_cli", *OTHER_ROOMS} == set()


def test_quoted_commands_exist() -> None:
    quoted = list(_quoted_commands())
    assert any(line.startswith("restore infer") for _, line in quoted)
    wrong = {f"{name}: {line}": _unknown_words(line) for name, line in quoted}
    assert {line: words for line, words in wrong.items() if words} == {}


@pytest.mark.parametrize("marker", ["use", "develop"])
def test_readme_has_the_lines_that_ci_runs(marker: str) -> None:
    _, found, after = README.read_text(encoding="utf-8").partition(f"<!-- {marker} -->\n")
    assert found
    block = CODE_BLOCK.match(after)
    assert block, f"a code block must follow <!-- {marker} --> directly"
    assert "pip install" in block[1]
    assert ("restore infer --task derain" if marker == "use" else "pytest") in block[1]


def test_files_that_documents_name_exist() -> None:
    missing: set[str] = set()
    for document in ROOT.glob("*.md"):
        text = document.read_text(encoding="utf-8")
        named = re.findall(r"`((?:restore_cli|tests|benchmarks|models)/[\w/.-]+)`", text)
        missing |= {f"{document.name}: {name}" for name in named if not (ROOT / name).exists()}
    assert missing == set()


def _main(arguments: list[str]) -> int:
    text = README.read_text(encoding="utf-8")
    expected = _generated(text)
    if "--check" in arguments:
        if text != expected:
            print("README.md does not say what the code says: run `just write-docs`")
        return int(text != expected)
    README.write_text(expected, encoding="utf-8")
    return 0


def test_readme_quotes_the_committed_time_of_eval() -> None:
    with (ROOT / "benchmarks" / "results" / "evaluation.csv").open(encoding="utf-8") as file:
        (row,) = (row for row in csv.DictReader(file) if row["name"].startswith("whole command"))
    words = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    ours, theirs = (f"{float(row[side]):.1f} s" for side in ("ours", "theirs"))
    assert (
        f"take {ours} as a whole command on two cores, a plain scikit-image loop {theirs}" in words
    )


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
