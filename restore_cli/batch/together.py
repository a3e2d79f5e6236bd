"""Which of the pictures that are read go through the network together."""

from concurrent.futures import Future

from restore_cli.batch.results import Result
from restore_cli.batch.work import Work

TOGETHER = 2**15
"""Pixels of small pictures that are computed at once, at most: from there it is no faster."""


def most_together(work: Work) -> int:
    """How many pictures of this size, 1 for all but small ones."""
    return max(1, TOGETHER // max(1, work.written_pixels))


def taken_with(work: Work, reads: dict[Future[Work | Result], None], most: int) -> list[Work]:
    """A picture, and others of its size that are read: 1, 2, 4, 8 ... of them.

    What computes them makes itself ready for each number that it meets, which takes as long as ten
    small pictures.

    Args:
        work: the picture.
        reads: under way and done; what is taken goes.
        most: pictures.
    """
    size, alike = _size(work), dict[Future[Work | Result], Work]()
    for read in [one for one in reads if size is not None and one.done()]:
        other = read.result()
        if isinstance(other, Work) and _size(other) == size:
            alike[read] = other
    count = 1 << (min(most, 1 + len(alike)).bit_length() - 1) if most > 1 else 1
    taken = list(alike)[: count - 1]
    for read in taken:
        del reads[read]
    return [work, *(alike[read] for read in taken)]


def _size(work: Work) -> tuple[int, ...] | None:
    """Of a picture that may be computed with others; None of several pages and others."""
    loaded = work.loaded
    plain = loaded is not None and loaded.restore is None and len(work.images) == 1
    return work.images[0].shape if plain else None
