"""Photos to training pairs: clean photos degraded on the fly, folders of pairs, or two domains."""

from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from restore_cli.data.photos import Photos, as_float, listed
from restore_cli.data.sample import Sample
from restore_cli.degradations.blur import directional_widths
from restore_cli.degradations.change import Unfinished
from restore_cli.degradations.compose import Compose
from restore_cli.degradations.sample import Sample as DegradedSample
from restore_cli.errors import RestoreError
from restore_cli.images.pair_rules import Rule
from restore_cli.networks.amounts import amounts
from restore_cli.raw.neutral import neutral_rendering
from restore_cli.recipe import Flips, Mixture

BY_STEM = Rule()


class Source(Protocol):
    """Gives the training sample of one index."""

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw one."""
        ...


class Degraded:
    """Pairs from clean photos: draw a photo, a crop, a flip, a degradation, a turn."""

    def __init__(
        self,
        photos: Photos,
        mixture: list[Mixture],
        *,
        crop: int,
        flips: Flips,
        turned: float = 0.0,
    ) -> None:
        self._photos, self._crop = photos, crop
        self._flips: Flips = flips
        self._degrade = Compose(mixture, turned=turned)

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw one pair, all of which is known."""
        return known(self.begun(rng).finished())

    def begun(self, rng: np.random.Generator) -> Unfinished:
        """The same, of which the last arithmetic is left to whoever finishes it."""
        photo = self._photos[int(rng.integers(len(self._photos)))]
        (clean,) = crop_and_flip([photo], self._crop, flips=self._flips, rng=rng)
        return self._degrade.begun(clean, rng)


class Paired:
    """Pairs from two folders, matched by their names; see `matched`."""

    def __init__(
        self,
        inputs: Photos,
        targets: Photos,
        *,
        crop: int,
        flips: Flips,
        rule: Rule = BY_STEM,
    ) -> None:
        self._inputs, self._targets = inputs, targets
        self._crop = crop
        self._flips: Flips = flips
        self._pairs = matched(inputs, targets, rule)

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw one pair; its noise level is unknown."""
        index, other = self._pairs[int(rng.integers(len(self._pairs)))]
        pair = [self._inputs[index], self._targets[other]]
        image, target = crop_and_flip(pair, self._crop, flips=self._flips, rng=rng)
        return unknown_noise(image, target)


class Labelled:
    """Pairs of several places, each drawn with its chance and labelled by its name.

    Args:
        parts: name, chance (any scale) and pairs of each place; the names are all None or none is.
            One name may stand for several places.
    """

    def __init__(self, parts: list[tuple[str | None, float, Source]]) -> None:
        names = list(dict.fromkeys(name for name, _, _ in parts if name is not None))
        self._labels = [None if name is None else names.index(name) for name, _, _ in parts]
        chances = np.array([chance for _, chance, _ in parts], dtype=np.float64)
        self._chances = chances / chances.sum()
        self._sources = [source for _, _, source in parts]

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw a place, and one pair of it."""
        place = int(rng.choice(len(self._sources), p=self._chances))
        label = self._labels[place]
        drawn = self._sources[place](rng)
        return drawn if label is None else replace(drawn, source=torch.tensor(label))


class Unpaired:
    """Input and target drawn apart from each other, from two folders."""

    def __init__(
        self,
        inputs: Photos,
        targets: Photos,
        mixture: list[Mixture],
        *,
        crop: int,
        flips: Flips,
    ) -> None:
        self._inputs, self._targets = inputs, targets
        self._crop = crop
        self._flips: Flips = flips
        self._degrade = Compose(mixture) if mixture else None

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw `image` and `target`, which show different things."""
        image, target = (
            crop_and_flip(
                [photos[int(rng.integers(len(photos)))]], self._crop, flips=self._flips, rng=rng
            )[0]
            for photos in (self._inputs, self._targets)
        )
        if self._degrade is not None:
            image = degrade(image, self._degrade, rng).image
        return Sample.of(image, target, paired=False)


def degrade(clean: Tensor, change: Compose, rng: np.random.Generator) -> Sample:
    """A clean picture (3, H, W) and its degraded self.

    A mixture that names sources gives each sample its label.
    """
    return known(change(clean, rng))


def known(made: DegradedSample) -> Sample:
    """What training knows of a degraded sample; its pictures, maps and amounts on its device."""
    return Sample.of(
        made.image,
        made.target,
        sigma=torch.tensor(made.sigma, dtype=torch.float32),
        noise=made.noise,
        blur=directional_widths(made.blur),
        amounts=amounts(made.quantity, made.level, device=made.image.device),
        source=None if made.source < 0 else torch.tensor(made.source),
        matrix=made.matrix,
        rendering=None if made.matrix is None else plainest(made.image, made.matrix),
    )


def plainest(image: Tensor, matrix: Tensor) -> Tensor:
    """The plainest rendering of a mosaic (3, H, W) with its camera's matrix (3, 3)."""
    return neutral_rendering(image[None], matrix[None])[0].clamp(0, 1)


