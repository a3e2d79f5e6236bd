"""Which of the pictures that are read go through the network together."""

from concurrent.futures import Future

from restore_cli.batch.results import Result
from restore_cli.batch.work import Work

TOGETHER = 2**16
"""Pixels of small pictures that are computed at once, at most: from there it is no faster."""


def most_together(work: Work) -> int:
    """How many pictures of this size, 1 for all but small ones."""
    return max(1, TOGETHER // max(1, work.written_pixels))


def taken_with(work: Work, reads: dict[Future[Work | Result], None], most: int) -> list[Work]:
    """A picture, and others of its size that are read.

    Args:
        work: the picture.
        reads: under way and done; what is taken goes.
        most: pictures.
    """
    group, size = [work], _size(work)
    for read in [one for one in reads if size is not None and one.done()]:
        if len(group) >= most:
            break
        other = read.result()
        if isinstance(other, Work) and _size(other) == size:
            del reads[read]
            group.append(other)
    return group


def _size(work: Work) -> tuple[int, ...] | None:
    """Of a picture that may be computed with others; None of several pages and others."""
    loaded = work.loaded
    plain = loaded is not None and loaded.restore is None and len(work.images) == 1
    return work.images[0].shape if plain else None
