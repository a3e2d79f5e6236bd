"""What the pipeline does with one file: how it is read, and what becomes of the result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from PIL import Image

from restore_cli.images.picture import Picture

if TYPE_CHECKING:
    from restore_cli.engine.restorer import Restored

Restore = Callable[[torch.Tensor], "Restored"]


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
        image: (3, H, W) float32 on the CPU, what to compute on.
        height: rows of the picture to come, for the report.
        width: its columns.
        finish: makes what is written from the computed image.
        notes: what did not go as asked, for people.
        restore: what to compute instead of the run's own; None for that.
        details: what to say of this file beside the usual, for programs.
    """

    image: torch.Tensor
    height: int
    width: int
    finish: Callable[[torch.Tensor], Writable]
    notes: tuple[str, ...] = ()
    restore: Restore | None = None
    details: Mapping[str, object] = field(default_factory=dict[str, object])


class Reader(Protocol):
    """Reads files, on several threads at once."""

    def count_pixels(self, path: Path) -> int:
        """Height times width, from the file's head; raises anything where it cannot be told."""
        ...

    def read(self, path: Path) -> Loaded:
        """Read a file. Raises RestoreError where it cannot be read."""
        ...


class Pictures:
    """Reads developed pictures: PNG, JPEG, TIFF, WebP, BMP."""

    def count_pixels(self, path: Path) -> int:
        """Height times width, from the header."""
        with Image.open(path) as header:
            return header.width * header.height

    def read(self, path: Path) -> Loaded:
        """The picture as sRGB; the result takes over its depth, alpha and metadata."""
        picture = Picture.read(path)
        planes = np.ascontiguousarray(picture.to_srgb().transpose(2, 0, 1))
        return Loaded(
            image=torch.from_numpy(planes),
            height=picture.height,
            width=picture.width,
            finish=lambda image: picture.with_srgb(image.permute(1, 2, 0).numpy()),
            notes=picture.notes,
        )
