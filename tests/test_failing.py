"""Writes, syncs, renames and opens that fail: no file is lost or half-written, exit codes are true.

A library that is loaded first makes the n-th call of a kind fail; see `fuzz/failing_calls.py`.
RESTORE_FAILURES says how many fail, RESTORE_FAILURES_SEED which.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FAILURES = int(os.environ.get("RESTORE_FAILURES") or 40)
SEED = os.environ.get("RESTORE_FAILURES_SEED") or "7"
FUZZ = Path(__file__).parent / "fuzz"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a library that is loaded first")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_failing_calls_lose_nothing(tmp_path: Path) -> None:
    library = tmp_path / "failing.so"
    source = str(FUZZ / "failing.c")
    build = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), source, "-ldl"]
    subprocess.run(build, check=True, capture_output=True)
    place = tmp_path / "place"
    place.mkdir()
    program = [sys.executable, str(FUZZ / "failing_calls.py")]
    done = subprocess.run(
        [*program, str(library), str(place), str(FAILURES), SEED],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{found['hits']} calls failed: {found['by']}", file=sys.stderr)
    assert found["wrong"] == []
    assert found["hits"] == FAILURES
