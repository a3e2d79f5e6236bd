"""A tilde means the user's folder, whoever read it first."""

from pathlib import Path

import pytest

from restore_cli.tilde import from_home, in_words


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_words_as_shells_leave_them(home: Path) -> None:
    words = [
        "infer",
        "~/a b.png",
        "--model=~/mine",
        "data.root=~/x",
        "-o",
        "~",
        "~b.png",
        "a=b",
        "a~/b",
    ]
    assert in_words(words) == [
        "infer",
        f"{home}/a b.png",
        f"--model={home}/mine",
        f"data.root={home}/x",
        "-o",
        str(home),
        "~b.png",
        "a=b",
        "a~/b",
    ]


def test_what_exists_by_that_name_is_meant(tmp_path: Path) -> None:
    (tmp_path / "~").mkdir()
    (tmp_path / "~/a.png").touch()
    assert from_home("~/a.png") == "~/a.png"
    assert from_home("~/b.png") != "~/b.png"
