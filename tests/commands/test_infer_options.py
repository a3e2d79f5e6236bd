"""Tasks and levels as they are typed."""

import pytest

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
