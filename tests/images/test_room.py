import math
import os
import resource
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from restore_cli.errors import RestoreError
from restore_cli.images import room


def test_what_does_not_fit_is_refused_with_both_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: 1e9)
    room.admit(tmp_path, 0.8e9)
    with pytest.raises(RestoreError, match=r"about 2\.5 GB of memory, and 1\.0 GB are free"):
        room.admit(tmp_path / "a.png", 2.5e9)
    with pytest.raises(RestoreError, match=r"20000 x 20000 pixels takes about 4\.8 GB"):
        room.check_size(20_000, 20_000, tmp_path / "a.png")
    monkeypatch.setattr(room, "free_memory", lambda: 0.0)
    room.check_size(640, 480, tmp_path)


def test_sizes_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="nothing in it"):
        room.check_size(0, 10, tmp_path)
    with pytest.raises(RestoreError, match="one gigapixel"):
        room.check_size(2**16, 2**15, tmp_path)


@pytest.mark.parametrize(
    ("limit", "usage", "cache", "none"),
    [
        ("memory.max", "memory.current", "inactive_file", "max"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", str(2**63)),
    ],
    ids=["version 2", "version 1"],
)
def test_a_containers_limit_counts(
    tmp_path: Path, limit: str, usage: str, cache: str, none: str
) -> None:
    assert room.group_room(tmp_path) == math.inf
    (tmp_path / limit).write_text("1000\n")
    (tmp_path / usage).write_text("700\n")
    (tmp_path / "memory.stat").write_text(f"anon 500\n{cache} 150\n")
    assert room.group_room(tmp_path) == 450
    (tmp_path / limit).write_text(none)
    assert room.group_room(tmp_path) > 2**60


def test_the_limits_of_all_groups_around_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(room, "_OWN_GROUPS", tmp_path / "own")
    (tmp_path / "own").write_text("3:cpu,memory:/a/b\n2:cpu:/x\n0::/c\n")
    for name, left in (("memory/a", 300), ("memory/a/b", 500), ("c", 400)):
        group = tmp_path / "cgroup" / name
        group.mkdir(parents=True, exist_ok=True)
        (group / "memory.max").write_text(str(left))
        (group / "memory.current").write_text("0")
        (group / "memory.stat").write_text("")
    assert room.free_memory() == 300


def test_a_limit_of_address_space_counts() -> None:
    code = (
        "import resource; from restore_cli.images import room; before = room.free_memory();"
        "resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30));"
        "assert 0 < room.free_memory() < 6 << 30; print('ok')"
    )
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ
    )
    assert told.stdout == "ok\n", told.stderr


def test_linux_is_asked_what_it_has_and_others_by_psutil(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "meminfo"
    told.write_text("MemTotal:  9 kB\nMemAvailable:     3 kB\n")
    monkeypatch.setattr(room, "_MEMORY", told)
    assert room.free_memory() == 3 * 1024
    here = psutil.virtual_memory().available
    for other in ("MemTotal: 9 kB\n", "MemAvailable: much\n"):
        told.write_text(other)
        assert 0 < room.free_memory() < 2 * here
    told.unlink()
    assert 0 < room.free_memory() < 2 * here
