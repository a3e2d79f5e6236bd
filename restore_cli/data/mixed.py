"""Two domains to learn between: mosaics and finished pictures, in pairs, apart, or both at once.

Mosaics come from RAW files, or from photos through a recipe's `mixture`; what `targets` does to the
target folder's pictures (a look, say) makes the other domain.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from restore_cli.data import pairs
from restore_cli.data.pairs import Photos, as_float, check_pairs, crop_and_flip, degrade
from restore_cli.data.raws import RawPhotos, Shot, holds_raws
from restore_cli.data.sample import Sample
from restore_cli.degradations.compose import Compose
from restore_cli.errors import RestoreError
from restore_cli.images.color import linear_to_srgb
from restore_cli.raw.bayer import scatter
from restore_cli.recipe import Mixture, Recipe

_VALIDATION_SEED = 1  # as that of degraded photos: three numbers seed the training streams


class MixedDataset:
    """Samples of two folders, some of them pairs.

    Args:
        inputs: RAW files or photos.
        targets: finished pictures.
        mixture: what is done to input photos, to RAW files nothing.
        looks: what is done to pictures of the target folder.
        share: of the samples that are pairs; inputs and targets of one stem are.
        crop: px, even.
        flips: mirror and transpose at random.

    Raises:
        RestoreError: pairs are wanted and there are none, or they do not match; with a share of 1
            every file must belong to one.
    """

    def __init__(
        self,
        inputs: Photos,
        targets: Photos,
        *,
        mixture: list[Mixture],
        looks: list[Mixture],
        share: float,
        crop: int,
        flips: bool,
    ) -> None:
        self._inputs, self._targets = inputs, targets
        self._share, self._crop, self._flips = share, crop, flips
        self._degrade = Compose(mixture) if mixture else None
        self._finish = Compose(looks) if looks else None
        if isinstance(inputs, RawPhotos) and mixture:
            raise RestoreError(
                f"{inputs.folder} holds RAW files, and data.mixture is for photos",
                hint="--set data.mixture=[] takes the files as they are",
            )
        if share == 1:
            check_pairs(inputs, targets)
        self.pairs = common(inputs, targets) if share else []
        if crop % 2:
            raise RestoreError(f"data.crop = {crop} is odd; the cells of a mosaic have 2 px a side")

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw one sample, with `real`; where `paired` is 0, `target` is `real` again."""
        paired = bool(rng.uniform() < self._share)
        if paired:
            index, other = self.pairs[int(rng.integers(len(self.pairs)))]
            aligned = [self._targets[other]]
        else:
            index, aligned = int(rng.integers(len(self._inputs))), []
        shot = self._inputs.shots[index] if isinstance(self._inputs, RawPhotos) else None
        windows = crop_and_flip(
            [self._inputs[index], *aligned],
            self._crop,
            flips=self._flips,
            rng=rng,
            red=None if shot is None else shot.red,
        )
        taken = self._taken(windows[0], shot, rng)
        photo = self._targets[int(rng.integers(len(self._targets)))]
        (apart,) = crop_and_flip([photo], self._crop, flips=self._flips, rng=rng)
        real = self._finished(apart, rng)
        target = self._finished(windows[1], rng) if paired else real
        known = torch.tensor(float(paired))
        return replace(taken, target=target, real=real, paired=known)

    def _taken(self, window: Tensor, shot: Shot | None, rng: np.random.Generator) -> Sample:
        """The input's side of a sample; its target is not yet the one that is wanted."""
        if shot is not None:
            return of_shot(window, shot)
        if self._degrade is None:
            return Sample.of(window, window)
        return degrade(window, self._degrade, rng)

    def _finished(self, picture: Tensor, rng: np.random.Generator) -> Tensor:
        return picture if self._finish is None else self._finish(picture, rng).target


def of_shot(light: Tensor, shot: Shot, target: Tensor | None = None) -> Sample:
    """A window (1, h, w) of a RAW file, red at even rows and columns, as the networks read it.

    Without a target the plainest rendering is the target.
    """
    image = scatter(linear_to_srgb(light[0]))
    rendering = pairs.plainest(image, shot.matrix)
    goal = rendering if target is None else target
    return Sample.of(image, goal, matrix=shot.matrix, rendering=rendering)


def common(inputs: Photos, targets: Photos) -> list[tuple[int, int]]:
    """Places in both folders of what has the same stem in both.

    Raises:
        RestoreError: there is none, a stem stands more than once, or two sizes differ.
    """
    stems = [[path.stem for path in photos.paths] for photos in (inputs, targets)]
    shared = sorted(set(stems[0]) & set(stems[1]))
    if not shared:
        raise RestoreError(
            f"no picture of {inputs.folder} has a target of its name in {targets.folder}",
            hint="without pairs: --set data.unpaired=true, and no data.paired_share",
        )
    check_pairs(inputs, targets, orphans=True)
    return [(stems[0].index(stem), stems[1].index(stem)) for stem in shared]


def training_source(recipe: Recipe) -> pairs.Source:
    """What the recipe's [data] section describes. Raises RestoreError for unfit folders."""
    own = recipe.data
    folder = None if own.train_input is None else own.root / own.train_input
    if folder is None or own.train_target is None:
        return pairs.training_source(recipe)
    raws = holds_raws(folder)
    if not raws and own.paired_share is None and not own.targets:
        return pairs.training_source(recipe)
    share = own.paired_share if own.paired_share is not None else float(not own.unpaired)
    return MixedDataset(
        # Of a mosaic, whose windows begin at red, 1 px more is needed to choose from.
        RawPhotos(folder, smallest=own.crop + 1) if raws else Photos(folder, smallest=own.crop),
        Photos(own.root / own.train_target, smallest=own.crop),
        mixture=own.mixture,
        looks=own.targets,
        share=share,
        crop=own.crop,
        flips=own.flips,
    )


def validation_pairs(recipe: Recipe, *, smallest: int = 1) -> list[Sample]:
    """Fixed pairs to measure on, as `pairs.validation_pairs`; inputs may be RAW files."""
    own = recipe.data
    folder = None if own.val_input is None else own.root / own.val_input
    if folder is None or own.val_target is None or not holds_raws(folder):
        return pairs.validation_pairs(recipe, smallest=smallest)
    inputs = RawPhotos(folder, smallest=smallest + 1)
    targets = Photos(own.root / own.val_target, smallest=smallest)
    check_pairs(inputs, targets)
    return [
        _centre_pair(inputs[i], inputs.shots[i], targets[i], own.validation_crop, own.targets, i)
        for i in range(len(inputs))
    ]


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
