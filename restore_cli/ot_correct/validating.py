"""What a fit is worth on pictures that it has not seen: cross-validation of a latent transport."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Generator, Tensor

from restore_cli.errors import RestoreError
from restore_cli.transport.autoencoder import Autoencoder
from restore_cli.transport.latent import LatentTransport, Side, latent_distance
from restore_cli.transport.moments import Moments

LEAST = 3
"""Pictures a side: with two, each map would be of one picture, and nothing could be checked."""
FOLDS = 4
SHRINKAGES = (0.0, 0.25, 0.5, 0.75)
"""That are tried; 1, which changes nothing, needs no trial."""
_WANTED = 0.9
"""Of the distance before: what counts as help when the pictures that are needed are told."""
_MOST = 10_000
"""Pictures; a need beyond is none that anybody meets."""

Kept = Mapping[Side, Sequence[Tensor]]
"""Latents (1, C, h, w) of each picture, by side; equal places show the same scene, or none do."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The distance of pictures that were held out, root mean squares over the folds.

    Attributes:
        before: latent W2 of restored pictures to natural ones, neither fitted to.
        after: the same when the restored ones are transported, by shrinkage; 1 is `before`.
        shrinkage: of these, that of the smallest `after`.
        needed: pictures a side from which on the distance falls by a tenth, by the trend from
            half of the pictures to all; None where no number would do, or it falls already.
    """

    before: float
    after: Mapping[float, float]
    shrinkage: float
    needed: int | None

    @property
    def best(self) -> float:
        """The distance with that shrinkage."""
        return self.after[self.shrinkage]

    def helps(self, shrinkage: float) -> bool:
        """Whether the distance falls at all with that shrinkage."""
        return self.after[shrinkage] < self.before


def cross_validate(
    like: LatentTransport,
    base: Mapping[Side, Moments],
    kept: Kept,
    *,
    shrinkages: Sequence[float] = SHRINKAGES,
) -> HeldOut:
    """Fit to all pictures but a fold, and measure on the fold; each fold in turn.

    Args:
        like: its autoencoder and patch are used.
        base: what takes part in every fit (`--refine`); empty for a new correction.
        kept: latents of pictures that can be held out.
        shrinkages: to try.

    Raises:
        RestoreError: a side has fewer than three pictures.
    """
    smallest = _check_counts(kept)
    folds = min(FOLDS, smallest)
    its, patch = like.autoencoder, like.patch
    single: dict[Side, list[Moments]] = {
        side: [_moments(its, patch, [x]) for x in found] for side, found in kept.items()
    }
    before: list[float] = []
    after: dict[float, list[float]] = {share: [] for share in shrinkages}
    early: list[float] = []
    for fold in range(folds):
        held = kept["restored"][fold::folds]
        target = _moments(its, patch, kept["natural"][fold::folds])
        before.append(latent_distance(_moments(its, patch, held), target))
        rest: dict[Side, list[Moments]] = {
            side: [m for i, m in enumerate(found) if i % folds != fold]
            for side, found in single.items()
        }
        whole = _fit(like, base, rest)
        for share in shrinkages:
            after[share].append(_moved(whole, share, held, target))
        half = _fit(like, base, {side: found[::2] for side, found in rest.items()})
        early.append(_moved(half, min(shrinkages), held, target))
    means = {share: _rms(found) for share, found in after.items()} | {1.0: _rms(before)}
    best = min(means, key=lambda share: means[share])
    needed = None
    if means[best] >= _WANTED * means[1.0]:
        most = smallest - math.ceil(smallest / folds)
        far, near = (math.ceil(most / 2), _rms(early)), (most, means[min(shrinkages)])
        needed = _needed(means[1.0], far, near)
    return HeldOut(means[1.0], means, best, needed)


def _check_counts(kept: Kept) -> int:
    """The pictures of the smaller side."""
    for side, found in kept.items():
        if len(found) < LEAST:
            are = "picture is" if len(found) == 1 else "pictures are"
            raise RestoreError(
                f"{len(found)} {side} {are} too few to fit to",
                hint=f"{LEAST} are the least, a dozen are a good number",
            )
    return min(map(len, kept.values()))


def distance_after(fitted: LatentTransport, latents: Sequence[Tensor]) -> float:
    """The latent W2 to the natural side that is left when restored pictures are transported.

    Measured, not assumed: patches overlap and are averaged, and latents are no Gaussians.
    """
    return _moved(fitted, fitted.shrinkage, latents, fitted.natural)


def _moved(
    fitted: LatentTransport, shrinkage: float, latents: Sequence[Tensor], target: Moments
) -> float:
    fitted.shrinkage = shrinkage
    moved = [fitted.transport(x, generator=_seeded()) for x in latents]
    return latent_distance(_moments(fitted.autoencoder, fitted.patch, moved), target)


def _seeded() -> Generator:
    return Generator().manual_seed(0)


def _fit(
    like: LatentTransport, base: Mapping[Side, Moments], more: Mapping[Side, Sequence[Moments]]
) -> LatentTransport:
    made = LatentTransport(like.autoencoder, patch=like.patch)
    sides: dict[Side, Moments] = {"restored": made.restored, "natural": made.natural}
    for side, moments in sides.items():
        for one in (base[side], *more[side]):
            moments.merge(one)
    return made


def _moments(its: Autoencoder, patch: int, latents: Sequence[Tensor]) -> Moments:
    moments = Moments(its.channels, patch)
    for one in latents:
        moments.update(one)
    return moments


def _needed(before: float, few: tuple[int, float], many: tuple[int, float]) -> int | None:
    """Where a + b / n, drawn through two squared distances, falls below what counts as help."""
    (n, far), (m, near) = few, many
    if n == m or far <= near:
        return None
    slope = (far**2 - near**2) / (1 / n - 1 / m)
    last = near**2 - slope / m
    room = (_WANTED * before) ** 2 - last
    if room <= 0:
        return None
    number = math.ceil(slope / room)
    return number if number <= _MOST else None


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(math.fsum(value**2 for value in values) / len(values))
