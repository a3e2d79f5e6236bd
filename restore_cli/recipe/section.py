"""What every table of a recipe has in common."""

import types
import typing
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

LARGEST = 2**31 - 1
"""What whole numbers in a recipe may be: more than anybody trains, less than overflows anywhere."""

PositiveInt = Annotated[int, Field(gt=0, le=LARGEST)]
NonNegativeInt = Annotated[int, Field(ge=0, le=LARGEST)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]

NO_NUMBER = "it takes a number, not true or false"


def is_no_number(value: object, annotation: object) -> bool:
    """Whether a value is true or false where a number is wanted: pydantic would read 1 or 0.

    Args:
        value: as the recipe has it.
        annotation: the type that it is for.
    """
    wanted = set(_plain(annotation))
    return isinstance(value, bool) and bool not in wanted and not wanted.isdisjoint((int, float))


def _plain(annotation: object) -> typing.Iterator[object]:
    """The types that a union, or a type with bounds, is made of."""
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is Annotated:
        inner = inner[:1]
    elif typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        yield annotation
        return
    for one in inner:
        yield from _plain(one)


class Section(BaseModel):
    """A table of the recipe: frozen, without unknown keys, its numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_numbers(cls, table: object) -> object:
        known = cls.model_fields
        for key, value in (
            cast("dict[str, object]", table).items() if isinstance(table, dict) else ()
        ):
            if key in known and is_no_number(value, known[key].annotation):
                raise ValueError(f"{key}: {NO_NUMBER}")
        return table
