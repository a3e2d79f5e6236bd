"""Writes the parts of the documents that are made from the code.

The command pages and the manual come from the app's own help, the tree of rooms in architecture.md
from the rooms' docstrings, the list of decisions from their files, README's table from the
benchmarks' results.
`just write-docs` runs it, `--check` compares.
"""

import ast
import csv
import html
import inspect
import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints

import manual
import tomli_w
import typer.main

from restore_cli.commands import app
from restore_cli.degradations import DEGRADATIONS
from restore_cli.images.formats import as_markdown

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
# The rooms outside the package have no docstring to take the words from.
OTHER_ROOMS = {
    "models": "the shipped models: model.safetensors, recipe.toml, card.md",
    "docs": "this site: pages, and a script that makes parts of them from the code",
    "man": "pages of the manual, made from the program's help; the wheel installs them",
    "examples": "photos and scripts to copy; a test runs every script",
    "benchmarks": "quality and speed, measured; prints tables, keeps results as CSV",
    "scripts": "what developers run: trains the whole zoo",
    "tests": "mirrors restore_cli/ path for path",
}
# What of a room stands higher than the rest of it.
DOORS = ("raw.develop", "raw.preview_reader")
# The class of a command lives in click for some releases of typer and inside typer for others.
Command: TypeAlias = Any


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
    pages |= {ROOT / "man" / name: text for name, text in manual.pages(ROOT_COMMAND).items()}
    kept = DOCS / "what-is-kept.md"
    pages[kept] = with_block(kept.read_text(encoding="utf-8"), "formats", as_markdown())
    architecture, index = DOCS / "architecture.md", DOCS / "decisions" / "index.md"
    readme = ROOT / "README.md"
    pages[readme] = with_block(readme.read_text(encoding="utf-8"), "headline", _headline())
    pages[DOCS / "rooms.svg"] = _drawing()
    pages[architecture] = with_block(architecture.read_text(encoding="utf-8"), "tree", _tree())
    listed = ROOT / "restore_cli" / "training" / "recipes" / "degradations.txt"
    pages[listed] = _listed_degradations()
    pages[index] = with_block(index.read_text(encoding="utf-8"), "decisions", _decisions())
    return pages


