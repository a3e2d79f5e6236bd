"""Small pictures as jobs, restorers that compute next to nothing, and what came of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from restore_cli.batch.manifest import MANIFEST_NAME, Identity, Manifest
from restore_cli.batch.planning import Job
from restore_cli.batch.results import Result
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels


def same(image: Pixels) -> Restored[Pixels]:
    return Restored(image, tile=64, device="cpu", precision="fp32", notes=("a note",))


def inverted(image: Pixels) -> Restored[Pixels]:
    return Restored(1 - image, tile=None, device="cpu", precision="fp32")


def save(path: Path, *, side: int = 12, value: int = 100) -> Path:
    pixels = np.full((side, side + 3, 3), value, np.uint8)
    pixels[0, 0] = 7
    Image.fromarray(pixels).save(path)
    return path


def job(source: Path, folder: str = "out") -> Job:
    return Job(source, source.parent / folder / f"{source.stem}.png", "png")


def jobs(folder: Path, count: int, *, side: int = 12) -> list[Job]:
    return [job(save(folder / f"{index:03}.png", side=side)) for index in range(count)]


def by_name(results: Iterator[Result]) -> dict[str, Result]:
    return {result.source.name: result for result in results}


def shown(folder: Path) -> list[str]:
    """Every name in the folder but the manifest: a temporary file would stand out."""
    return sorted(p.name for p in folder.iterdir() if p.name != MANIFEST_NAME)


def book(model: str = "model", **options: object) -> Manifest:
    return Manifest(Identity(model, options))
