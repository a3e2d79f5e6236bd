"""Pictures that do not fit into memory: read, restored and written in bands of rows.

Neighbouring bands share rows, of which the outer ones only give context; over those in the middle
one band fades into the next, as windows do. What networks are told of the whole picture is told of
the whole picture: all bands are restored alike.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from restore_cli.batch.later import ready
from restore_cli.batch.reading import Restore, planes
from restore_cli.batch.work import Work
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images.atomic import open_atomically
from restore_cli.images.room import admit

if TYPE_CHECKING:
    from restore_cli.engine.restored import Restored
    from restore_cli.engine.windows import Pixels
    from restore_cli.images.picture import Picture
    from restore_cli.images.row_writing import RowWriter
    from restore_cli.images.tiff_rows import RowsOfTiff

BYTES_PER_PIXEL = 40
"""Of memory, at the peak of a picture's way: two pictures of floats, their integers, the file."""
PIXELS = 20_000_000
"""Of one band, about."""
LEAST_ROWS = 256
SHARED_ROWS = 128
"""By neighbouring bands."""
_GRID = 64  # px; networks halve pictures up to six times, and each band begins on the same grid


@runtime_checkable
class ReadsInBands(Protocol):
    """A reader of files that can do without the whole picture."""

    def in_bands(self, path: Path, format: str | None) -> AbstractContextManager[RowsOfTiff | None]:
        """Its rows, where the file and the format of the output allow it; else None."""
        ...

    @property
    def level(self) -> int | None:
        """Of the output's compression, 1 to 9."""
        ...


@contextmanager
def weighed(reader: object, work: Work) -> Generator[None]:
    """Let a picture that is too large for memory go on in bands, where its reader can do that.

    Raises:
        RestoreError: what was raised inside, where it cannot; or a band does not fit either.
    """
    try:
        yield
    except RestoreError:
        job = work.job
        if not isinstance(reader, ReadsInBands):
            raise
        with reader.in_bands(job.source, job.format) as rows:
            if rows is None:
                raise
            height, width = rows.height, rows.width
        work.in_bands = True
        work.learn(height=height, width=width)
        band = min(height, rows_of_band(width)) * width
        admit(job.source, BYTES_PER_PIXEL * band, doing="restoring it in bands")


def make_in_bands(reader: object, work: Work, restore: Restore) -> None:
    """Restore and write a picture that `weighed` has let through.

    Raises:
        RestoreError: see `restore_in_bands`; or the file is another one than before.
    """
    assert isinstance(reader, ReadsInBands)
    job, begun = work.job, time.perf_counter()
    with reader.in_bands(job.source, job.format) as rows:
        if rows is None or (rows.height, rows.width) != (work.known.height, work.known.width):
            raise RestoreError(
                f"{job.source}: it has changed since it was looked at",
                hint="start again when nothing writes to it",
                exit_code=ExitCode.SOME_FAILED,
            )
        made = restore_in_bands(rows, ready(restore), job.output, job.format, level=reader.level)
    work.computed_as(made, time.perf_counter() - begun)
    work.note(*made.notes)


def rows_of_band(width: int) -> int:
    """How many rows a band has, of a picture so wide."""
    return max(LEAST_ROWS, PIXELS // width // _GRID * _GRID)


def restore_in_bands(
    rows: RowsOfTiff, restore: Restore, output: Path, format: str, *, level: int | None = None
) -> Restored[Pixels]:
    """Restore a picture and write it.

    Args:
        rows: of the picture.
        restore: (3, H, W) in, as much out, for each band.
        output: the file; whole or not there.
        format: one of `row_writing.ROW_FORMATS`.
        level: of a PNG's compression.

    Returns:
        How it was computed, with no picture in it. `bands` in the details says how many there were.

    Raises:
        RestoreError: the file is damaged, the model enlarges, or the output cannot be written.
    """
    from restore_cli.engine.global_context import part_of
    from restore_cli.engine.tiling import mixed, round_up, spans
    from restore_cli.images.decode import DAMAGE
    from restore_cli.images.row_writing import RowWriter

    size = rows.height, rows.width
    length = round_up(rows.height, _GRID)
    bands = spans(length, min(rows_of_band(rows.width), length), SHARED_ROWS, _GRID)
    done: list[Restored[Pixels]] = []
    held: Pixels | None = None
    try:
        whole = _patches(rows)
        with open_atomically(output) as file, part_of(whole):
            writer = RowWriter(file, rows.like, size, format, level=level)
            for band, following in pairwise([*bands, None]):
                assert band is not None
                picture = rows.read(band.start, min(band.stop, rows.height))
                restored = _restored(restore, picture, rows.path)
                fade = slice(band.fade_start - band.start, band.fade_stop - band.start)
                if held is not None:
                    restored.image[:, fade] = mixed(held, restored.image[:, fade], dim=1)
                end = rows.height if following is None else following.fade_start
                if following is not None:
                    shared = slice(end - band.start, following.fade_stop - band.start)
                    held = restored.image[:, shared].copy()
                _write(writer, picture, restored.image, slice(fade.start, end - band.start))
                done.append(replace(restored, image=restored.image[:, :0].copy()))
            writer.close()
    except DAMAGE as error:
        raise RestoreError(
            f"{rows.path}: cannot be restored in bands: {error}",
            hint="copy or export it again, or cut it into pieces",
        ) from error
    return _together(done, (*rows.like.notes, *writer.notes))


def _patches(rows: RowsOfTiff) -> Pixels:
    """What `global_context.patches` gives of the whole picture."""
    import numpy as np

    from restore_cli.engine.global_context import SIDE, starts

    found: list[Pixels] = []
    for top in starts(rows.height):
        band = rows.read(top, min(top + SIDE, rows.height))
        for left in starts(rows.width):
            part = replace(
                band,
                pixels=band.pixels[:, left : left + SIDE],
                alpha=None if band.alpha is None else band.alpha[:, left : left + SIDE],
            )
            found.append(planes(part))
    return np.stack(found)


def _restored(restore: Restore, picture: Picture, path: Path) -> Restored[Pixels]:
    image = planes(picture)
    restored = restore(image)
    if restored.image.shape != image.shape:
        raise RestoreError(
            f"{path}: it does not fit into memory, and this model enlarges: that is not done in "
            "bands",
            hint="cut it into pieces, or use a machine with more memory",
            exit_code=ExitCode.SOME_FAILED,
        )
    return restored


def _write(writer: RowWriter, picture: Picture, image: Pixels, rows: slice) -> None:
    alpha = None if picture.alpha is None else picture.alpha[rows]
    part = replace(picture, pixels=picture.pixels[rows], alpha=alpha)
    writer.write(part.with_srgb(image[:, rows].transpose(1, 2, 0)))


def _together(done: list[Restored[Pixels]], notes: tuple[str, ...]) -> Restored[Pixels]:
    """What is to be told of all bands."""
    all_notes = (*notes, *(note for one in done for note in one.notes))
    details = {**done[0].details, "bands": len(done)}
    changes = [cast("Mapping[str, float]", one.details.get("change") or {}) for one in done]
    if all(changes):
        mean = sum(one["share"] for one in changes) / len(changes)
        largest = max(one["largest"] for one in changes)
        details["change"] = {"share": round(mean, 4), "largest": largest}
    return replace(done[-1], notes=tuple(dict.fromkeys(all_notes)), details=details)
