"""Kinds that are in order and not read."""

from restore_cli.images.decode import DAMAGE
from restore_cli.images.refusal import NotSupportedError


def test_a_refusal_is_no_damage() -> None:
    error = NotSupportedError("a thing", "do this")
    assert str(error) == "a thing"
    assert error.hint == "do this"
    assert not isinstance(error, DAMAGE)
