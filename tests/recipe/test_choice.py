from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytest

from restore_cli.errors import RestoreError
from restore_cli.recipe import Choice, construct
from restore_cli.recipe.section import NO_NUMBER


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Something a recipe may name."""

    size: int
    span: tuple[float, float] = (0.0, 1.0)
    kind: Literal["a", "b"] = "a"

    def __post_init__(self) -> None:
        if self.size > 100:
            raise ValueError("size is too large")


def thing(base: str, *, size: int = 1) -> str:
    return base * size


TABLE: dict[str, Callable[..., object]] = {"thing": Thing, "function": thing}


def build(name: str, *given: object, **options: object) -> object:
    choice = Choice.model_validate({"name": name, **options})
    return construct(choice, TABLE, *given, section="room")


def test_construct_builds_classes_and_functions_with_typed_options() -> None:
    assert build("thing", size=3, span=[1, 2]) == Thing(size=3, span=(1.0, 2.0))
    assert build("function", "ab", size=2) == "abab"


@pytest.mark.parametrize(
    ("name", "options", "message", "hint"),
    [
        ("thin", {}, "unknown room 'thin'", "did you mean 'thing'?"),
        ("zzz", {}, "unknown room 'zzz'", "known: function, thing"),
        ("thing", {"sizes": 3}, "room 'thing' has no option 'sizes'", "did you mean 'size'?"),
        ("thing", {"size": "x"}, "option size = 'x': Input should be a valid integer", None),
        ("thing", {"size": True}, f"room 'thing': option size: {NO_NUMBER}", None),
        ("thing", {"size": 1, "span": [1]}, "option span = [1]: Field required", None),
        ("thing", {"size": 1, "kind": "c"}, "option kind = 'c': Input should be 'a' or 'b'", None),
        ("thing", {}, "room 'thing' needs the option 'size'", None),
        ("thing", {"size": 101}, "room 'thing': size is too large", None),
    ],
)
def test_construct_refuses_what_the_signature_does_not_allow(
    name: str, options: dict[str, object], message: str, hint: str | None
) -> None:
    with pytest.raises(RestoreError) as caught:
        build(name, **options)
    assert message in caught.value.message
    assert caught.value.hint == hint


def test_what_the_program_gives_is_no_option_of_the_recipe() -> None:
    with pytest.raises(RestoreError, match="has no option 'base'"):
        build("function", "ab", base="x")
