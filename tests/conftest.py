"""A tiny recipe and its photos, for tests of data and of training."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

# One core for each of the processes among which xdist divides the tests; read when torch loads.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# In the background of a shell script SIGINT is ignored, and children inherit that; tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest
from PIL import Image

from restore_cli.recipe import Recipe

TINY = Path(__file__).with_name("tiny.toml")
NOISE_MAP = "network.noise_map=true"

Parse = Callable[..., Recipe]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests leave the user's cache folder alone; commands that they start do so, too."""
    os.environ["RESTORE_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))


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
