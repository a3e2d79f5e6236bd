"""Documentation cannot drift from the code; `docs/generate.py` writes what is made from it."""

import csv
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import generate
import pytest
from generate import COMMANDS, OTHER_ROOMS, ROOT_COMMAND, Command

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CODE_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def _spellings(command: Command) -> set[str]:
    names = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    return names | {"--help", "-h"}


def _quoted_commands() -> Iterator[tuple[str, str]]:
    """Every `restore ...` line in a code block of a document, as (file, line)."""
    for path in [*PAGES, *(ROOT / "models").glob("*/card.md")]:
        for block in CODE_BLOCK.findall(path.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip().removeprefix("$ ").startswith("restore "):
                    yield path.relative_to(ROOT).as_posix(), line.strip().removeprefix("$ ")


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
    alone = {"--help", "-h", "--version", "-V", "--install-completion", "--show-completion"}
    stops_at_group = hasattr(command, "commands") and not alone & set(words)
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


def test_documents_say_what_the_code_says() -> None:
    assert generate.outdated() == [], "run `just write-docs` (python docs/generate.py)"


def test_a_document_out_of_date_is_found_and_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("docs", "benchmarks/results", "restore_cli"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("_*cache*"))
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "DOCS", tmp_path / "docs")
    infer = tmp_path / "docs" / "commands" / "infer.md"
    infer.write_text("old")
    (tmp_path / "docs" / "commands" / "gone.md").write_text("a command of the past")
    assert generate.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert "docs/commands/infer.md does not say" in said
    assert "docs/commands/gone.md does not say" in said
    assert generate.main([]) == 0
    assert infer.read_text() == (ROOT / "docs" / "commands" / "infer.md").read_text()
    assert not (tmp_path / "docs" / "commands" / "gone.md").exists()


def test_the_tree_shows_every_folder() -> None:
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


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def _named_files(text: str) -> list[str]:
    return re.findall(r"`((?:restore_cli|tests|benchmarks|models|docs|examples)/[\w/.-]+)`", text)


def test_files_that_documents_name_exist() -> None:
    # Decisions tell of their day: what they name may have moved since.
    present = [page for page in PAGES if page.parent.name != "decisions"]
    missing = {
        f"{page.name}: {name}"
        for page in present
        for name in _named_files(page.read_text(encoding="utf-8"))
        if not (ROOT / name).exists() and name != "examples/photos-derain/"
    }
    assert missing == set()


def test_links_between_documents_lead_somewhere() -> None:
    broken = {
        f"{page.relative_to(ROOT)}: {link}"
        for page in PAGES
        for link in re.findall(
            r"\]\(([^)#:\s]+)[)#]", CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
        )
        if not (page.parent / link).exists()
    }
    assert broken == set()


def test_every_row_belongs_to_a_table() -> None:
    """A row after a blank line is shown as text with bars."""
    lost: list[str] = []
    for page in PAGES:
        lines = [*page.read_text(encoding="utf-8").splitlines(), ""]
        for before, line, after in zip(["", *lines], lines, lines[1:], strict=False):
            begins = line.startswith("|") and not before.startswith("|")
            if begins and not re.match(r"\|[\s:|-]+$", after):
                lost.append(f"{page.name}: {line}")
    assert lost == []


def test_every_decision_has_a_number_a_date_and_a_title() -> None:
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        if path.name != "index.md":
            assert re.fullmatch(r"\d{3}-[a-z0-9-]+\.md", path.name)
            text = path.read_text(encoding="utf-8")
            assert re.match(r"# \S.*\n\n\*\d{4}-\d\d-\d\d\*\n\n\S", text), path.name


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    if shutil.which("mkdocs", path=Path(sys.executable).parent) is None:
        pytest.skip('mkdocs is not installed: pip install "restore-cli[docs]"')
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    for made in ("index.html", "methods/pal/index.html", "contributing/index.html"):
        assert (tmp_path / "site" / made).is_file(), made
    # Pictures of the repository outside of docs came along.
    assert (tmp_path / "site" / "models" / "derain" / "contact-sheet.jpg").is_file()
    assert not (tmp_path / "site" / "generate.py").exists()


def test_results_quote_the_committed_time_of_eval() -> None:
    with (ROOT / "benchmarks" / "results" / "evaluation.csv").open(encoding="utf-8") as file:
        (row,) = (row for row in csv.DictReader(file) if row["name"].startswith("whole command"))
    words = " ".join((ROOT / "docs" / "results.md").read_text(encoding="utf-8").split())
    ours, theirs = (f"{float(row[side]):.1f} s" for side in ("ours", "theirs"))
    assert (
        f"take {ours} as a whole command on two cores, a plain scikit-image loop {theirs}" in words
    )


METHOD_PAGES = {
    "deep-ot": "deep-ot.md",
    "odcr": "cut-odcr.md",
    "eguot": "eguot.md",
    "baryir": "baryir.md",
    "pal": "pal.md",
}


def test_method_pages_show_the_committed_numbers() -> None:
    """Every cell is the mean of the CSV's rows, and their deviation where there are several."""
    with (ROOT / "benchmarks" / "results" / "methods.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert list(rows[0]) == ["method", "arm", "case", "seed", "metric", "value"]
    for method in dict.fromkeys(row["method"] for row in rows):
        page = (ROOT / "docs" / "methods" / METHOD_PAGES[method]).read_text(encoding="utf-8")
        table = page.partition("<!-- measured -->\n")[2].partition("\n<!-- /measured -->")[0]
        head, _, *lines = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
        )
        own = {(r["case"], r["arm"]) for r in rows if r["method"] == method}
        assert {(case, arm) for case, arm, *_ in lines} == own
        for case, arm, *cells in lines:
            for metric, cell in zip(head[2:], cells, strict=True):
                key = (method, arm, case, metric)
                found = [
                    float(r["value"])
                    for r in rows
                    if (r["method"], r["arm"], r["case"], r["metric"]) == key
                ]
                assert bool(found) == bool(cell), key
                if found:
                    digits = len(cell.split()[0].partition(".")[2])
                    shown = f"{statistics.fmean(found):.{digits}f}"
                    if len(found) > 1:
                        shown += f" ± {statistics.stdev(found):.{digits}f}"
                    assert cell == shown, key


def test_the_confidence_of_auto_is_the_one_explained() -> None:
    from restore_cli.api.auto import EARLIER, THRESHOLD

    words = " ".join((ROOT / "docs" / "tasks.md").read_text(encoding="utf-8").split())
    assert f"that it is at least {THRESHOLD} sure of is run" in words
    assert EARLIER.keys() == {"rain", "haze"}
    for name, confidence in EARLIER.items():
        assert f"of {name} {confidence}" in words


def test_the_bound_of_torch_that_is_explained_is_the_one_asked_for() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (torch,) = (one for one in config["project"]["dependencies"] if one.startswith("torch"))
    assert f"`{torch}`" in (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
