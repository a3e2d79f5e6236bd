"""Train every model of the zoo for some minutes, each from where it was.

    python scripts/zoo.py 60 --photos DIR          (or: just zoo 60 --photos DIR)

PHOTOS is one folder of clean photos. On a CPU the models train one after the other and share the
minutes; where these are less than one for each model, those tried longest ago are trained and
the others left for the next time. On a GPU they train side by side, each for all of the minutes. A
model is left out if neither its recipe nor the photos have changed since its run began, unless
--all is given or the model is named. For each one small file RUNS/NAME.state (fp16, at most 16 MiB)
says where the run is: copied to RUNS/NAME/trunk.pt on another machine it goes on there. Exit code 1
if a model failed.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import tomli_w
import torch

from restore_cli.recipe import Recipe
from restore_cli.recipe.old_degradations import renamed
from restore_cli.training.portable import portable

ROOT = Path(__file__).parents[1]
MOST_BYTES = 16 * 2**20
RESERVE = 20.0  # seconds for the states, after the last model
LEAST = 120.0  # seconds for a model: reading photos, starting and measuring take a part of them


def fingerprint(recipe: Path, photos: Path) -> str:
    """Of what a model is trained from: the recipe's meaning, and the photos' names and sizes."""
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    listing = "\n".join(f"{path.relative_to(photos)} {path.stat().st_size}" for path in files)
    return hashlib.sha256((Recipe.load(recipe).dump() + listing).encode()).hexdigest()


def due(folders: list[Path], photos: Path, runs: Path, *, everything: bool) -> list[Path]:
    """The models that have to be trained."""
    found: list[Path] = []
    for folder in folders:
        mark = runs / f"{folder.name}.fingerprint"
        now = fingerprint(folder / "recipe.toml", photos)
        if everything or not mark.exists() or mark.read_text(encoding="utf-8") != now:
            found.append(folder)
    return found


def todays(folder: Path, runs: Path) -> Path:
    """A copy of a model's recipe under the names of today, in the folder of runs."""
    table = renamed(tomllib.loads(Recipe.load(folder / "recipe.toml").dump()))
    path = runs / f"{folder.name}.toml"
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    return path


def command(folder: Path, options: argparse.Namespace, seconds: float) -> list[str]:
    """`restore train` for one model, which counts as tried from now on."""
    (options.runs / f"{folder.name}.tried").touch()
    recipe = todays(folder, options.runs)
    settings = [f"data.root={options.photos}", "data.train=.", "data.val=", *options.set]
    return [
        *(sys.executable, "-m", "restore_cli", "train", str(recipe)),
        *(f"--set={setting}" for setting in settings),
        *("--for", f"{seconds:.0f}s", "--device", options.device),
        *(
            "-o",
            str(options.runs / folder.name),
            "--export",
            str(options.runs / "models" / folder.name),
        ),
    ]


def keep(folder: Path, options: argparse.Namespace) -> str:
    """Write the small state of a model's run; returns what to say of it."""
    trunk = options.runs / folder.name / "trunk.pt"
    state = portable(torch.load(trunk, map_location="cpu", weights_only=True))
    path = options.runs / f"{folder.name}.state"
    torch.save(state, path)
    mark = fingerprint(folder / "recipe.toml", options.photos)
    (options.runs / f"{folder.name}.fingerprint").write_text(mark, encoding="utf-8")
    size = path.stat().st_size
    large = "" if size <= MOST_BYTES else ": MORE THAN 16 MiB"
    return f"{folder.name}: {state['step']} steps, {size / 2**20:.1f} MiB{large}"


def shared_out(folders: list[Path], runs: Path, seconds: float) -> tuple[list[Path], list[Path]]:
    """The models that the time is enough for, those tried longest ago first, and the others.

    Those tried, not those trained: one that fails every time must not keep the others waiting.
    """

    def tried(folder: Path) -> float:
        mark = runs / f"{folder.name}.tried"
        return mark.stat().st_mtime if mark.exists() else 0.0

    number = max(1, int(seconds // LEAST))
    oldest = sorted(folders, key=tried)[:number]
    return oldest, [folder for folder in folders if folder not in oldest]


def in_turn(
    folders: list[Path], left: list[Path], options: argparse.Namespace, end: float
) -> list[int]:
    """One model after the other; what one leaves of its time goes to the rest.

    Where some end early (the time was too short for them), there may be enough for more: those are
    moved from `left` to `folders`.
    """
    codes: list[int] = []
    while len(codes) < len(folders):
        share = (end - time.monotonic()) / (len(folders) - len(codes))
        done = subprocess.run(command(folders[len(codes)], options, share), check=False)
        codes.append(done.returncode)
        if left and len(codes) == len(folders) and end - time.monotonic() >= LEAST:
            folders.append(left.pop(0))
    return codes


def side_by_side(folders: list[Path], options: argparse.Namespace, end: float) -> list[int]:
    """All models at once, each for all of the time, in processes that share the cores."""
    threads = max(1, (os.cpu_count() or 1) // len(folders))
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    started = [
        subprocess.Popen(command(folder, options, end - time.monotonic()), env=environment)
        for folder in folders
    ]
    return [process.wait() for process in started]


def main() -> int:
    """Train, and say where each model is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("models", nargs="*", help="names; without any, all that have changed")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "zoo")
    parser.add_argument("--recipes", type=Path, default=ROOT / "models")
    parser.add_argument("--all", action="store_true", help="also those that have not changed")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    options = parser.parse_args()
    if not options.photos.is_dir():
        parser.error(f"there is no folder {options.photos}")
    end = time.monotonic() + 60 * options.minutes - RESERVE
    options.runs.mkdir(parents=True, exist_ok=True)
    folders = sorted(path.parent for path in options.recipes.glob("**/recipe.toml"))
    unknown = set(options.models) - {folder.name for folder in folders}
    if unknown:
        parser.error(f"no recipe of {', '.join(sorted(unknown))} in {options.recipes}")
    folders = [folder for folder in folders if not options.models or folder.name in options.models]
    everything = options.all or bool(options.models)
    folders = due(folders, options.photos, options.runs, everything=everything)
    left: list[Path] = []
    if not options.device.startswith("cuda"):
        folders, left = shared_out(folders, options.runs, end - time.monotonic())
        codes = in_turn(folders, left, options, end)
    else:
        codes = side_by_side(folders, options, end) if folders else []
    failed = 0
    for folder, code in zip(folders, codes, strict=True):
        failed += code != 0
        print(keep(folder, options) if code == 0 else f"{folder.name}: failed with {code}")
    if left:
        print(f"no time for {', '.join(folder.name for folder in left)}: left for the next run")
    print(f"{len(folders) - failed} trained, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
