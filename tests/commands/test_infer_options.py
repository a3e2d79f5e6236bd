"""Tasks and levels as they are typed."""

import importlib.util

import pytest

from restore_cli.__main__ import main
from restore_cli.commands.infer_options import parse_level, parse_tasks
from restore_cli.errors import RestoreError


def test_tasks_are_parted_by_commas_or_repeated() -> None:
    assert parse_tasks(None) == ()
    assert parse_tasks(["derain, denoise", "dehaze"]) == ("derain", "denoise", "dehaze")


@pytest.mark.parametrize(
    ("given", "words"), [(["derian"], "'derian' is not a task"), (["auto,derain"], "stands alone")]
)
def test_tasks_that_are_refused(given: list[str], words: str) -> None:
    with pytest.raises(RestoreError, match=words):
        parse_tasks(given)


def test_levels() -> None:
    assert parse_level("auto", None) is None
    assert parse_level("auto", 25.0) == 25.0
    assert parse_level("0.5", None) == 0.5
    for level, sigma in (("1", 1.0), ("much", None)):
        with pytest.raises(RestoreError):
            parse_level(level, sigma)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--watch", ".", "--cluster", "auto"], "--watch works on one machine"),
        (["-", "--cluster", "auto"], "`-` is of this machine only"),
        (["a.png", "-o", "-", "--cluster", "auto"], "`-` is of this machine only"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused_at_once(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["infer", "--task", "derain", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_cluster_without_ray_is_one_line_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ray" else real(name)
    )
    assert main(["infer", "a.png", "--task", "derain", "--cluster", "10.0.0.1:6379"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --cluster 10.0.0.1:6379 needs Ray")
    assert line.endswith("pip install 'restore-cli[cluster]'")
