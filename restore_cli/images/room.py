"""Whether memory has room for what a file claims, asked before it is read.

A few bytes can claim a gigapixel. What reading will take is reckoned from the claim and compared
with what this process may still have: of the machine, of its container, and of its own limits.
"""

import math
import os
import sys
from contextlib import suppress
from pathlib import Path

from restore_cli.errors import ExitCode, RestoreError

if sys.platform != "win32":
    import resource

MAX_PIXELS = 2**30
"""Larger pictures are refused. Pillow's own limit, 89 megapixels, refuses today's photographs."""

MAX_METADATA = 32 * 2**20
"""Bytes of metadata (profile, EXIF, XMP, texts) that one file may unpack to, together."""

_COPIES = 4
"""How often a picture's samples are in memory while they are decoded: the decoder's, and ours."""

_ALWAYS = 32 * 2**20
"""Bytes; so little is not asked for."""

_SHARE = 0.9
"""Of what is free; the rest is for what cannot be reckoned."""

_MEMORY = Path("/proc/meminfo")
_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def admit(path: Path, need: float, *, doing: str = "reading it") -> None:
    """Refuse a file that takes more memory than there is.

    Args:
        path: named in the error.
        need: bytes.
        doing: what takes them, in words.

    Raises:
        RestoreError: with both numbers.
    """
    if need <= _ALWAYS:
        return
    free = free_memory()
    if need > _SHARE * free:
        raise RestoreError(
            f"{path}: {doing} takes about {_in_words(need)} of memory, and {_in_words(free)} "
            "are free",
            hint="close other programs, cut it into pieces, or use a machine with more memory",
            exit_code=ExitCode.SOME_FAILED,
        )


def check_size(width: int, height: int, path: Path, *, sample_bytes: float = 3) -> None:
    """Refuse, before a pixel is decoded, a size that makes no sense or does not fit into memory.

    Args:
        width: what the file claims, pixels.
        height: likewise.
        path: named in errors.
        sample_bytes: bytes of one pixel's samples.

    Raises:
        RestoreError: with the numbers.
    """
    if width <= 0 or height <= 0:
        raise RestoreError(
            f"{path}: the picture is {width} x {height} pixels: there is nothing in it"
        )
    if width * height > MAX_PIXELS:
        raise RestoreError(
            f"{path}: the picture is {width} x {height} pixels; the limit is one gigapixel",
            hint="cut it into pieces",
        )
    need = _COPIES * max(3.0, sample_bytes) * width * height
    admit(path, need, doing=f"decoding its {width} x {height} pixels")


def free_memory() -> float:
    """Bytes that this process may still take: of the machine, its container, its own limits."""
    return max(0.0, min(_machines_room(), _containers_room(), _limits_room()))


def _machines_room() -> float:
    """Bytes that the machine has for programs: as Linux tells, else as psutil finds out."""
    with suppress(OSError, ValueError):
        for line in _MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    import psutil  # takes time

    return psutil.virtual_memory().available


def _containers_room() -> float:
    """Bytes left under the limits of all control groups around this process (versions 1, 2)."""
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:
        lines = []
    room = min(group_room(_GROUPS), group_room(_GROUPS / "memory"))
    for line in lines:
        _, kinds, name = [*line.split(":", 2), "", ""][:3]
        if kinds and "memory" not in kinds.split(","):
            continue
        top = _GROUPS / "memory" if kinds else _GROUPS
        group = top / name.lstrip("/")
        while group != top and top in group.parents:
            room = min(room, group_room(group))
            group = group.parent
    return room


def group_room(group: Path) -> float:
    """Bytes left under one control group's limit; infinite where there is none.

    Args:
        group: its folder, of version 1 or 2.
    """
    for limit, usage, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            told = (group / limit).read_text().strip()
            used = int((group / usage).read_text())
            # File cache counts as used, but the kernel drops it when asked.
            stat = (group / "memory.stat").read_text().split()
            if told != "max":
                return int(told) - used + (int(stat[stat.index(cache) + 1]) if cache in stat else 0)
        except (OSError, ValueError):
            continue
    return math.inf


def _limits_room() -> float:
    """Bytes left under `ulimit -v` and `ulimit -d`; infinite without them."""
    if sys.platform == "win32":
        return math.inf
    room = math.inf
    own = None
    for which, field in ((resource.RLIMIT_AS, "vms"), (resource.RLIMIT_DATA, "data")):
        limit = resource.getrlimit(which)[0]
        if limit != resource.RLIM_INFINITY:
            import psutil

            own = own or psutil.Process(os.getpid()).memory_info()
            room = min(room, limit - getattr(own, field, 0))
    return room


def _in_words(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
