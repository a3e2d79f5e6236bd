"""Two domains to learn between: mosaics and finished pictures, in pairs, apart, or both at once.

Mosaics come from RAW files, or from photos through a recipe's `mixture`; what `targets` does to the
target folder's pictures (a look, say) makes the other domain.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from restore_cli.data.pairs import crop_and_flip, degrade, matched, plainest
from restore_cli.data.photos import Photos
from restore_cli.data.raws import RawPhotos, Shot
from restore_cli.data.sample import Sample
from restore_cli.degradations.compose import Compose
from restore_cli.errors import RestoreError
from restore_cli.images.color import linear_to_srgb
from restore_cli.raw.bayer import scatter
from restore_cli.recipe import Flips, Mixture


class MixedDataset:
    """Samples of two folders, some of them pairs.

    Args:
        inputs: RAW files or photos.
        targets: finished pictures.
        mixture: what is done to input photos, to RAW files nothing.
        looks: what is done to pictures of the target folder.
        share: of the samples that are pairs; inputs and targets of one stem are.
        crop: px, even.
        flips: turn and mirror at random.

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
        flips: Flips,
    ) -> None:
        self._inputs, self._targets = inputs, targets
        self._share, self._crop = share, crop
        self._flips: Flips = flips
        self._degrade = Compose(mixture) if mixture else None
        self._finish = Compose(looks) if looks else None
        if isinstance(inputs, RawPhotos) and mixture:
            raise RestoreError(
                f"{inputs.folder} holds RAW files, and data.mixture is for photos",
                hint="--set data.mixture=[] takes the files as they are",
            )
        if share == 1:
            matched(inputs, targets)
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
    rendering = plainest(image, shot.matrix)
    goal = rendering if target is None else target
    return Sample.of(image, goal, matrix=shot.matrix, rendering=rendering)


def common(inputs: Photos, targets: Photos) -> list[tuple[int, int]]:
    """Places in both folders of what has the same name in both.

    Raises:
        RestoreError: there is none, a name stands more than once, or two sizes differ.
    """
    pairs = matched(inputs, targets, orphans=True)
    if not pairs:
        raise RestoreError(
            f"no picture of {inputs.folder} has a target of its name in {targets.folder}",
            hint="without pairs: --set data.kind=unpaired --set data.paired_share=",
        )
    return pairs
