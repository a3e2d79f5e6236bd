from typing import Literal

import pytest
from pydantic import ValidationError

from restore_cli.recipe.section import (
    NO_NUMBER,
    NonNegativeInt,
    PositiveInt,
    Section,
    Share,
    is_no_number,
)


class Room(Section):
    """A table with one of each."""

    size: PositiveInt = 1
    doors: NonNegativeInt = 0
    light: Share = 0.5
    height: float | None = None
    open: bool | Literal["half"] = False


def test_a_section_takes_what_its_types_allow_and_cannot_be_changed() -> None:
    room = Room(size=2, light=1.0)
    with pytest.raises(ValidationError, match="frozen"):
        room.size = 3  # pyright: ignore[reportAttributeAccessIssue]
    assert (room.size, room.doors, room.light) == (2, 0, 1.0)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"doors": -1}, {"light": 1.1}, {"lamp": 1}])
def test_a_section_refuses_other_values_and_other_keys(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Room.model_validate(wrong)


@pytest.mark.parametrize("key", ["size", "doors", "light", "height"])
def test_true_is_no_number(key: str) -> None:
    with pytest.raises(ValidationError, match=f"{key}: {NO_NUMBER}"):
        Room.model_validate({key: True})


def test_true_is_true_where_it_is_meant() -> None:
    assert Room.model_validate({"open": True}).open is True
    assert not is_no_number(True, int | bool)
    assert not is_no_number(1, float)
