"""Commands killed at random moments, and started again: nothing half-written, nothing left.

RESTORE_KILLS says how often each command is killed (200 for a thousand altogether), and how often
it is asked to end; RESTORE_KILLS_SEED when. Commands run in forks of this process, which has
imported everything: kills meet work, and not imports.
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
SECONDS_TO_END = 2.0
"""After a signal that asks for it."""
SLOWER = float(os.environ.get("RESTORE_KILLS_SLOWER") or 2)
"""How much slower this machine may be, by what else it does."""
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
        ("infer", "photos", "--model", "tiny", "-o", "out", "--skip-existing", "--backend=torch"),
        "out/*.png",
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
    often += ["optim.steps=8", "data.workers=0"]
    (folder / "recipe.toml").write_text(Recipe.load(TINY, often).dump())
    words = "ot-correct fit photos others -o look.safetensors --vae identity --device cpu"
    assert _started(words.split(), folder)() == 0
    _import_all(folder, tmp_path_factory.mktemp("warm") / "place")
    return folder


def _import_all(scene: Path, place: Path) -> None:
    """Run each command here, once: what it imports need not be imported in each fork."""
    _copied(scene, place)
    before = Path.cwd()
    os.chdir(place)
    try:
        for command in COMMANDS.values():
            assert main([*command.words, "--device", "cpu", "--quiet"]) == 0
            shutil.rmtree("out", ignore_errors=True)
    finally:
        os.chdir(before)


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_and_started_again(name: str, scene: Path, tmp_path: Path) -> None:
    command = COMMANDS[name]
    words = [*command.words, "--device", "cpu"]
    seconds, right = _whole(words, scene, tmp_path, command)
    rng = random.Random(f"{name} {SEED}")
    wrong: list[str] = []
    for number in range(KILLS):
        place = _copied(scene, tmp_path / "killed")
        wait = _started(words, place, kill_after=rng.uniform(0.0, 1.1 * seconds))
        wait()
        wrong += [f"{number}: {one}" for one in _torn(place, command, right)]
        if (code := _started(words, place)()) != 0:
            wrong.append(f"{number}: exit {code}: {_said(place)}")
        elif _results(place, command) != right:
            wrong.append(
                f"{number}: other results after the kill: {_unlike(place, command, right)}"
            )
        wrong += [f"{number}: left: {path}" for path in _left(place)]
        shutil.rmtree(place)
    print(f"{name}: {KILLS} kills within {seconds:.1f} s", file=sys.stderr)
    assert wrong == []


@pytest.mark.parametrize("name", COMMANDS)
def test_asked_to_end_and_started_again(name: str, scene: Path, tmp_path: Path) -> None:
    command = COMMANDS[name]
    words = [*command.words, "--device", "cpu"]
    seconds, right = _whole(words, scene, tmp_path, command)
    rng = random.Random(f"{name} asked {SEED}")
    wrong: list[str] = []
    longest, ended = 0.0, 0
    for number in range(KILLS):
        place = _copied(scene, tmp_path / "asked")
        asks, promised = rng.choice(((signal.SIGTERM, 143), (signal.SIGINT, 130)))
        after = rng.uniform(0.02, seconds)
        code = _started(words, place, kill_after=after, number=asks)()
        taken = float((place / "ended").read_text())
        longest, ended = max(longest, taken), ended + (code == promised)
        if code not in (0, promised):
            wrong.append(f"{number}: {asks.name}, exit {code}: {_said(place)}")
        if taken > SECONDS_TO_END * SLOWER:
            wrong.append(f"{number}: {asks.name} after {after:.2f} s, ended {taken:.1f} s later")
        wrong += [f"{number}: {asks.name}: {one}" for one in _torn(place, command, right)]
        wrong += [f"{number}: {asks.name}: left: {path}" for path in _left(place)]
        if (code := _started(words, place)()) != 0:
            wrong.append(f"{number}: {asks.name}, then exit {code}: {_said(place)}")
        elif _results(place, command) != right:
            unlike = _unlike(place, command, right)
            wrong.append(f"{number}: other results after {asks.name}: {unlike}")
        shutil.rmtree(place)
    print(f"{name}: asked {KILLS} times, {ended} ended by it, {longest:.2f} s", file=sys.stderr)
    assert wrong == []


def _whole(
    words: list[str], scene: Path, folder: Path, command: Command
) -> tuple[float, dict[str, bytes]]:
    """How long a command takes that nobody disturbs, and what it makes."""
    begun = time.monotonic()
    code = _started(words, _copied(scene, folder / "whole"))()
    assert code == 0, _said(folder / "whole")
    seconds = time.monotonic() - begun
    right = _results(folder / "whole", command)
    assert right
    return seconds, right


def _torn(place: Path, command: Command, right: dict[str, bytes]) -> list[str]:
    """Results that are there and not right; a training's are judged when it has gone on."""
    return [
        f"{path} is half-written or wrong"
        for path, data in _results(place, command).items()
        if command.words[0] != "train" and data != right[path]
    ]


def _unlike(place: Path, command: Command, right: dict[str, bytes]) -> str:
    found = _results(place, command)
    names = [name for name in {*found, *right} if found.get(name) != right.get(name)]
    return f"{sorted(names)}, of which there are {sorted({*names} & {*found})}: {_said(place)}"


def _said(place: Path) -> str:
    return (place / "said").read_text(errors="replace")[-500:]


def _copied(scene: Path, to: Path) -> Path:
    """A copy for one run; commands replace files and never write into them, so links will do."""
    shutil.copytree(scene, to, copy_function=os.link)
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
    words: list[str],
    place: Path,
    *,
    kill_after: float | None = None,
    number: signal.Signals = signal.SIGKILL,
) -> Callable[[], int]:
    """Fork a command in a folder; what is returned waits for it, and kills it where asked.

    How long it lived after that stands in `ended`.
    """
    begin, end = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setsid()
            os.chdir(place)
            said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(said, stream)
            # What stood there before is kept: its end would close the descriptors.
            _KEPT.extend((sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__))
            sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
            sys.stderr = sys.__stderr__ = os.fdopen(2, "w", closefd=False)
            torch.set_num_threads(1)
            os.write(end, b"!")
            code = main(words)
            for one in (signal.SIGINT, signal.SIGTERM):
                signal.signal(one, signal.SIG_IGN)  # it has ended
            sys.stdout.flush()
        finally:
            os._exit(code)

    os.close(end)

    def wait() -> int:
        os.read(begin, 1)  # it has begun, or will not
        os.close(begin)
        if kill_after is not None:
            time.sleep(kill_after)
            os.killpg(child, number)
        asked = time.monotonic()
        _, status = os.waitpid(child, 0)
        (place / "ended").write_text(str(time.monotonic() - asked))
        return os.waitstatus_to_exitcode(status)

    return wait


def test_a_checkpoint_under_way_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.tmp").write_bytes(b"half")
    recipe = Recipe.load(TINY)
    assert Run(tmp_path, recipe, resume=True).load_checkpoint() is None
