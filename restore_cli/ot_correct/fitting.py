"""Pictures of two folders -> the statistics of a latent transport; memory stays flat."""

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.images.listing import walk, why_no_pictures
from restore_cli.images.picture import Picture
from restore_cli.transport.latent import LatentTransport, Side, latent_distance
from restore_cli.transport.moments import Moments


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
    transport: LatentTransport, paths: Sequence[Path], side: Side, *, workers: int = 2
) -> Generator[Seen]:
    """Add pictures to one side; a bad file does not stop the rest.

    Args:
        transport: updated.
        paths: the files.
        side: which side.
        workers: threads that read ahead.

    Yields:
        One record a picture, in order.
    """
    for path, image in read_ahead(paths, workers=workers):
        begun = time.perf_counter()
        patches, error = 0, None
        if isinstance(image, RestoreError):
            error = image.message
        else:
            patches = transport.update(image, side)
            if not patches:
                least = transport.patch * transport.autoencoder.factor
                height, width = image.shape[-2:]
                error = f"{path}: {width}x{height} is too small to fit to; {least} px is the least"
        yield Seen(path, side, patches, error, time.perf_counter() - begun)


def distance_after(
    transport: LatentTransport, paths: Sequence[Path], *, workers: int = 2
) -> Generator[Path, None, float]:
    """The latent W2 to the natural side that is left when the restored pictures are transported.

    Measured, not assumed: patches overlap and are averaged, and latents are no Gaussians.

    Args:
        transport: fitted.
        paths: the restored pictures.
        workers: threads that read ahead.

    Yields:
        Each picture, when it is done.

    Returns:
        The distance; nan if no picture could be used.
    """
    after = Moments(transport.autoencoder.channels, transport.patch)
    for path, image in read_ahead(paths, workers=workers):
        if isinstance(image, Tensor):
            generator = torch.Generator().manual_seed(0)
            latents = transport.autoencoder.encode(image)
            after.update(transport.transport(latents, generator=generator))
        yield path
    return latent_distance(after, transport.natural)


def to_tensor(picture: Picture) -> Tensor:
    """A picture as (1, 3, H, W) float32 sRGB in [0, 1]."""
    planes = np.ascontiguousarray(picture.to_srgb().transpose(2, 0, 1))
    return torch.from_numpy(planes)[None]  # pyright: ignore[reportUnknownMemberType]


def read_ahead(
    paths: Sequence[Path], *, workers: int
) -> Iterator[tuple[Path, Tensor | RestoreError]]:
    """Read pictures in threads, in order, at most one for each worker ahead.

    Yields:
        The path with its picture, (1, 3, H, W) float32 in [0, 1], or with why it cannot be read.
    """
    waiting: deque[tuple[Path, Future[Tensor | RestoreError]]] = deque()
    pending = iter(paths)
    readers = ThreadPoolExecutor(workers, thread_name_prefix="read")
    try:
        while True:
            while len(waiting) <= workers and (path := next(pending, None)) is not None:
                waiting.append((path, readers.submit(_read, path)))
            if not waiting:
                return
            path, read = waiting.popleft()
            yield path, read.result()
    finally:
        readers.shutdown(cancel_futures=True)


def _read(path: Path) -> Tensor | RestoreError:
    try:
        return to_tensor(Picture.read(path))
    except RestoreError as error:
        return error
    except MemoryError:
        return RestoreError(f"{path}: not enough memory to read it")
