"""The user's error and the exit codes that scripts rely on."""

import pickle

import pytest

from restore_cli.errors import ExitCode, RestoreError, meant, nearest


def test_exit_codes_are_the_documented_numbers() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "SOME_FAILED": 1,
        "USAGE": 2,
        "GATE_FAILED": 3,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_an_error_is_a_usage_error_without_a_hint_unless_told() -> None:
    error = RestoreError("no such model")
    assert (str(error), error.hint, error.exit_code) == ("no such model", None, ExitCode.USAGE)


def test_an_error_keeps_its_hint_and_exit_code() -> None:
    error = RestoreError("worse", hint="train longer", exit_code=ExitCode.GATE_FAILED)
    assert (error.message, error.hint, error.exit_code) == ("worse", "train longer", 3)


def test_an_error_survives_the_way_between_processes() -> None:
    error = RestoreError("x.png is empty", hint="copy it again", exit_code=ExitCode.SOME_FAILED)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.message, copy.hint, copy.exit_code) == (error.message, error.hint, 1)


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("derian", ["derain", "denoise"], "derain"),
        ("--Qualty", ["--quality", "--quiet"], "--quality"),
        ("--quality", ["--quiet", "--json"], None),
        ("x", [], None),
    ],
)
def test_the_nearest_name_is_what_was_meant(word: str, known: list[str], near: str | None) -> None:
    assert nearest(word, known) == near
    assert meant(word, known) == (f"did you mean {near!r}? " if near else "")