def unknown_noise(image: Tensor, target: Tensor) -> Sample:
    """A pair of which nobody knows noise and blur: what differs is taken for noise."""
    difference = (image - target).square().mean(dim=0, keepdim=True)
    noise = difference.mean().sqrt().expand_as(difference).contiguous()
    return Sample.of(image, target, noise=noise)


def crop_and_flip(
    photos: list[Tensor],
    crop: int,
    *,
    flips: Flips,
    rng: np.random.Generator,
    red: tuple[int, int] | None = None,
) -> list[Tensor]:
    """The same window, mirrored and turned alike, of pictures of one size; as float32.

    With `red`, the parity of the rows and columns at which a mosaic has red, the windows come to
    lie with red at even ones; `crop` is even, and the pictures are at least 1 px larger.
    """
    height, width = photos[0].shape[-2:]
    top = int(rng.integers(height - crop + 1))
    left = int(rng.integers(width - crop + 1))
    mirror, upset, turn = _ways(flips, rng)
    if red is not None:
        top, left = _onto(top, red[0] + upset), _onto(left, red[1] + mirror)
    windows = [photo[:, top : top + crop, left : left + crop] for photo in photos]
    if mirror:
        windows = [window.flip(2) for window in windows]
    if upset:
        windows = [window.flip(1) for window in windows]
    if turn:
        windows = [window.transpose(1, 2) for window in windows]
    return [as_float(window).contiguous() for window in windows]


def _ways(flips: Flips, rng: np.random.Generator) -> tuple[bool, bool, bool]:
    """Whether to mirror left and right, to turn upside down, to transpose."""
    if flips == "none":
        return False, False, False
    # Three bits of two numbers: what is drawn next does not depend on which are used.
    first, second = (int(v) for v in rng.integers(0, 4, 2))
    if flips == "mirror":
        return bool(first >> 1), False, False
    return bool(first >> 1), bool(first & 1), bool(second >> 1)


def _onto(start: int, parity: int) -> int:
    """The nearest start of this parity at or before the given one, or 1 instead of -1."""
    return start - (start - parity) % 2 if start or not parity % 2 else 1


def matched(
    inputs: Photos, targets: Photos, rule: Rule = BY_STEM, *, orphans: bool = False
) -> list[tuple[int, int]]:
    """Places in both folders of what belongs together, in the order of the inputs.

    Names are stems; where a folder has one more than once (frames of several films), the paths
    below the folders. By another rule than the same name, one target may have many inputs.

    Args:
        inputs: one half of the pairs.
        targets: the other.
        rule: what of the names must agree.
        orphans: pictures without a counterpart are left alone.

    Raises:
        RestoreError: orphans, names that stand more than once, pairs of two sizes; all are named.
    """
    unique = all(len({*photos.stems}) == len(photos) for photos in (inputs, targets))
    names = [photos.stems if unique else photos.names for photos in (inputs, targets)]
    places: dict[str, list[int]] = {}
    for index, name in enumerate(names[1]):
        places.setdefault(rule.key(name) or f"/{name}", []).append(index)  # found by nothing
    taken: dict[str, list[int]] = {}
    alone: list[str] = []
    for index, name in enumerate(names[0]):
        key = rule.reference_of(name, places)
        if key is None:
            alone.append(f"{name} has no target")
        else:
            taken.setdefault(key, []).append(index)
    idle = [i for key, found in places.items() if key not in taken for i in found]
    problems = (
        [] if orphans else sorted(alone) + sorted(f"{names[1][i]} has no input" for i in idle)
    )
    for photos, found in ((inputs, taken if rule.kind == "stem" else {}), (targets, places)):
        doubles = sorted(key for key, many in found.items() if key in taken and len(many) > 1)
        problems += [f"{key} stands more than once in {photos.folder}" for key in doubles]
    pairs = sorted((i, places[key][0]) for key, found in taken.items() for i in found)
    for i, j in pairs:
        sizes = _size(inputs[i]), _size(targets[j])
        if sizes[0] != sizes[1]:
            problems.append(f"{names[0][i]}: input {sizes[0]} and target {sizes[1]} differ in size")
    if problems:
        raise RestoreError(
            f"the pairs of {inputs.folder} and {targets.folder} do not match:" + listed(problems),
            hint="an input and its target have the same file name (without suffix) and size; "
            'where names differ, --set data.pair=prefix, or "data.pair=regex=PATTERN"',
        )
    return pairs


def _size(photo: Tensor) -> str:
    return f"{photo.shape[-1]}x{photo.shape[-2]}"
