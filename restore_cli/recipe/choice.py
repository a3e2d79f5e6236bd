"""What a recipe names: one entry of a literal table, with its keyword arguments as the schema."""

import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from restore_cli.errors import RestoreError
from restore_cli.recipe.section import LARGEST, NO_NUMBER, is_no_number
from restore_cli.recipe.suggestion import suggest

T = TypeVar("T")


class Choice(BaseModel):
    """One entry of a literal table (`name`) with its keyword arguments (all other keys)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments, as written."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _numbers_are_usable(self) -> Self:
        for key, value in self.options.items():
            if not all(abs(number) <= LARGEST for number in _numbers(value)):
                raise ValueError(f"{key} holds a number that is not finite, or above {LARGEST:,}")
        return self


class NetworkChoice(Choice):
    """A network with its arguments, and the weights that training starts from.

    `weights` is a shipped model's name, a model folder or a file; it plays no part when a trained
    model is loaded. Empty or left out, training starts from random weights.
    """

    weights: str | None = None

    @field_validator("weights")
    @classmethod
    def _none_if_empty(cls, value: str | None) -> str | None:
        return value or None

    @model_validator(mode="after")
    def _counts_are_counts(self) -> Self:
        for key, value in self.options.items():
            if min(_numbers(value), default=0) < 0:
                raise ValueError(f"{key} holds a number below 0, which no network has")
        return self


def construct(
    choice: Choice, table: Mapping[str, Callable[..., T]], *given: object, section: str
) -> T:
    """Build `table[choice.name]` from the recipe, checking each option against the signature.

    Args:
        choice: name and options.
        table: the literal dict of what can be built.
        given: positional arguments that the recipe does not hold (a network for an objective).
        section: where the choice stands in the recipe, for messages.

    Raises:
        RestoreError: unknown name, unknown option, or an option of the wrong type.
    """
    if choice.name not in table:
        raise RestoreError(f"unknown {section} {choice.name!r}", hint=suggest(choice.name, table))
    factory = table[choice.name]
    parameters = list(inspect.signature(factory).parameters.items())
    known = dict(parameters[len(given) :])
    init = factory.__init__ if inspect.isclass(factory) else factory
    hints = typing.get_type_hints(init, include_extras=True)
    arguments: dict[str, Any] = {}
    for key, value in choice.options.items():
        if key not in known:
            raise RestoreError(
                f"{section} {choice.name!r} has no option {key!r}", hint=suggest(key, known)
            )
        if is_no_number(value, hints[key]):
            raise RestoreError(f"{section} {choice.name!r}: option {key}: {NO_NUMBER}")
        try:
            arguments[key] = TypeAdapter(hints[key]).validate_python(value)
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise RestoreError(
                f"{section} {choice.name!r}: option {key} = {value!r}: {problem}"
            ) from error
    missing = [
        name
        for name, parameter in known.items()
        if parameter.default is inspect.Parameter.empty and name not in arguments
    ]
    if missing:
        raise RestoreError(f"{section} {choice.name!r} needs the option {missing[0]!r}")
    try:
        return factory(*given, **arguments)
    except _UNBUILDABLE as error:
        short = isinstance(error, MemoryError) or "allocate" in str(error)
        raise RestoreError(
            f"{section} {choice.name!r}: "
            + ("it needs more memory than this machine has" if short else str(error)),
            hint=f"choose smaller numbers in [{section}]" if short else None,
        ) from error


# What Python and torch raise for numbers that no network can have.
_UNBUILDABLE = (ValueError, TypeError, RuntimeError, ArithmeticError, IndexError, MemoryError)


def _numbers(value: object) -> Iterator[int | float]:
    """All numbers in an option, however deep."""
    if isinstance(value, Mapping):
        value = list(cast("Mapping[str, object]", value).values())
    if isinstance(value, list | tuple):
        for one in cast("Iterable[object]", value):
            yield from _numbers(one)
    elif isinstance(value, int | float):
        yield value
