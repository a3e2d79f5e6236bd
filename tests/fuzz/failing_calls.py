"""Commands in forks of this process, in which the n-th write, fsync, rename or open fails.

`failing_calls.py LIBRARY FOLDER COUNT SEED` goes on until COUNT calls have failed, and prints JSON.
The library must have been loaded first (LD_PRELOAD).
"""

import ctypes
import json
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import restore_cli.batch.pipeline
import restore_cli.ot_correct.corrector
import restore_cli.training.loop
from restore_cli.__main__ import main
from restore_cli.models import zoo
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe

KINDS = ("write", "fsync", "rename", "open")
TINY = Path(__file__).parents[1] / "tiny.toml"
LOADED = (restore_cli.batch.pipeline, restore_cli.ot_correct.corrector, restore_cli.training.loop)
TAIL = ("--device", "cpu", "--json")

Files = dict[str, bytes]


@dataclass(frozen=True)
class Command:
    """A command that writes below `out`.

    Attributes:
        words: what is typed.
        results: its files by name, of which each is whole or not there.
        told: names of results that it says to be done; None where the exit code says it of all.
    """

    words: str
    results: Callable[[], Files]
    told: Callable[[list[dict[str, object]]], set[str]] | None = None


def _found(pattern: str) -> Callable[[], Files]:
    return lambda: {str(path): path.read_bytes() for path in Path().glob(pattern)}


def _pictures(lines: list[dict[str, object]]) -> set[str]:
    return {str(one["output"]) for one in lines if one.get("status") == "done"}


def _model() -> Files:
    """Of a training: the model, but for what tells how long it took."""
    found = _found("out/model/*")()
    found.pop("out/model/README.md", None)
    return found


COMMANDS = {
    "apply": Command(
        "ot-correct apply look.safetensors photos -o out --skip-existing",
        _found("out/*.png"),
        _pictures,
    ),
    "infer": Command(
        "infer photos --model tiny -o out --skip-existing --format tiff",
        _found("out/*.tiff"),
        _pictures,
    ),
    "eval": Command(
        "eval photos photos --csv out/a.csv --save-baseline out/a.json --report out/a.html",
        _found("out/a.*"),
    ),
    "fit": Command(
        "ot-correct fit photos photos -o out/look.safetensors --vae identity",
        _found("out/*.safetensors"),
    ),
    "train": Command("train recipe.toml -o out/run --export out/model", _model),
}


def _prepare() -> None:
    Path("photos").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(f"photos/{number}.png")
    changes = ["network.noise_map=true", "optim.steps=3", "optim.warmup=1", "log.every=1"]
    recipe = Recipe.load(TINY, [*changes, "data.workers=0"])
    Path("recipe.toml").write_text(recipe.dump())
    zoo.export(Path("tiny"), UNet(widths=(4, 8), depths=(1, 1), noise_map=True), recipe, "# x\n")
    words = "ot-correct fit photos photos -o look.safetensors --vae identity"
    assert _run(words) == 0, Path("said").read_text()


def _run(words: str, arm: Callable[[], None] = lambda: None, hit: Callable[[], int] = int) -> int:
    """Run a command in a fork; what it says is in `said`, whether a call failed in `hit`."""
    child = os.fork()
    if child == 0:
        said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        code = 99
        try:
            arm()
            code = main([*words.split(), *TAIL])
            Path("hit").write_text(str(hit()))
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _fresh() -> None:
    shutil.rmtree("out", ignore_errors=True)
    Path("out").mkdir()


def _wrong(command: Command, right: Files, code: int) -> list[str]:
    """What a run left that is not as it should be, and what it said that is not true."""
    wrong: list[str] = []
    found = command.results()
    said = Path("said").read_text(errors="replace")
    for name, data in found.items():
        if right.get(name) != data:
            wrong.append(f"{name} is half-written or wrong")
    whole = found == right
    if command.told is not None:
        lines = [json.loads(one) for one in said.splitlines() if one[:1] == "{"]
        if command.told(lines) != set(found):
            wrong.append(f"told {sorted(command.told(lines))}, there are {sorted(found)}")
        if code != (0 if whole else 1):
            wrong.append("the exit code is untrue")
    elif (code == 0) != whole or code not in (0, 1, 2):
        wrong.append("the exit code is untrue")
    if "Traceback" in said or "unexpected" in said:
        wrong.append(f"badly told: {said[-300:]}")
    return wrong


def _left() -> list[str]:
    return [
        path.name
        for path in Path("out").rglob("*")
        if path.name.endswith((".tmp", ".claim", ".lock"))
    ]


def _go(library: ctypes.CDLL, place: Path, count: int, seed: int) -> dict[str, object]:
    hits: Counter[str] = Counter()
    runs = 0
    wrong: list[str] = []
    right: dict[str, Files] = {}
    for name, command in COMMANDS.items():
        _fresh()
        assert _run(command.words) == 0, Path("said").read_text()
        right[name] = command.results()
        assert right[name], name
    rng = random.Random(seed)
    while sum(hits.values()) < count and runs < 20 * count:
        name = rng.choice(list(COMMANDS))
        kind, nth = rng.randrange(len(KINDS)), rng.choice((1, 1, 2, 3, 4, 6, 9, 14))
        command = COMMANDS[name]
        _fresh()
        Path("hit").write_text("0")

        def arm(kind: int = kind, nth: int = nth) -> None:
            library.arm(kind, nth, str(place / "out").encode())

        code = _run(command.words, arm, library.was_hit)
        runs += 1
        if Path("hit").read_text() != "1":
            continue
        hits[f"{name} {KINDS[kind]}"] += 1
        case = f"{name}, {KINDS[kind]} number {nth}, exit {code}"
        wrong += [f"{case}: {one}" for one in _wrong(command, right[name], code)]
        if (again := _run(command.words)) != 0 or command.results() != right[name]:
            said = Path("said").read_text()[-300:]
            wrong.append(f"{case}: the next run does not mend it, exit {again}: {said}")
        if left := _left():
            wrong.append(f"{case}: left {left}")
        # What a run that is cut off has found.
        Path("found").write_text(json.dumps({"hits": sum(hits.values()), "wrong": wrong}))
    return {"hits": sum(hits.values()), "by": dict(sorted(hits.items())), "wrong": wrong}


if __name__ == "__main__":
    torch.set_num_threads(1)
    where = Path(sys.argv[2]).resolve()
    os.chdir(where)
    _prepare()
    made = _go(ctypes.CDLL(sys.argv[1]), where, int(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(made))