def outdated() -> list[str]:
    """Names of documents that do not say what the code says."""
    stale = {
        path
        for path, text in documents().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    stale |= _made_before() - documents().keys()
    return sorted(path.relative_to(ROOT).as_posix() for path in stale)


def _made_before() -> set[Path]:
    """The files of the folders in which everything is made here."""
    return {*(DOCS / "commands").glob("*.md"), *(ROOT / "man").glob("*.1")}


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
    value = "" if kind is bool else option.metavar or manual.value(kind)
    shown = [f"`{name}`" for name in sorted(names, key=len, reverse=True)]
    spelled = " ".join(filter(None, [", ".join(shown), f"`{value}`" if value else ""]))
    # How many workers there are is this machine's affair.
    default = "up to 4" if option.name == "workers" else option.default
    preset = "" if default is None or default is False or callable(default) else f"`{default}`"
    return f"| {_cell(spelled)} | {_cell(preset)} | {_cell(_help(option.help))} |"


def _help(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    """Text of a cell. In code, an escaped bar is shown with its backslash by MkDocs."""

    def spelled_out(code: re.Match[str]) -> str:
        return f"<code>{html.escape(code[1]).replace('|', '&#124;<wbr>')}</code>"

    return re.sub(r"`([^`]*\|[^`]*)`", spelled_out, text).replace("|", r"\|")


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".")


def _layers() -> list[list[str]]:
    """The rooms of the package, as import-linter knows them, from the top layer down."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    return [
        list(dict.fromkeys(name.strip().split(".", 1)[1] for name in re.split(r"[|:]", layer)))
        for layer in layers
    ]


def _drawing() -> str:
    """The layers as an SVG picture: what stands higher imports what stands lower."""
    width, height, gap = 760, 30, 8
    rows = [
        list(dict.fromkeys(name if name in DOORS else name.split(".")[0]
                           for name in layer))
        for layer in _layers()
    ]  # fmt: skip
    total = len(rows) * (height + gap) + gap
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" '
        'font-family="sans-serif" font-size="14" text-anchor="middle">'
    ]
    for index, row in enumerate(rows):
        side = (width - gap * (len(row) + 1)) / len(row)
        top = gap + index * (height + gap)
        for place, name in enumerate(row):
            left = gap + place * (side + gap)
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{side:.1f}" height="{height}" rx="4" '
                f'fill="#dfe7f5" stroke="#5b7bb4"/><text x="{left + side / 2:.1f}" y="{top + 20}" '
                f'fill="#223">{name}</text>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _tree() -> str:
    """The rooms that exist: the package from the top layer down, then what stands beside it."""
    package = ROOT / "restore_cli"
    lines = ["restore_cli/"]
    # `raw` is two layers: its door stands higher than its shelves. It is one room.
    for name in dict.fromkeys(name.split(".")[0] for layer in _layers() for name in layer):
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


def _results(name: str) -> list[dict[str, str]]:
    path = ROOT / "benchmarks" / "results" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _headline() -> str:
    """README's table: how good, how fast, against whom, from what the benchmarks kept."""
    rows = _results("quality")
    quality = {(r["model"], r["case"]): r for r in rows if r["photos"] == "photos/val"}
    isp = {(row["set"], row["engine"]): row for row in _results("isp")}
    speed = {row["what"]: row for row in _results("speed")}
    (whole,) = (row for row in _results("evaluation") if row["name"].startswith("whole command"))
    rows = ["| what | restore | beside it |", "|---|---|---|"]
    for model, case in (("denoise", "Gaussian 25, blind"), ("derain", "light rain")):
        one = quality[model, case]
        restored, given = (
            f"{float(one[f'{side}psnr']):.2f} dB / {float(one[f'{side}ssim']):.3f}"
            for side in ("", "input_")
        )
        rows.append(f"| `{model}`, {case}: PSNR / SSIM | {restored} | input: {given} |")
    learned, *others = (
        f"{float(isp['camera, ISO 3200', engine]['psnr']):.2f} dB, "
        f"{float(isp['camera, ISO 3200', engine]['delta_e']):.2f}"
        for engine in ("learned", "ahd", "aahd")
    )
    beside = f"LibRaw's AHD: {others[0]}; AAHD: {others[1]}"
    rows.append(f"| `isp`, RAW files at ISO 3200: PSNR, CIEDE2000 | {learned} | {beside} |")
    for what in ("40 photos 481x321, `restore infer`", "`restore --help`"):
        rows.append(f"| {what} | {speed[what]['measured']} | {speed[what]['beside it']} |")
    ours, theirs = (f"{float(whole[side]):.1f} s" for side in ("ours", "theirs"))
    rows.append(f"| `restore eval`, PSNR and SSIM of 68 pairs | {ours} | scikit-image: {theirs} |")
    return "\n".join(rows)


def _decisions() -> str:
    """The decisions, newest first."""
    lines: list[str] = []
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md"), reverse=True):
        title, _, rest = path.read_text(encoding="utf-8").partition("\n")
        date = rest.strip().partition("\n")[0].strip("*")
        lines.append(f"- {date}: [{title.removeprefix('# ')}]({path.name})")
    return "\n".join(lines)


def _listed_degradations() -> str:
    """All degradations as comments: what each is, and its options at their defaults."""
    lines = [
        "What a step of data.mixture may be, with its options at their defaults; two numbers in",
        "brackets are a range that each sample draws from.",
    ]
    shown = [f"# {line}" for line in lines]
    for name, factory in DEGRADATIONS.items():
        first = (inspect.getdoc(factory) or "").partition("\n\n")[0].replace("\n", " ")
        shown += textwrap.wrap(
            f"{name}: {first}", 118, initial_indent="#\n# ", subsequent_indent="#   "
        )
        step = ", ".join([f'name = "{name}"', *_options(factory)])
        shown.append(f"#     {{ {step} }}")
    return "\n".join(shown) + "\n"


def _options(factory: Callable[..., object]) -> list[str]:
    """`key = default` in TOML; what has none there is left out."""
    defaults = {name: p.default for name, p in inspect.signature(factory).parameters.items()}
    return [
        # One line a value, whatever tomli_w makes of a list.
        " ".join(tomli_w.dumps({name: value}).split()).replace("[ ", "[").replace(", ]", "]")
        for name, value in defaults.items()
        if value is not None and value is not inspect.Parameter.empty
    ]


def main(arguments: list[str]) -> int:
    """Write what is out of date, or with --check only say so."""
    stale = outdated()
    if "--check" in arguments:
        for name in stale:
            print(f"{name} does not say what the code says: run `just write-docs`")
        return int(bool(stale))
    made = documents()
    for path in _made_before() - made.keys():
        path.unlink()
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
