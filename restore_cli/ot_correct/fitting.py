"""Pictures of two sides -> the statistics of a latent transport; memory stays flat."""

import copy
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.images.listing import walk, why_no_pictures
from restore_cli.images.picture import Picture
from restore_cli.ot_correct.validating import (
    SHRINKAGES,
    HeldOut,
    cross_validate,
    distance_after,
)
from restore_cli.transport.latent import LatentTransport, Side
from restore_cli.transport.moments import Moments
from restore_cli.workers import Workers

KEPT, WINDOW = 48, 256
"""Pictures a side, and latents of the centre along each side, that are kept to check the fit."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one picture.

    Attributes:
        path: the file.
        side: "restored" or "natural".
        patches: how many it gave; 0 for one that is too small, or failed.
        error: why it was left out, or None.
        seconds: reading was done beside; this is encoding and counting.
    """

    path: Path
    side: Side
    patches: int
    error: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Fit:
    """What a finished fit is worth.

    Attributes:
        before: latent W2 between the two sides.
        after: what is left of it when the restored pictures are transported.
        held_out: the same for pictures that were held out.
    """

    before: float
    after: float
    held_out: HeldOut

    def advice(self, shrinkage: float) -> str | None:
        """One sentence where the correction does not help on pictures held out, else None."""
        its = self.held_out
        if its.helps(shrinkage):
            return None
        found = (
            f"on pictures held out the latent W2 does not fall ({its.before:.4f} before, "
            f"{its.after[shrinkage]:.4f} after)"
        )
        if its.needed is not None:
            return f"{found}: about {its.needed} pictures a side are needed"
        return f"{found}, and more pictures would not help: the two sides show other things"


class Fitting:
    """Takes in pictures of both sides, and keeps what it needs to check the fit.

    Args:
        transport: updated; what it has seen already takes part in every fit.
        sample: draws from the autoencoder's posterior for each picture, as in the reference code,
            which takes one; 0 is its mean.
        seed: of the draws.
    """

    def __init__(
        self,
        transport: LatentTransport,
        *,
        sample: int = 0,
        seed: int = 0,
    ) -> None:
        self.transport = transport
        self._sample, self._generator = sample, torch.Generator().manual_seed(seed)
        self._base: dict[Side, Moments] = {
            "restored": copy.deepcopy(transport.restored),
            "natural": copy.deepcopy(transport.natural),
        }
        self._kept: dict[Side, list[Tensor]] = {"restored": [], "natural": []}

    def add(self, image: Tensor, side: Side) -> int:
        """Take in a picture (1, 3, H, W) in [0, 1].

        Returns:
            How many patches that were.

        Raises:
            RestoreError: draws are asked for, and the autoencoder has no posterior.
        """
        its = self.transport.autoencoder
        latents = [its.sample(image, self._generator) for _ in range(self._sample)]
        latents = latents or [its.encode(image)]
        patches = sum(self.transport.take(one, side) for one in latents)
        if patches and len(self._kept[side]) < KEPT:
            self._kept[side].append(_centre(latents[0]).clone())
        return patches

    def finish(self, shrinkage: float | None = None) -> Fit:
        """Choose how far the map is shrunk, and measure what it does.

        Args:
            shrinkage: None: what cross-validation says is best.

        Raises:
            RestoreError: a side has fewer than three pictures.
        """
        tried = SHRINKAGES if shrinkage is None else (shrinkage,)
        held_out = cross_validate(
            self.transport,
            self._base,
            self._kept,
            shrinkages=tried,
        )
        self.transport.shrinkage = held_out.shrinkage if shrinkage is None else shrinkage
        after = distance_after(self.transport, self._kept["restored"])
        return Fit(self.transport.distance(), after, held_out)


def pictures_of(folder: Path, *, recursive: bool = False, most: int | None = None) -> list[Path]:
    """The pictures of a folder in order of their names; of too many, evenly spread ones.

    Raises:
        RestoreError: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise RestoreError(f"{folder} {what}", hint="name a folder of pictures")
    paths = [listed.path for listed in walk(folder, recursive=recursive)]
    if not paths:
        raise why_no_pictures(folder, recursive=recursive)
    if most is None or most >= len(paths):
        return paths
    return [paths[index * len(paths) // most] for index in range(most)]


def gather(
    fitting: Fitting, pictures: Iterable[tuple[Path, Tensor | RestoreError]], side: Side
) -> Generator[Seen]:
    """Add pictures to one side; a bad file does not stop the rest.

    Args:
        fitting: updated.
        pictures: as `read_ahead` gives them.
        side: which side.

    Yields:
        One record a picture, in order.
    """
    for path, image in pictures:
        begun = time.perf_counter()
        patches, error = 0, None
        if isinstance(image, RestoreError):
            error = image.message
        else:
            patches = fitting.add(image, side)
            if not patches:
                least = fitting.transport.patch * fitting.transport.autoencoder.factor
                height, width = image.shape[-2:]
                error = f"{path}: {width}x{height} is too small to fit to; {least} px is the least"
        yield Seen(path, side, patches, error, time.perf_counter() - begun)


def to_tensor(picture: Picture) -> Tensor:
    """A picture as (1, 3, H, W) float32 sRGB in [0, 1]."""
    planes = np.ascontiguousarray(picture.to_srgb().transpose(2, 0, 1))
    return torch.from_numpy(planes)[None]  # pyright: ignore[reportUnknownMemberType]


def read_ahead(
    paths: Sequence[Path], *, workers: int = 2
) -> Iterator[tuple[Path, Tensor | RestoreError]]:
    """Read pictures in threads, in order, at most one for each worker ahead.

    Yields:
        The path with its picture, (1, 3, H, W) float32 in [0, 1], or with why it cannot be read.
    """
    waiting: deque[tuple[Path, Future[Tensor | RestoreError]]] = deque()
    pending = iter(paths)
    with Workers(workers, "read") as readers:
        while True:
            while len(waiting) <= workers and (path := next(pending, None)) is not None:
                waiting.append((path, readers.submit(_read, path)))
            if not waiting:
                return
            path, read = waiting.popleft()
            yield path, read.result()


def _read(path: Path) -> Tensor | RestoreError:
    try:
        return to_tensor(Picture.read(path))
    except RestoreError as error:
        return error
    except MemoryError:
        return RestoreError(f"{path}: not enough memory to read it")


def _centre(latents: Tensor) -> Tensor:
    top, left = (max(0, (side - WINDOW) // 2) for side in latents.shape[-2:])
    return latents[..., top : top + WINDOW, left : left + WINDOW]
