"""recipe.toml: everything that a training run is, checked before anything is computed.

A recipe names a network, an objective and degradations. Their own keyword arguments are the schema
(`construct` reads the signature); the sections here are the schema of all the rest. Unknown keys
are refused, with the nearest known one as a hint.
"""

import difflib
import inspect
import tomllib
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import tomli_w
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from restore_cli.errors import RestoreError

T = TypeVar("T")
PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A table of the recipe: frozen, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(BaseModel):
    """One entry of a literal table (`name`) with its keyword arguments (all other keys)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments, as written."""
        return dict(self.model_extra or {})


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


class ModelSection(Section):
    """What the exported model folder says of itself; `data` and `limits` are prose for its card."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    task: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str = ""
    licence: str = "Apache-2.0"
    data: str = ""
    limits: str = ""


class Mixture(Section):
    """One way to degrade a photo: `steps` in order, drawn with a chance of `weight` / sum.

    `source` names the degradation for objectives that tell one from another; several entries may
    be of one.
    """

    source: str | None = Field(default=None, min_length=1)
    weight: float = Field(default=1.0, gt=0.0)
    steps: list[Choice] = []


class DataSection(Section):
    """Where photos come from and what is done to them.

    With `train` (one folder of clean photos) inputs are made on the fly by `mixture`. With
    `train_input` and `train_target` (two folders, matched by stem) they are read. With `unpaired`
    these two are drawn apart from each other, whatever their files are called; a `mixture` then
    degrades the inputs. With `paired_share` both happens: inputs that have a target of their name
    are drawn with it in this share of the samples, the others stand alone. The input folder may
    hold RAW files. `targets` is what is done to pictures of the target folder.
    """

    root: Path = Path()
    train: Path | None = None
    train_input: Path | None = None
    train_target: Path | None = None
    unpaired: bool = False
    paired_share: Share | None = None
    val: Path | None = None
    val_input: Path | None = None
    val_target: Path | None = None
    crop: PositiveInt = 64
    batch: PositiveInt = 16
    workers: NonNegativeInt = 0
    flips: bool = True
    mixture: list[Mixture] = []
    targets: list[Mixture] = []
    validation: list[Mixture] = []
    validation_crop: PositiveInt = 256

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        paired = (self.train_input is not None, self.train_target is not None)
        if self.train is not None and any(paired):
            raise ValueError("give either `train` or `train_input` and `train_target`, not both")
        if self.train is None and not all(paired):
            raise ValueError("give `train`, or both `train_input` and `train_target`")
        if self.train is not None and not self.mixture:
            raise ValueError("`train` holds clean photos: say with `mixture` how to degrade them")
        for key in ("unpaired", "paired_share", "targets"):
            if getattr(self, key) not in (False, None, []) and self.train is not None:
                raise ValueError(f"`{key}` needs `train_input` and `train_target`")
        if self.unpaired and self.paired_share is not None:
            raise ValueError("`unpaired` draws no pairs: leave it or `paired_share` out")
        alone = self.paired_share is None and not self.unpaired
        if self.mixture and alone and self.train is None:
            raise ValueError("`mixture` degrades the photos of `train`, or `unpaired` inputs")
        if (self.val_input is None) != (self.val_target is None):
            raise ValueError("`val_input` and `val_target` go together")
        if len({entry.source is None for entry in self.mixture}) > 1:
            raise ValueError("give every entry of `mixture` a `source`, or none")
        return self

    @property
    def sources(self) -> dict[str, float]:
        """The named sources in the order of their first entries, each with its share of samples.

        The place of a name in this order is the label that its samples carry; empty where the
        mixture names none.
        """
        shares: dict[str, float] = {}
        total = sum(entry.weight for entry in self.mixture)
        for entry in self.mixture:
            if entry.source is not None:
                shares[entry.source] = shares.get(entry.source, 0.0) + entry.weight / total
        return shares


class OptimSection(Section):
    """How the weights move.

    `schedule`: "cosine" falls to zero over all steps; "trapezoid" stays at `lr` and falls linearly
    to zero over the last `cooldown` steps (Zhai et al. 2022), so that a run can be prolonged
    without starting again; "steps" is multiplied by `gamma` every `step_size` steps. All begin
    with a linear `warmup`. A run by the clock (`restore train --for`) stays at `lr` and cools down
    in the last `cooldown_share` of the time; what it did is exported as `decay`, steps and factors
    of the rate, linear between them.

    `rates` are factors on the learning rate by the objective's module name. `betas` are AdamW's;
    `stiefel_lr` is the learning rate of orthogonal layers where `lr` is that of all others.
    `precision` "auto" is bf16 where the device computes faster in it, and fp32 elsewhere.
    """

    steps: PositiveInt
    optimizer: Literal["adamw", "muon", "rmsprop"] = "adamw"
    lr: float = Field(default=1e-3, gt=0.0)
    rates: dict[str, Annotated[float, Field(ge=0.0)]] = {}
    betas: tuple[Share, Share] = (0.9, 0.99)
    stiefel_lr: float = Field(default=0.05, gt=0.0)
    weight_decay: float = Field(default=0.0, ge=0.0)
    schedule: Literal["cosine", "trapezoid", "steps"] = "cosine"
    warmup: NonNegativeInt = 200
    cooldown: NonNegativeInt = 0
    cooldown_share: float = Field(default=0.25, ge=0.0, lt=1.0)
    decay: list[tuple[NonNegativeInt, Share]] = []
    gamma: float = Field(default=0.1, gt=0.0, le=1.0)
    step_size: PositiveInt = 100_000
    clip: float = Field(default=1.0, gt=0.0)
    ema: Share = 0.999
    accumulate: PositiveInt = 1
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    seed: NonNegativeInt = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.decay and self.warmup + self.cooldown > self.steps:
            raise ValueError(
                f"warmup ({self.warmup}) + cooldown ({self.cooldown}) exceed steps ({self.steps})"
            )
        steps = [step for step, _ in self.decay]
        if steps != sorted(set(steps)):
            raise ValueError("the steps of `decay` must rise")
        return self


class LogSection(Section):
    """How often a run reports, measures and saves."""

    every: PositiveInt = 50
    validate_every: PositiveInt = 1000
    checkpoint_minutes: float = Field(default=3.0, gt=0.0)
    samples: NonNegativeInt = 4


class InferSection(Section):
    """What the `Restorer` needs to know of the trained network."""

    overlap: PositiveInt = 64


class Recipe(Section):
    """A whole recipe.toml."""

    model: ModelSection
    network: NetworkChoice
    objective: Choice
    data: DataSection
    optim: OptimSection
    log: LogSection = LogSection()
    infer: InferSection = InferSection()

    @classmethod
    def load(cls, path: Path, overrides: Iterable[str] = ()) -> "Recipe":
        """Read and check a recipe file.

        Args:
            path: the TOML file.
            overrides: `section.key=value` strings, applied before checking; values are TOML, and
                what is not TOML is taken as text.

        Raises:
            RestoreError: the file cannot be read, is not TOML, or breaks the schema.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RestoreError(
                f"cannot read the recipe {path}: {error}",
                hint="`restore train --init TASK -o recipe.toml` writes one to start from",
            ) from error
        return cls.parse(text, source=str(path), overrides=overrides)

    @classmethod
    def parse(cls, text: str, *, source: str, overrides: Iterable[str] = ()) -> "Recipe":
        """Check the text of a recipe; `source` names it in messages. Raises RestoreError."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RestoreError(f"{source} is not valid TOML: {error}") from error
        for item in overrides:
            _override(table, item)
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            raise _readable(error, source) from error

    def dump(self) -> str:
        """The recipe as TOML, without what belongs to one machine (`data.root`)."""
        table = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        table["data"].pop("root", None)
        return tomli_w.dumps(table)


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
        raise RestoreError(f"unknown {section} {choice.name!r}", hint=_suggest(choice.name, table))
    factory = table[choice.name]
    parameters = list(inspect.signature(factory).parameters.items())
    known = dict(parameters[len(given) :])
    init = factory.__init__ if inspect.isclass(factory) else factory
    hints = typing.get_type_hints(init, include_extras=True)
    arguments: dict[str, Any] = {}
    for key, value in choice.options.items():
        if key not in known:
            raise RestoreError(
                f"{section} {choice.name!r} has no option {key!r}", hint=_suggest(key, known)
            )
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
    except ValueError as error:
        raise RestoreError(f"{section} {choice.name!r}: {error}") from error


def _suggest(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(names)


def _override(table: dict[str, Any], item: str) -> None:
    key, equals, value = item.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) < 2 or not all(parts):
        raise RestoreError(
            f"--set {item!r} is not of the form section.key=value",
            hint="for example --set optim.steps=2000",
        )
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    place = table
    for part in parts[:-1]:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise RestoreError(f"--set {item!r}: {part!r} is not a table in this recipe")
        place = typing.cast("dict[str, Any]", inner)
    place[parts[-1]] = parsed


def _readable(error: ValidationError, source: str) -> RestoreError:
    """Turn the first problem that pydantic found into one sentence and, where it can, a cure.

    A misspelt key comes first: the key that is then missing is only its consequence.
    """
    problem = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *path, key = problem["loc"]
        section = _section_at(path)
        return RestoreError(
            f"{source}: unknown key {where!r}",
            hint=_suggest(str(key), section.model_fields) if section else None,
        )
    if problem["type"] == "missing":
        return RestoreError(f"{source}: {where!r} is missing")
    message = problem["msg"].removeprefix("Value error, ")
    return RestoreError(f"{source}: {where}: {message}")


def _section_at(path: Iterable[str | int]) -> type[BaseModel] | None:
    """The section class that stands at a place of the recipe, as far as it can be followed."""
    section: type[BaseModel] = Recipe
    for part in path:
        if isinstance(part, int):
            continue
        field = section.model_fields.get(part)
        if field is None:
            return None
        inner = (field.annotation, *typing.get_args(field.annotation))
        classes = [a for a in inner if inspect.isclass(a) and issubclass(a, BaseModel)]
        if not classes:
            return None
        section = classes[0]
    return section
