"""A tiny recipe and its photos, and the training loop on them."""

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restore_cli.recipe import Recipe
from restore_cli.training import loop
from restore_cli.training.loop import Trained
from restore_cli.training.meter import Progress
from restore_cli.training.runs import Run

TINY = Path(__file__).parents[1] / "tiny.toml"
NOISE_MAP = "network.noise_map=true"

Parse = Callable[..., Recipe]
Train = Callable[..., Trained]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds three photos in `photos`."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    (root / "photos").mkdir()
    for index in range(3):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
        coarse.resize((40, 36), Image.Resampling.BICUBIC).save(root / f"photos/{index}.png")
    return root


@pytest.fixture
def parse(pictures: Path) -> Parse:
    """Gives the tiny recipe with some `section.key=value` changed."""

    def tiny(*changes: str) -> Recipe:
        own = [] if any(c.startswith("network.name=") for c in changes) else [NOISE_MAP]
        return Recipe.load(TINY, [*own, f"data.root={pictures}", *changes])

    return tiny


@pytest.fixture
def train(parse: Parse) -> Train:
    """Trains the tiny recipe in a folder on the CPU; it is interrupted after the step `stop`."""

    def tiny(folder: Path, *changes: str, stop: int | None = None) -> Trained:
        recipe = parse(*changes, *(["log.every=1"] if stop else []))

        def report(progress: Progress) -> None:
            if progress.step == stop:
                signal.raise_signal(signal.SIGINT)

        return loop.train(recipe, Run(folder, recipe, resume=True), device="cpu", report=report)

    return tiny
