import pytest
from pydantic import ValidationError

from restore_cli.recipe.section import NonNegativeInt, PositiveInt, Section, Share


class Room(Section):
    """A table with one of each."""

    size: PositiveInt = 1
    doors: NonNegativeInt = 0
    light: Share = 0.5


def test_a_section_takes_what_its_types_allow_and_cannot_be_changed() -> None:
    room = Room(size=2, light=1.0)
    with pytest.raises(ValidationError, match="frozen"):
        room.size = 3  # pyright: ignore[reportAttributeAccessIssue]
    assert (room.size, room.doors, room.light) == (2, 0, 1.0)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"doors": -1}, {"light": 1.1}, {"lamp": 1}])
def test_a_section_refuses_other_values_and_other_keys(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Room.model_validate(wrong)
