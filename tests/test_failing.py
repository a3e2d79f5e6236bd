"""Writes, syncs, renames and opens that fail: no file is lost or half-written, exit codes are true.

A library that is loaded first makes the n-th call of a kind fail, in forks of a process that has
imported everything. RESTORE_FAILURES says how many are injected.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FAILURES = int(os.environ.get("RESTORE_FAILURES") or 24)
SOURCE = Path(__file__).parent / "fuzz" / "failing.c"

PROGRAM = """
import ctypes, json, os, random, shutil, sys
from pathlib import Path
import numpy as np
import torch
from PIL import Image
import restore_cli.batch.pipeline, restore_cli.ot_correct.corrector
from restore_cli.__main__ import main

library, place, count = ctypes.CDLL(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(1)
(place / "photos").mkdir()
for number in range(3):
    pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
    Image.fromarray(pixels).save(place / f"photos/{number}.png")
os.chdir(place)
TAIL = "--device cpu --json"

def forked(words, arm=None):
    child = os.fork()
    if child == 0:
        said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        if arm:
            library.arm(*arm, str(place / "out").encode())
        code = main(words.split())
        if arm:
            Path("hit").write_text(str(library.was_hit()))
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

assert forked("ot-correct fit photos photos -o look.safetensors --vae identity " + TAIL) == 0
apply = "ot-correct apply look.safetensors photos -o out --skip-existing " + TAIL
assert forked(apply) == 0, Path("said").read_text()
right = {path.name: path.read_bytes() for path in Path("out").glob("*.png")}
rng, hits, wrong = random.Random(7), 0, []
for number in range(count):
    shutil.rmtree("out")
    kind, nth = number % 4, rng.randint(1, 6)
    code = forked(apply, (kind, nth))
    hit = Path("hit").read_text() == "1"
    hits += hit
    lines = [json.loads(one) for one in Path("said").read_text().splitlines() if one[:1] == "{"]
    done = {Path(one["output"]).name for one in lines if one.get("status") == "done"}
    found = {path.name: path.read_bytes() for path in Path("out").glob("*.png")}
    case = f"{number}: call {nth} of kind {kind}, exit {code}"
    if set(found) != done or any(right[name] != data for name, data in found.items()):
        wrong.append(f"{case}: told {sorted(done)}, there are {sorted(found)}")
    if code != (0 if len(done) == 3 else 1):
        wrong.append(f"{case}, {len(done)} done: " + Path("said").read_text()[-300:])
    if forked(apply) != 0 or right != {p.name: p.read_bytes() for p in Path("out").glob("*.png")}:
        wrong.append(f"{case}: the next run does not mend it")
    left = [p.name for p in Path("out").iterdir() if p.name.startswith(".restore-") and
            p.name != ".restore-manifest.jsonl"]
    if left:
        wrong.append(f"{case}: left {left}")
print(json.dumps({"hits": hits, "wrong": wrong}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a library that is loaded first")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_failing_calls_lose_nothing(tmp_path: Path) -> None:
    library = tmp_path / "failing.so"
    build = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(build, check=True, capture_output=True)
    place = tmp_path / "place"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(library), str(place), str(FAILURES)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{FAILURES} runs, {found['hits']} calls failed", file=sys.stderr)
    assert found["wrong"] == []
    assert found["hits"] > FAILURES / 4
