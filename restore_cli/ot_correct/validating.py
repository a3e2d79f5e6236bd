"""What a fit is worth on pictures that it has not seen: cross-validation of a latent transport."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Generator, Tensor

from restore_cli.errors import RestoreError
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
_BEFORE, _EARLY = 1.0, -1.0
"""Versions of held-out pictures beside those by shrinkage: as they are; by half of the pictures."""

Kept = Mapping[Side, Sequence[Tensor]]
"""Latents (1, C, h, w) of each picture, by side; equal places show the same scene, or none do."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The distance of pictures that were held out.

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

    Each fold is compared with natural pictures that were not fitted to either: otherwise it would
    count as success that pictures took on the content of those.

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
    single: dict[Side, list[Moments]] = {
        side: [_moments(like, [x]) for x in found] for side, found in kept.items()
    }
    sets = _Sets(like)
    for fold in range(folds):
        held = kept["restored"][fold::folds]
        rest: dict[Side, list[Moments]] = {
            side: [m for i, m in enumerate(found) if i % folds != fold]
            for side, found in single.items()
        }
        sets.begin(single["restored"][fold::folds], single["natural"][fold::folds])
        whole = _fit(like, base, rest)
        for share in shrinkages:
            if share != _BEFORE:
                sets.add(share, _moved(whole, share, held))
        half = _fit(like, base, {side: found[::2] for side, found in rest.items()})
        sets.add(_EARLY, _moved(half, min(shrinkages), held))
    distances = sets.distances()
    before, early = distances[_BEFORE], distances.pop(_EARLY)
    best = min(distances, key=lambda share: distances[share])
    needed = None
    if distances[best] >= _WANTED * before:
        most = smallest - math.ceil(smallest / folds)
        far, near = (math.ceil(most / 2), early), (most, distances[min(shrinkages)])
        needed = _needed(before, far, near)
    return HeldOut(before, distances, best, needed)


class _Sets:
    """Moments of held-out pictures in several versions, and of what they should be like.

    Args:
        like: its autoencoder and patch are used.
    """

    def __init__(self, like: LatentTransport) -> None:
        self._like = like
        self._targets: list[Moments] = []
        self._versions: dict[float, list[Moments]] = {}

    def begin(self, restored: Sequence[Moments], natural: Sequence[Moments]) -> None:
        """A fold."""
        self._targets.append(_merged(self._like, natural))
        self.add(_BEFORE, _merged(self._like, restored))

    def add(self, version: float, moments: Moments) -> None:
        """One version of this fold's restored pictures."""
        self._versions.setdefault(version, []).append(moments)

    def distances(self) -> dict[float, float]:
        """The latent W2 of each version to the targets, root mean square over the folds."""
        found: dict[float, float] = {}
        for version, own in self._versions.items():
            pairs = zip(own, self._targets, strict=True)
            found[version] = _rms([latent_distance(*pair) for pair in pairs])
        return found


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
    return latent_distance(_moved(fitted, fitted.shrinkage, latents), fitted.natural)


def _moved(fitted: LatentTransport, shrinkage: float, latents: Sequence[Tensor]) -> Moments:
    fitted.shrinkage = shrinkage
    return _moments(fitted, [fitted.transport(x, generator=_seeded()) for x in latents])


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


def _moments(like: LatentTransport, latents: Sequence[Tensor]) -> Moments:
    moments = Moments(like.autoencoder.channels, like.patch)
    for one in latents:
        moments.update(one)
    return moments


def _merged(like: LatentTransport, parts: Sequence[Moments]) -> Moments:
    whole = Moments(like.autoencoder.channels, like.patch)
    for part in parts:
        whole.merge(part)
    return whole


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
