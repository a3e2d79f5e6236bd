"""Embedded previews instead of developed pictures: the `pipeline`'s reader for `--preview`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from restore_cli.batch.inputs import Refused
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Loaded, Reader, Writable
from restore_cli.images.atomic import write_atomically
from restore_cli.images.formats import resolve_format
from restore_cli.images.picture import Picture
from restore_cli.images.regular import naming_problems, open_regular, size_of
from restore_cli.raw.develop import as_it_is
from restore_cli.raw.file import open_raw

_CAMERA = (".jpg", ".jpeg")


@dataclass(frozen=True, slots=True)
class Previews:
    """Reads the previews that RAW files hold, instead of developing them.

    Args:
        strip_gps: leave the place out of EXIF.
    """

    strip_gps: bool = False

    def count_pixels(self, path: Path) -> int:
        """Height times width of the RAW picture; its preview has no more."""
        with open_raw(path) as raw:
            return raw.pixels

    def read(self, path: Path) -> Loaded:
        """The embedded preview.

        Raises:
            RestoreError: the file cannot be read, or holds none.
        """
        with open_raw(path, strip_gps=self.strip_gps) as raw:
            preview, stored = raw.preview()
        whole: Writable = preview
        if stored is not None and not self.strip_gps:
            whole = _Stored(preview, stored)
        return Loaded(
            image=np.empty((3, 0, 0), np.float32),
            height=preview.height,
            width=preview.width,
            finish=lambda _: whole,
            restore=partial(as_it_is, by="preview"),
            details={"engine": "preview"},
        )


@dataclass(frozen=True, slots=True)
class _Stored:
    """A preview that is upright as it is stored: as a JPEG file it is copied byte for byte."""

    picture: Picture
    data: bytes

    def write(self, path: Path, format: str | None = None) -> None:
        if resolve_format(path, format) == "jpg":
            write_atomically(path, self.data)
        else:
            self.picture.write(path, format)


@dataclass(frozen=True, slots=True)
class WithCameraFiles:
    """Reads RAW files by another reader, and copies the camera's own JPEG files as they are.

    Args:
        raws: the reader of RAW files.
        beside: what is copied; a JPEG file that was named by itself is no RAW file.
    """

    raws: Reader
    beside: frozenset[Path] = frozenset()

    def count_pixels(self, path: Path) -> int:
        """Height times width; 1 for what is only copied."""
        return 1 if path in self.beside else self.raws.count_pixels(path)

    def read(self, path: Path) -> Loaded:
        """Read a file.

        Raises:
            RestoreError: it cannot be read.
        """
        if path not in self.beside:
            return self.raws.read(path)
        with naming_problems(path), open_regular(path) as file:
            data = file.read(size_of(file))
        picture = Picture.read(path)
        return Loaded(
            image=np.empty((3, 0, 0), np.float32),
            height=picture.height,
            width=picture.width,
            finish=lambda _: _Stored(picture, data),
            restore=partial(as_it_is, by="copy"),
            details={"engine": "copy"},
        )


def camera_files(jobs: Iterable[Job | Refused]) -> list[Job | Refused]:
    """Copies of the JPEG files that lie beside RAW files under their names."""
    found: list[Job | Refused] = []
    listed: dict[Path, dict[str, Path]] = {}
    for job in jobs:
        if not isinstance(job, Job) or job.source.suffix.lower() in _CAMERA:
            continue
        folder = job.source.parent
        if folder not in listed:
            files = sorted(folder.iterdir())
            listed[folder] = {p.stem: p for p in files if p.suffix.lower() in _CAMERA}
        beside = listed[folder].get(job.source.stem)
        if beside is not None:
            output = job.output.with_name(f"{job.output.stem}-camera.jpg")
            found.append(Job(beside, output, "jpg"))
    return found
