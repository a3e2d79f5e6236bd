"""`[data]`: photos, and what is done to them; `kind` says which of five arrangements it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from restore_cli.recipe.choice import Choice
from restore_cli.recipe.old_data import old_flips
from restore_cli.recipe.section import NonNegativeInt, PositiveInt, Section, Share
from restore_cli.tilde import from_home

Flips = Literal["mirror", "all", "none"]
"""Left and right; all eight ways to turn and mirror a picture; neither."""


def _at_home(value: object) -> object:
    return from_home(value) if isinstance(value, str) else value


Place = Annotated[Path, BeforeValidator(_at_home)]
"""A folder; `~` is the user's."""


class Mixture(Section):
    """One way to degrade a photo: `steps` in order, drawn with a chance of `weight` / sum.

    `source` names the degradation for objectives that tell one from another; several entries may
    be of one.
    """

    source: str | None = Field(default=None, min_length=1)
    weight: float = Field(default=1.0, gt=0.0)
    steps: list[Choice] = Field(default=[], max_length=1000)


class PairFolders(Section):
    """Two folders of pairs, drawn with a chance of `weight` / sum; `source` as in `Mixture`."""

    input: Place
    target: Place
    source: str | None = Field(default=None, min_length=1)
    weight: float = Field(default=1.0, gt=0.0)


