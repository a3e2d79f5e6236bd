"""What cannot be meant by an option of saving is refused."""

import pytest

from restore_cli.errors import RestoreError
from restore_cli.images.saving import DEFAULT, Saving


@pytest.mark.parametrize(
    ("saving", "words"),
    [
        (Saving(quality=0), "quality 0 is out of range"),
        (Saving(quality=101), "quality 101"),
        (Saving(effort=10), "effort 10 is out of range"),
        (Saving(quality=90, lossless=True), "lossless files have no quality"),
    ],
)
def test_what_cannot_be_meant_is_refused(saving: Saving, words: str) -> None:
    with pytest.raises(RestoreError, match=words):
        saving.check()


def test_what_is_left_open_is_fine() -> None:
    DEFAULT.check()
    Saving(quality=1, effort=9).check()
