"""A tiny recipe and its photos, for tests of data and of training."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from xdist.scheduler import LoadScheduling

TINY = Path(__file__).with_name("tiny.toml")
NOISE_MAP = "network.noise_map=true"

Parse = Callable[..., Recipe]
_DIED: set[str] = set()


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(
    crashitem: str, report: pytest.TestReport, sched: "LoadScheduling"
) -> None:
    """A test in which its whole process died runs once more, in a fresh one; both are told.

    Thousands of tests share a process with the C libraries of all formats; one died once in a test
    that has never failed alone. A test that kills its process does so again, and fails.
    """
    if crashitem not in _DIED:
        _DIED.add(crashitem)
        sched.mark_test_pending(crashitem)
        sys.stderr.write(f"\n{report.longrepr}; it runs once more\n")
        report.outcome = "rerun"  # pyright: ignore[reportAttributeAccessIssue]


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
