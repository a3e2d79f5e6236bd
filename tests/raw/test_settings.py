"""What settings stand for, and levels that cannot be meant."""

import pytest

from restore_cli.errors import RestoreError
from restore_cli.raw.settings import Settings, Temperature, check_levels


def test_nothing_depends_on_the_picture_unless_asked_for() -> None:
    settings = Settings()
    assert (settings.white_balance, settings.auto_bright, settings.highlights) == (
        "camera",
        False,
        "clip",
    )
    assert Temperature(5200.0).tint == 0


def test_levels_that_contradict_each_other_are_refused() -> None:
    check_levels(None, 5.0)
    check_levels(4.0, 5.0)
    with pytest.raises(RestoreError, match="not below"):
        check_levels(5.0, 5.0)
