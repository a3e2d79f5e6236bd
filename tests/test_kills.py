"""Commands killed at random moments, and started again: nothing half-written, nothing left.

RESTORE_KILLS says how often each command is killed. Commands run in forks of this process, which
has imported everything: kills meet work, and not imports.
"""

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dng_files
import numpy as np
import pytest
import torch
from PIL import Image

import restore_cli.training.loop as _loop  # imported before any fork
from restore_cli.__main__ import main
from restore_cli.models import zoo
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe
from restore_cli.training.runs import Run

KILLS = int(os.environ.get("RESTORE_KILLS") or 8)
SEED = int(os.environ.get("RESTORE_KILLS_SEED") or 0)
TINY = Path(__file__).with_name("tiny.toml")
HIDDEN_TO_STAY = {".restore-manifest.jsonl"}
_KEPT: list[object] = [_loop]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork"),
    pytest.mark.filterwarnings("ignore"),
]


@dataclass(frozen=True)
class Command:
    """A command line and the files that it makes.

    Attributes:
        words: what is typed.
        made: pattern of its results.
    """

    words: tuple[str, ...]
    made: str


COMMANDS = {
    "infer": Command(
        ("infer", "photos", "--model", "tiny", "-o", "out", "--skip-existing"), "out/*.png"
    ),
    "isp": Command(
        ("isp", "raws", "-o", "out", "--skip-existing", "--denoise", "off", "--format", "tiff"),
        "out/*.tiff",
    ),
    "apply": Command(
        ("ot-correct", "apply", "look.safetensors", "photos", "-o", "out", "--skip-existing"),
        "out/*.png",
    ),
    "eval": Command(
        ("eval", "photos", "others", "--metrics", "psnr,ssim", "--csv", "out.csv",
         "--save-baseline", "out.json", "--report", "out.html"),
        "out.[cj]s*",
    ),
    "train": Command(("train", "recipe.toml", "-o", "run", "--export", "model"), "model/*"),
}  # fmt: skip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the commands read."""
    folder = tmp_path_factory.mktemp("scene")
    rng = np.random.default_rng(5)
    for name in ("photos", "others", "raws"):
        (folder / name).mkdir()
    for number in range(6):
        pixels = rng.integers(0, 256, (64 + number, 80, 3), np.uint8)
        for name in ("photos", "others"):
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
            pixels = pixels // 2
        mosaic = rng.integers(200, 16000, (64, 96), np.uint16)
        dng_files.write(folder / "raws" / f"{number}.dng", mosaic)
    network = UNet(widths=(4, 8), depths=(1, 1), noise_map=True)
    zoo.export(folder / "tiny", network, Recipe.load(TINY, ["network.noise_map=true"]), "# x\n")
    often = ["network.noise_map=true", "log.checkpoint_minutes=0.0001", "log.every=2"]
    (folder / "recipe.toml").write_text(Recipe.load(TINY, often).dump())
    words = "ot-correct fit photos others -o look.safetensors --vae identity --device cpu"
    assert _started(words.split(), folder)() == 0
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_and_started_again(name: str, scene: Path, tmp_path: Path) -> None:
    command = COMMANDS[name]
    words = [*command.words, "--device", "cpu"]
    begun = time.monotonic()
    code = _started(words, _copied(scene, tmp_path / "whole"))()
    assert code == 0, (tmp_path / "whole" / "said").read_text()
    seconds = time.monotonic() - begun
    right = _results(tmp_path / "whole", command)
    assert right
    rng = random.Random(f"{name} {SEED}")
    wrong: list[str] = []
    for number in range(KILLS):
        place = _copied(scene, tmp_path / "killed")
        wait = _started(words, place, kill_after=rng.uniform(0.0, 1.1 * seconds))
        wait()
        wrong += [
            f"{number}: {path} is half-written or wrong"
            for path, data in _results(place, command).items()
            if name != "train" and data != right[path]
        ]
        if (code := _started(words, place)()) != 0:
            wrong.append(f"{number}: exit {code}: {(place / 'said').read_text()[-500:]}")
        elif _results(place, command) != right:
            wrong.append(f"{number}: other results after the kill")
        wrong += [f"{number}: left: {path}" for path in _left(place)]
        shutil.rmtree(place)
    print(f"{name}: {KILLS} kills within {seconds:.1f} s", file=sys.stderr)
    assert wrong == []


def _copied(scene: Path, to: Path) -> Path:
    shutil.copytree(scene, to)
    return to


def _results(place: Path, command: Command) -> dict[str, bytes]:
    """The files made, but for what tells the time of day."""
    found = {str(p.relative_to(place)): p.read_bytes() for p in place.glob(command.made)}
    if command.words[0] == "train":
        log = place / "run" / "metrics.csv"
        if log.exists() and "model/model.safetensors" in found:
            rows = [line.split(",") for line in log.read_text().splitlines()]
            found["losses"] = repr([row[:4] for row in rows]).encode()
        found.pop("model/README.md", None)  # how long it took
    return found


def _left(place: Path) -> list[str]:
    """Files that only a run under way has."""
    names = [str(path.relative_to(place)) for path in place.rglob("*")]
    return [
        name
        for name in names
        if Path(name).name not in HIDDEN_TO_STAY
        and (Path(name).name.startswith(".") or name.endswith((".tmp", ".lock", ".claim")))
    ]


def _started(
    words: list[str], place: Path, *, kill_after: float | None = None
) -> Callable[[], int]:
    """Fork a command in a folder; what is returned waits for it, and kills it where asked."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setsid()
            os.chdir(place)
            said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for number in (1, 2):
                os.dup2(said, number)
            # What stood there before is kept: its end would close the descriptors.
            _KEPT.extend((sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__))
            sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
            sys.stderr = sys.__stderr__ = os.fdopen(2, "w", closefd=False)
            torch.set_num_threads(1)
            code = main(words)
            sys.stdout.flush()
        finally:
            os._exit(code)

    def wait() -> int:
        if kill_after is not None:
            time.sleep(kill_after)
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)

    return wait


def test_a_checkpoint_under_way_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.tmp").write_bytes(b"half")
    recipe = Recipe.load(TINY)
    assert Run(tmp_path, recipe, resume=True).load_checkpoint() is None
