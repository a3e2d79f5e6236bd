"""Damaged files of every kind through their readers: refused in words, in little time and memory.

RESTORE_FUZZ says how many files are tried altogether (100,000 every night), RESTORE_FUZZ_FIRST the
number of each kind's first one, so that a run can be done in parts.
"""

import faulthandler
import os
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from kinds import NAMES, Kind, kind
from mutator import mutated

from restore_cli.errors import RestoreError
from restore_cli.images import room

TOTAL = int(os.environ.get("RESTORE_FUZZ") or 12 * len(NAMES))
FIRST = int(os.environ.get("RESTORE_FUZZ_FIRST") or 0)
SECONDS = 20.0
"""Of processor time that one file may take."""
FREE = 400 * 2**20
"""Bytes that readers are told to be free."""
MORE = 250 * 2**20
"""And what may be taken beside that: what the libraries keep for themselves."""


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: float(FREE))


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_refused_in_words(name: str, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    tried = kind(name, tmp_path / "good")
    place = tmp_path / "tried"
    place.mkdir()
    for data in tried.seeds:
        problem = _problem(tried, place / tried.file, tried.wrap(data), good=True)
        assert problem in (None, "refused"), problem
    told: Counter[str | None] = Counter()
    wrong: list[str] = []
    count = max(1, TOTAL // len(NAMES))
    for number in range(FIRST, FIRST + count):
        rng = random.Random(f"{name} {number}")
        data = mutated(rng.choice(tried.seeds), rng, tried.seeds)
        faulthandler.dump_traceback_later(3 * SECONDS, exit=True)
        try:
            (place / "number").write_text(str(number))  # tells which one, after a crash
            problem = _problem(tried, place / tried.file, tried.wrap(data))
        finally:
            faulthandler.cancel_dump_traceback_later()
        told["read" if problem is None else problem.split(" ")[0]] += 1
        if problem not in (None, "refused"):
            (tmp_path / f"{name}-{number}").write_bytes(data)
            wrong.append(f"{name} {number}: {problem}")
    print(f"{name}: {count} files, {dict(told)}", file=sys.stderr)
    assert wrong == []
    # And good files are read as before.
    problem = _problem(tried, place / tried.file, tried.wrap(tried.seeds[0]), good=True)
    assert problem is None, problem


def _problem(tried: Kind, path: Path, data: bytes, *, good: bool = False) -> str | None:
    """None where a file was read; "refused" where that was told well; else what is wrong."""
    path.write_bytes(data)
    begun, before = time.process_time(), _peak(reset=True)
    try:
        tried.read(path)
        problem = None
    except RestoreError as error:
        named = path.name in error.message or path.parent.name in error.message
        well = named and not re.search(r"unexpected \w+(Error|Exception)", error.message)
        problem = "refused" if well else f"badly told: {error.message[:300]}"
        if good and well:
            problem = "refused" if "frames" in error.message else f"good, but {error.message}"
    except Exception as error:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
        problem = f"unexpected {type(error).__name__}: {str(error)[:200]} ({line})"
    if (seconds := time.process_time() - begun) > SECONDS:
        problem = f"slow: {seconds:.0f} s"
    if (taken := _peak() - before) > FREE + MORE:
        problem = f"large: {taken / 2**20:.0f} MB"
    return problem


def _peak(*, reset: bool = False) -> int:
    """Bytes that this process had at most since the last reset; what it has now after one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if reset:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    word = "VmHWM:" if not reset else "VmRSS:"
    (line,) = [one for one in status.read_text().splitlines() if one.startswith(word)]
    return int(line.split()[1]) * 1024
