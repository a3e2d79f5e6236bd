"""Folders of photos to learn from, checked once and kept in memory."""

import unicodedata
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.images.formats import READABLE_SUFFIXES
from restore_cli.images.listing import Listed, Suffixes, walk, why_no_data, why_no_pictures
from restore_cli.images.picture import Picture

_IN_MEMORY_BYTES = 4 * 1024**3
_MOST_LISTED = 20


class Photos:
    """A folder of pictures, checked once, kept in memory as bytes as far as 4 GiB reach.

    Args:
        folder: searched with its subfolders, links followed; hidden files are passed over.
        smallest: least height and width, px.
        resize: px that the shorter side is scaled to; None leaves pictures as they are.

    Attributes:
        paths: of the pictures, in the order of their stems.
        stems: their stems, in Unicode's composed form (NFC): systems spell "é" in two ways.
        names: where they lie below the folder, without suffix: "subfolder/stem".

    Raises:
        RestoreError: no such folder, no picture in it, or pictures that are unreadable or too small
            (all of them named).
    """

    suffixes = Suffixes(READABLE_SUFFIXES)

    def __init__(self, folder: Path, *, smallest: int = 1, resize: int | None = None) -> None:
        if not folder.is_dir():
            raise RestoreError(
                f"no such folder: {folder}",
                hint="data.root says where the recipe's folders lie: --set data.root=DIR",
            )
        self.folder, self._resize = folder, resize
        found = sorted(
            candidates(folder, self.suffixes), key=lambda one: (one.path.stem, str(one.path))
        )
        self.paths = [one.path for one in found]
        if not found:
            raise why_no_pictures(folder, recursive=True, suffixes=self.suffixes)
        self.stems = [unicodedata.normalize("NFC", path.stem) for path in self.paths]
        places = (unicodedata.normalize("NFC", (one.below / "x").as_posix()[:-1]) for one in found)
        self.names = [place + stem for place, stem in zip(places, self.stems, strict=True)]
        self._kept: dict[int, Tensor] = {}
        room = _IN_MEMORY_BYTES
        problems: list[str] = []
        for index, (path, one) in enumerate(zip(self.paths, found, strict=True)):
            try:
                if one.problem is not None:
                    raise one.problem
                photo = self._read(path)
            except RestoreError as error:
                problems.append(error.message)
                continue
            if min(photo.shape[-2:]) < smallest:
                height, width = photo.shape[-2:]
                problems.append(f"{path}: {width}x{height} is smaller than {smallest} px")
            if photo.nbytes <= room:
                room -= photo.nbytes
                self._kept[index] = photo
        if problems:
            raise RestoreError(
                f"{len(problems)} of {len(self.paths)} pictures in {folder} are unfit:"
                + listed(problems),
                hint="take them out of the folder, or lower data.crop",
            )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """(3, H, W): uint8 for 8-bit files, float32 in [0, 1] for deeper ones."""
        return self._kept[index] if index in self._kept else self._read(self.paths[index])

    def _read(self, path: Path) -> Tensor:
        picture = Picture.read(path)
        pixels = picture.to_srgb()
        if self._resize is not None:
            pixels = _scaled(pixels, self._resize)
        srgb = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
        return (srgb * 255 + 0.5).to(torch.uint8) if picture.depth == 8 else srgb


def candidates(folder: Path, suffixes: Suffixes) -> list[Listed]:
    """The files of a folder and its subfolders that count, by their names; none of a missing one.

    What cannot be looked at is among them, with its problem.

    Raises:
        RestoreError: it can be no folder of data, such as `/` or `/proc`.
    """
    if folder.is_dir() and (problem := why_no_data(folder)) is not None:
        raise RestoreError(problem.message, hint=problem.hint)
    return list(walk(folder, recursive=True, suffixes=suffixes)) if folder.is_dir() else []


def as_float(photo: Tensor) -> Tensor:
    """Bytes as float32 in [0, 1]; other pictures as they are."""
    return photo.to(torch.float32) / 255.0 if photo.dtype == torch.uint8 else photo


def listed(problems: list[str]) -> str:
    """The first of them, a line each."""
    more = [f"and {len(problems) - _MOST_LISTED} more"] if len(problems) > _MOST_LISTED else []
    return "".join(f"\n  {line}" for line in problems[:_MOST_LISTED] + more)


def _scaled(pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(H, W, 3) with a shorter side of this many px: averages where it shrinks, bicubic else."""
    height, width = pixels.shape[:2]
    factor = side / min(height, width)
    size = (max(side, round(width * factor)), max(side, round(height * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.clip(cv2.resize(pixels, size, interpolation=how), 0, 1, dtype=np.float32)
