"""The manual's pages: one for each command, well formed, installed by the wheel."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import manual
import pytest
from generate import COMMANDS, ROOT_COMMAND

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "man").glob("*.1"))
MANDOC = shutil.which("mandoc")


def test_every_command_has_a_page_that_says_what_the_program_says() -> None:
    made = manual.pages(ROOT_COMMAND)
    assert {path.name: path.read_text(encoding="utf-8") for path in PAGES} == made
    assert made.keys() >= {f"{path.replace(' ', '-')}.1" for path in COMMANDS}


def test_a_page_names_every_option_of_its_command() -> None:
    text = (ROOT / "man" / "restore-infer.1").read_text(encoding="utf-8").replace(r"\-", "-")
    for option in COMMANDS["restore infer"].params:
        if option.name != "help" and option.opts[0].startswith("-"):
            names = "|".join(map(re.escape, option.opts))
            assert re.search(rf"^\.B (.*, )?({names})\b", text, re.MULTILINE), option.name
    assert "\n.SH EXAMPLES\n.nf\nrestore infer --task derain photos/\n" in text


def test_the_wheel_installs_them() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    targets = project["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"]["shared-data"] == {"man": "share/man/man1"}
    assert "man" in targets["sdist"]["include"]


def test_text_that_looks_like_a_request_is_none() -> None:
    assert manual._plain(".restore -x") == r"\&.restore \-x"
    assert manual._plain("'a\\b") == r"\&'a\eb"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_groff_sets_each_page_without_a_warning(page: Path) -> None:
    words = ["groff", "-man", "-Tutf8", "-ww", "-z", str(page)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(MANDOC is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_mandoc_finds_no_fault_in_a_page(page: Path) -> None:
    words = [str(MANDOC), "-Tlint", "-Wwarning", str(page)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    faults = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert faults == []
