"""What a recipe's `[data]` section describes: where samples come from, and pairs to measure on."""

from pathlib import Path

import numpy as np
from torch import Tensor

from restore_cli.data.mixed import MixedDataset, of_shot
from restore_cli.data.pairs import (
    Degraded,
    Labelled,
    Paired,
    Source,
    Unpaired,
    degrade,
    matched,
    unknown_noise,
)
from restore_cli.data.photos import Photos, as_float
from restore_cli.data.raws import RawPhotos, Shot, holds_raws
from restore_cli.data.sample import Sample
from restore_cli.degradations.compose import Compose
from restore_cli.errors import RestoreError
from restore_cli.images.pair_rules import Rule
from restore_cli.recipe import (
    CleanData,
    Data,
    MixedData,
    Mixture,
    PairedData,
    PairFolders,
    RawData,
    UnpairedData,
)

_VALIDATION_SEED = 1  # apart from every training stream, which has three numbers in its seed


def build_source(data: Data) -> Source:
    """Where training samples come from. Raises RestoreError for unfit folders."""
    match data:
        case CleanData():
            return Degraded(
                _photos(data, data.train), data.mixture,
                crop=data.crop, flips=data.flips, turned=data.turned,
            )  # fmt: skip
        case RawData():
            return _two_domains(data, [], data.paired_share)
        case MixedData():
            return _two_domains(data, data.mixture, data.paired_share)
        case UnpairedData():
            if holds_raws(data.root / data.train_input):  # recipes of 0.1 do not say so
                return _two_domains(data, data.mixture, 0.0)
            inputs, targets = (_photos(data, folder) for folder in data.folders)
            return Unpaired(inputs, targets, data.mixture, crop=data.crop, flips=data.flips)
        case PairedData():
            parts = data.parts
            if len(parts) == 1 and parts[0].source is None:
                return _pairs(data, parts[0])
            return Labelled([(p.source, p.weight, _pairs(data, p)) for p in parts])


def _photos(data: Data, folder: Path, *, smallest: int | None = None) -> Photos:
    least = data.crop if smallest is None else smallest
    return Photos(data.root / folder, smallest=least, resize=data.resize)


def _pairs(data: PairedData, part: PairFolders) -> Source:
    if holds_raws(data.root / part.input):
        raw = RawData(
            kind="raw", root=data.root, train_input=part.input, train_target=part.target,
            crop=data.crop, flips=data.flips,
        )  # fmt: skip
        return _two_domains(raw, [], 1.0)
    inputs, targets = _photos(data, part.input), _photos(data, part.target)
    return Paired(inputs, targets, crop=data.crop, flips=data.flips, rule=_rule(data))


def _two_domains(
    data: RawData | MixedData | UnpairedData, mixture: list[Mixture], share: float
) -> MixedDataset:
    folder = data.root / data.train_input
    raws = holds_raws(folder)
    if isinstance(data, RawData) and folder.is_dir() and not raws:
        raise RestoreError(
            f"data.kind is 'raw', and {folder} holds no RAW file",
            hint="photos are degraded by a mixture: --set data.kind=mixed",
        )
    return MixedDataset(
        # Of a mosaic, whose windows begin at red, 1 px more is needed to choose from.
        RawPhotos(folder, smallest=data.crop + 1) if raws else _photos(data, data.train_input),
        _photos(data, data.train_target),
        mixture=mixture,
        looks=data.looks,
        share=share,
        crop=data.crop,
        flips=data.flips,
    )


def validation_pairs(data: Data, *, smallest: int = 1) -> list[Sample]:
    """Fixed pairs to measure on: centre crops of the validation photos, always degraded alike.

    Args:
        data: names the folders; inputs may be RAW files.
        smallest: least height and width of a photo, px.

    Returns:
        One sample a picture; empty where the recipe names no validation folder.

    Raises:
        RestoreError: unfit folders.
    """
    crop = data.validation_crop
    if data.val is not None:
        photos = _photos(data, data.val, smallest=smallest)
        change = Compose(data.validation or data.simulated)
        return [
            degrade(
                _centre(as_float(photos[index]), crop),
                change,
                np.random.default_rng([_VALIDATION_SEED, index]),
            )
            for index in range(len(photos))
        ]
    if data.val_input is None or data.val_target is None:
        return []
    targets = _photos(data, data.val_target, smallest=smallest)
    folder = data.root / data.val_input
    if holds_raws(folder):
        raws = RawPhotos(folder, smallest=smallest + 1)
        return [
            _centre_pair(raws[i], raws.shots[i], targets[j], crop, data.looks, i)
            for i, j in matched(raws, targets)
        ]
    inputs = _photos(data, data.val_input, smallest=smallest)
    return [
        unknown_noise(*(_centre(as_float(photo), crop) for photo in (inputs[i], targets[j])))
        for i, j in matched(inputs, targets, _rule(data))
    ]


def _rule(data: Data) -> Rule:
    """How inputs find their targets."""
    told = data.pair if isinstance(data, PairedData) else "stem"
    return Rule.parse(told, option="data.pair =")


def _centre(photo: Tensor, crop: int) -> Tensor:
    height, width = photo.shape[-2:]
    top, left = max(0, (height - crop) // 2), max(0, (width - crop) // 2)
    return photo[:, top : top + crop, left : left + crop].contiguous()


def _centre_pair(
    light: Tensor, shot: Shot, target: Tensor, crop: int, looks: list[Mixture], index: int
) -> Sample:
    """The even window around the middle that begins at red, and its target."""
    starts = [
        max(0, (size - crop) // 2) // 2 * 2 + parity
        for size, parity in zip(light.shape[-2:], shot.red, strict=True)
    ]
    ends = [
        start + min(crop, size - start) // 2 * 2
        for start, size in zip(starts, light.shape[-2:], strict=True)
    ]
    window = (slice(None), slice(starts[0], ends[0]), slice(starts[1], ends[1]))
    goal = as_float(target[window])
    if looks:
        goal = Compose(looks)(goal, np.random.default_rng([_VALIDATION_SEED, index])).target
    return of_shot(light[window], shot, goal)
