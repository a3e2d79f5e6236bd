import pytest

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.evaluation.problems import MOST_LISTED, Problems


def test_nothing_noted_raises_nothing() -> None:
    problems = Problems()
    problems.raise_any("never said")
    problems.add("files", "a is odd")
    with pytest.raises(RestoreError):
        problems.raise_any("said")


def test_one_problem_stands_alone() -> None:
    problems = Problems()
    problems.add("files", "a.png is odd", "mend it")
    with pytest.raises(RestoreError) as caught:
        problems.raise_any("several things are wrong")
    assert (caught.value.message, caught.value.hint) == ("a.png is odd", "mend it")
    assert caught.value.exit_code == ExitCode.USAGE


def test_long_lists_are_cut_by_kind_and_counted() -> None:
    problems = Problems()
    for number in range(MOST_LISTED + 5):
        problems.add("odd files", f"{number}.png is odd", "mend it")
    problems.add("strange files", "z.png is strange", "look at it")
    with pytest.raises(RestoreError) as caught:
        problems.raise_any("it cannot be done")
    lines = caught.value.message.splitlines()
    assert lines[0] == "it cannot be done:"
    assert len(lines) == 1 + MOST_LISTED + 1 + 1
    assert lines[-2:] == ["  ... and 5 more odd files", "  z.png is strange"]
    assert caught.value.hint == "mend it; look at it"
