"""`[data]`: photos, and what is done to them."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from restore_cli.recipe.choice import Choice
from restore_cli.recipe.section import NonNegativeInt, PositiveInt, Section, Share


class Mixture(Section):
    """One way to degrade a photo: `steps` in order, drawn with a chance of `weight` / sum.

    `source` names the degradation for objectives that tell one from another; several entries may
    be of one.
    """

    source: str | None = Field(default=None, min_length=1)
    weight: float = Field(default=1.0, gt=0.0)
    steps: list[Choice] = Field(default=[])


class DataSection(Section):
    """Where photos come from and what is done to them.

    With `train` (one folder of clean photos) inputs are made on the fly by `mixture`. With
    `train_input` and `train_target` (two folders, matched by stem) they are read. With `unpaired`
    these two are drawn apart from each other, whatever their files are called; a `mixture` then
    degrades the inputs. With `paired_share` both happens: inputs that have a target of their name
    are drawn with it in this share of the samples, the others stand alone. The input folder may
    hold RAW files. `targets` is what is done to pictures of the target folder. `flips` mirrors and
    transposes photos before they are degraded; `turned` is the share of the samples that are turned
    or mirrored, in one of eight ways, afterwards, so that rain falls from every side.
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
    turned: Share = 0.0
    mixture: list[Mixture] = Field(default=[])
    targets: list[Mixture] = Field(default=[])
    validation: list[Mixture] = Field(default=[])
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