class DataSection(Section):
    """What every kind has.

    `val`, a folder of clean photos, is degraded by `validation` (or as in training) to measure on;
    `val_input` and `val_target` are pairs for that. Pictures whose shorter side is not `resize` px
    are scaled to it first. `flips` turns and mirrors photos before they are degraded. `workers`
    "auto" takes the cores that training leaves free; the pictures do not depend on it.
    """

    root: Place = Path()
    val: Place | None = None
    val_input: Place | None = None
    val_target: Place | None = None
    crop: PositiveInt = 64
    batch: PositiveInt = 16
    workers: NonNegativeInt | Literal["auto"] = "auto"
    resize: PositiveInt | None = None
    flips: Annotated[Flips, BeforeValidator(old_flips)] = "all"
    validation: list[Mixture] = Field(default=[])
    validation_crop: PositiveInt = 256

    @model_validator(mode="after")
    def _measurable(self) -> Self:
        if (self.val_input is None) != (self.val_target is None):
            raise ValueError("`val_input` and `val_target` go together")
        if self.val is not None and not (self.validation or self.simulated):
            raise ValueError("`val` holds clean photos: say with `validation` how to degrade them")
        if self.resize is not None and self.resize < self.crop:
            raise ValueError(f"`resize` ({self.resize}) is less than `crop` ({self.crop})")
        return self

    @property
    def simulated(self) -> list[Mixture]:
        """How inputs are degraded on the fly; empty where they are not."""
        return []

    @property
    def looks(self) -> list[Mixture]:
        """What is done to pictures of the target folder."""
        return []

    @property
    def pairs(self) -> float:
        """Share of the samples whose input and target show the same."""
        return 1.0

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that training reads, under `root`: inputs, then targets."""
        raise NotImplementedError

    @property
    def shares(self) -> dict[str, float]:
        """The named sources in the order of their first entries, each with its share of samples.

        The place of a name in this order is the label that its samples carry; empty where none is
        named.
        """
        return _shares(self.simulated)


class CleanData(DataSection):
    """One folder of clean photos; inputs are made of them by `mixture`.

    `turned` is the share of the samples that are turned or mirrored, in one of eight ways, after
    they are degraded, so that rain falls from every side.
    """

    kind: Literal["clean"]
    train: Place
    mixture: list[Mixture] = Field(default=[])
    turned: Share = 0.0

    @model_validator(mode="after")
    def _degraded(self) -> Self:
        if not self.mixture:
            raise ValueError("`train` holds clean photos: say with `mixture` how to degrade them")
        _check_named(self.mixture, "mixture")
        return self

    @property
    def simulated(self) -> list[Mixture]:
        """The mixture."""
        return self.mixture

    @property
    def folders(self) -> tuple[Path, ...]:
        """The one folder."""
        return (self.train,)


class PairedData(DataSection):
    """Pairs: two folders, or several times two in `sources`.

    `pair` says how an input finds its target: by "stem" (the same name), "prefix" (the input's name
    begins with the target's), or "regex=PATTERN" (what the first group finds is the same).
    """

    kind: Literal["paired"]
    train_input: Place | None = None
    train_target: Place | None = None
    pair: str = "stem"
    sources: list[PairFolders] = Field(default=[])

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.train_input is None) != (self.train_target is None):
            raise ValueError("`train_input` and `train_target` go together")
        if (self.train_input is None) != bool(self.sources):
            raise ValueError("give `train_input` and `train_target`, or `sources`")
        _check_named(self.sources, "sources")
        return self

    @property
    def parts(self) -> list[PairFolders]:
        """The folders, in whichever way they are given."""
        if self.train_input is None or self.train_target is None:
            return self.sources
        return [PairFolders(input=self.train_input, target=self.train_target)]

    @property
    def folders(self) -> tuple[Path, ...]:
        """All of them: inputs, then targets."""
        parts = self.parts
        return tuple([part.input for part in parts] + [part.target for part in parts])

    @property
    def shares(self) -> dict[str, float]:
        """Of the named sources."""
        return _shares(self.sources)


class _TwoFolders(DataSection):
    """An input folder and a target folder."""

    train_input: Place
    train_target: Place

    @property
    def folders(self) -> tuple[Path, ...]:
        """The two."""
        return (self.train_input, self.train_target)


class _DegradedFolders(_TwoFolders):
    """Two folders; a `mixture` degrades the inputs."""

    mixture: list[Mixture] = Field(default=[])

    @model_validator(mode="after")
    def _named(self) -> Self:
        _check_named(self.mixture, "mixture")
        return self

    @property
    def simulated(self) -> list[Mixture]:
        """The mixture."""
        return self.mixture


class UnpairedData(_DegradedFolders):
    """Inputs and targets drawn apart from each other, whatever their files are called."""

    kind: Literal["unpaired"]

    @property
    def pairs(self) -> float:
        """None."""
        return 0.0


class _SomePairs(_TwoFolders):
    """Some pairs, and pictures that stand alone.

    Inputs that have a target of their name are drawn with it in `paired_share` of the samples.
    `targets` is what is done to pictures of the target folder.
    """

    paired_share: Share
    targets: list[Mixture] = Field(default=[])

    @property
    def looks(self) -> list[Mixture]:
        """What `targets` says."""
        return self.targets

    @property
    def pairs(self) -> float:
        """As told."""
        return self.paired_share


class MixedData(_SomePairs, _DegradedFolders):
    """Some pairs, and pictures that stand alone; a `mixture` degrades the inputs."""

    kind: Literal["mixed"]


class RawData(_SomePairs):
    """Camera RAW files as inputs, finished pictures as targets; the rest as in `MixedData`."""

    kind: Literal["raw"]
    resize: None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    paired_share: Share = 1.0


Data = Annotated[
    CleanData | PairedData | UnpairedData | MixedData | RawData, Field(discriminator="kind")
]
"""What `[data]` may be."""

KINDS: dict[str, type[DataSection]] = {
    "clean": CleanData,
    "paired": PairedData,
    "unpaired": UnpairedData,
    "mixed": MixedData,
    "raw": RawData,
}
"""By what `kind` says."""


def changed_kind(data: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A section's table as another kind: what only its old kind has is dropped.

    Args:
        data: the table; not changed.
        kind: the new one; where it is unknown nothing is dropped, to be refused later.
    """
    if kind not in KINDS:
        return {**data, "kind": kind}
    known = KINDS[kind].model_fields
    others = {key for section in KINDS.values() for key in section.model_fields} | {"unpaired"}
    kept = {key: value for key, value in data.items() if key in known or key not in others}
    return {**kept, "kind": kind}


def _shares(entries: list[Mixture] | list[PairFolders]) -> dict[str, float]:
    shares: dict[str, float] = {}
    total = sum(entry.weight for entry in entries)
    for entry in entries:
        if entry.source is not None:
            shares[entry.source] = shares.get(entry.source, 0.0) + entry.weight / total
    return shares


def _check_named(entries: list[Mixture] | list[PairFolders], key: str) -> None:
    if len({entry.source is None for entry in entries}) > 1:
        raise ValueError(f"give every entry of `{key}` a `source`, or none")
