"""`restore train --check`: what a recipe finds, and what it will cost, before it costs anything."""

import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from torch import Tensor

from restore_cli.data.loader import Stream
from restore_cli.data.photos import Photos, candidates
from restore_cli.data.sample import Sample
from restore_cli.data.source import build_source, validation_pairs
from restore_cli.folders import make_folder
from restore_cli.images.header import upright_size
from restore_cli.images.leftovers import temporary_folder
from restore_cli.images.picture import Picture
from restore_cli.raw.suffixes import RAWS
from restore_cli.recipe import OptimSection, Recipe
from restore_cli.training import loop
from restore_cli.training.meter import Progress, Start
from restore_cli.training.runs import Run
from restore_cli.training.validation import input_psnr

_STEPS = 3  # the first compiles and allocates: the fastest counts
_SHOWN = 8


@dataclass(frozen=True)
class Found:
    """One folder of the recipe.

    Attributes:
        folder: its path.
        pictures: how many.
        smallest: (width, height) of the one with the shortest side; None of RAW files.
        largest: of the one with the most pixels.
    """

    folder: Path
    pictures: int
    smallest: tuple[int, int] | None
    largest: tuple[int, int] | None


@dataclass(frozen=True)
class Check:
    """What came of it.

    Attributes:
        folders: of training, in the recipe's order.
        pairs: share of the samples that are pairs.
        validation: number of validation pictures.
        input_psnr: of these as they are, dB.
        parameters: of the network.
        device: where the steps were computed.
        precision: in which number format.
        seconds_a_step: of the fastest of three steps.
        seconds: of all steps of the recipe, at that speed.
        memory: peak of this process, or of the GPU's memory, bytes.
        sheet: the picture of samples that was written.
    """

    folders: list[Found]
    pairs: float
    validation: int
    input_psnr: float | None
    parameters: int
    device: str
    precision: str
    seconds_a_step: float
    seconds: float
    memory: int
    sheet: Path


def check(recipe: Recipe, folder: Path, *, device: str = "auto") -> Check:
    """Read the data, draw samples, do three steps in a folder that is then thrown away.

    Args:
        recipe: what would be trained.
        folder: where samples.png goes: a row each of input and target, of the first eight samples.
        device: as for `loop.train`.

    Raises:
        RestoreError: what training would be refused for.
    """
    data = recipe.data
    source = build_source(data)
    found = [_found(data.root / part) for part in data.folders]
    stream = Stream(source, seed=recipe.optim.seed)
    sheet = _write_sheet(folder, [stream[i] for i in range(_SHOWN)])
    pairs = validation_pairs(data)
    begun: list[Start] = []
    took: list[float] = []

    def stamp(progress: Progress) -> None:
        took.append(recipe.data.batch * recipe.optim.accumulate / progress.images_per_second)

    with temporary_folder() as place:
        short = _short(recipe)
        trained = loop.train(
            short,
            Run(place, short, resume=True),
            device=device,
            report=stamp,
            on_start=begun.append,
        )
    each = min(took)
    return Check(
        folders=found,
        pairs=data.pairs,
        validation=len(pairs),
        input_psnr=input_psnr(pairs),
        parameters=sum(p.numel() for p in trained.network.parameters()),
        device=begun[0].device,
        precision=begun[0].precision,
        seconds_a_step=each,
        seconds=each * recipe.optim.steps,
        memory=_peak(),
        sheet=sheet,
    )


def _short(recipe: Recipe) -> Recipe:
    """Three steps without validation, in this process."""
    optim = recipe.optim.model_dump()
    optim |= {"steps": _STEPS, "warmup": 0, "cooldown": 0, "decay": []}
    data = recipe.data.model_copy(
        update={"val": None, "val_input": None, "val_target": None, "workers": 0}
    )
    log = recipe.log.model_copy(update={"every": 1, "samples": 0})
    return recipe.model_copy(
        update={"optim": OptimSection.model_validate(optim), "data": data, "log": log}
    )


def _found(folder: Path) -> Found:
    if raws := candidates(folder, RAWS):
        return Found(folder, len(raws), None, None)
    pictures = candidates(folder, Photos.suffixes)
    sizes = [upright_size(one.path) for one in pictures]
    largest = max(sizes, key=lambda size: size[0] * size[1])
    return Found(folder, len(pictures), min(sizes, key=min), largest)


def _write_sheet(folder: Path, samples: list[Sample]) -> Path:
    rows: list[Tensor] = []
    for sample in samples:
        shown = sample.image if sample.rendering is None else sample.rendering
        rows.append(torch.cat([shown, sample.target], dim=2))
    sheet = torch.cat(rows, dim=1).clamp(0, 1)
    pixels = (sheet.permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).contiguous().numpy()
    make_folder(folder)
    path = folder / "samples.png"
    Picture(pixels=pixels).write(path)
    return path


def _peak() -> int:
    """Bytes that this process, or the GPU for it, held at most."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:  # Windows
        return int(getattr(psutil.Process().memory_info(), "peak_wset", 0))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
