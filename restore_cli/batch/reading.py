"""What the pipeline does with one file: how it is read, and what becomes of the result.

Pictures are arrays here: torch is imported by what computes them, where it does. What reads them is
imported when a picture is read: a batch that has nothing to do needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from restore_cli.errors import RestoreError
from restore_cli.images.saving import DEFAULT, Saving

if TYPE_CHECKING:
    from restore_cli.engine.restored import Restored
    from restore_cli.engine.windows import Pixels
    from restore_cli.images.picture import Picture
    from restore_cli.images.sandbox import Sandbox
    from restore_cli.images.tiff_rows import RowsOfTiff

Restore = Callable[["Pixels"], "Restored[Pixels]"]


@runtime_checkable
class RestoresSeveral(Protocol):
    """A `Restore` that can do small pictures together, with the results of each alone."""

    def __call__(self, image: Pixels, /) -> Restored[Pixels]:
        """See `Restore`."""
        ...

    def several(self, images: Sequence[Pixels]) -> list[Restored[Pixels]]:
        """Restore pictures of one size."""
        ...


class Writable(Protocol):
    """Something that becomes a file."""

    def write(self, path: Path, format: str | None = None) -> tuple[str, ...] | None:
        """Write it whole or not at all; `format` is a key of `images.formats.FORMATS`.

        Returns:
            Notes on what the format could not carry, if any.
        """
        ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read.

    Attributes:
        image: (3, H, W) float32, what to compute on.
        height: rows of the picture to come, for the report.
        width: its columns.
        finish: makes what is written from the computed image.
        notes: what did not go as asked, for people.
        restore: what to compute instead of the run's own; None for that.
        details: what to say of this file beside the usual, for programs.
        further: the other pages of the file, like `image`.
        finish_pages: makes what is written from all of them, used where it is given.
    """

    image: Pixels
    height: int
    width: int
    finish: Callable[[Pixels], Writable]
    notes: tuple[str, ...] = ()
    restore: Restore | None = None
    details: Mapping[str, object] = field(default_factory=dict[str, object])
    further: tuple[Pixels, ...] = ()
    finish_pages: Callable[[Sequence[Pixels]], Writable] | None = None


class Reader(Protocol):
    """Reads files, on several threads at once."""

    def count_pixels(self, path: Path) -> int:
        """Height times width, from the file's head; raises anything where it cannot be told."""
        ...

    def read(self, path: Path) -> Loaded:
        """Read a file. Raises RestoreError where it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Pictures:
    """Reads developed pictures of all formats; of several pages all, or one.

    Attributes:
        saving: how the results are compressed.
        page: the page to take, from 1 on; None takes all.
        sandbox: decodes them; None decodes in this process.
    """

    saving: Saving = DEFAULT
    page: int | None = None
    sandbox: Sandbox | None = None

    def count_pixels(self, path: Path) -> int:
        """Height times width, from the header; of all pages, as if they were of one size."""
        from PIL import Image

        from restore_cli.images.header import count_pages, size_of_head, upright_size

        if self.sandbox is not None:
            # What the head does not tell would have to be decoded.
            width, height = size_of_head(path) or (0, 0)
            return width * height * (1 if self.page else count_pages(path))
        try:
            width, height = upright_size(path)
            return width * height * (1 if self.page else count_pages(path))
        except RestoreError:
            with Image.open(path) as header:
                return header.width * header.height

    @property
    def level(self) -> int | None:
        """See `bands.ReadsInBands`."""
        return self.saving.effort

    @contextmanager
    def in_bands(self, path: Path, format: str | None) -> Generator[RowsOfTiff | None]:
        """See `bands.ReadsInBands`: of TIFF files, into TIFF and PNG."""
        from restore_cli.images.row_writing import ROW_FORMATS
        from restore_cli.images.tiff_rows import rows_of_tiff

        if format not in ROW_FORMATS or self.sandbox is not None:
            yield None
            return
        with rows_of_tiff(path) as rows:
            yield rows

    def read(self, path: Path) -> Loaded:
        """The picture as sRGB; the result takes over its depth, alpha and metadata.

        Raises:
            RestoreError: it cannot be read, or has no such page.
        """
        from restore_cli.images.picture import Picture

        decode = Picture.read if self.sandbox is None else self.sandbox.read
        first = decode(path) if self.page is None else decode(path, self.page - 1)
        pages = [first]
        if self.page is None:
            pages += [decode(path, number) for number in range(1, first.pages)]
        images = [planes(page) for page in pages]

        def finish(restored: Sequence[Pixels]) -> Writable:
            done = [
                (page.resized(*image.shape[1:]), image)
                for page, image in zip(pages, restored, strict=True)
            ]
            written = [page.with_srgb(image.transpose(1, 2, 0)) for page, image in done]
            return _Pages(written, self.saving)

        return Loaded(
            image=images[0],
            height=first.height,
            width=first.width,
            finish=lambda image: finish([image]),
            finish_pages=finish,
            notes=tuple(dict.fromkeys(note for page in pages for note in page.notes)),
            further=tuple(images[1:]),
        )


@dataclass(frozen=True, slots=True)
class _Pages:
    pictures: Sequence[Picture]
    saving: Saving

    def write(self, path: Path, format: str | None = None) -> tuple[str, ...]:
        if len(self.pictures) == 1:
            return self.pictures[0].write(path, format, self.saving)
        from restore_cli.images.picture import write_pages

        return write_pages(self.pictures, path, format, self.saving)


def planes(picture: Picture) -> Pixels:
    """A picture as networks want it: (3, H, W) float32 sRGB in [0, 1]."""
    return picture.to_planes()
