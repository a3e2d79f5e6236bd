"""What a process that decodes foreign files gives up before it does: files, network, time, memory.

Linux only: resource limits, Landlock (no file but those of the program can be opened, from Linux
5.13 on) and seccomp (no socket, no program started, no other process touched). What the kernel
lacks is left out and not told of; all of it holds for good.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

if sys.platform != "win32":
    import resource

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # Landlock's calls, the same on every architecture
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = (0, 13, 14, 15, 15, 16)  # how many rights of files each version knows
_NET_VERSION, _NET_RIGHTS = 4, 0b11
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_REFUSE, _ALLOW = 0x00050000 | 1, 0x7FFF0000  # with EPERM
_LOAD, _EQUALS, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000

# socket, connect, bind, listen, accept, accept4, socketpair, execve, execveat, ptrace, kill, mount,
# umount2, bpf, userfaultfd, perf_event_open, add_key, request_key, keyctl, process_vm_readv,
# process_vm_writev, io_uring_setup, io_uring_enter, open_by_handle_at, pidfd_open, pidfd_getfd,
# unshare, setns, init_module, finit_module, delete_module
_CALLS = {
    "x86_64": (
        0xC000003E,
        (41, 42, 49, 50, 43, 288, 53, 59, 322, 101, 62, 165, 166, 321, 323, 298, 248, 249, 250,
         310, 311, 425, 426, 304, 434, 438, 272, 308, 175, 313, 176),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 203, 200, 201, 202, 242, 199, 221, 281, 117, 129, 40, 39, 280, 282, 241, 217,
         218, 219, 270, 271, 425, 426, 265, 434, 438, 97, 268, 105, 273, 106),
    ),
}  # fmt: skip


def confine(readable: Iterable[Path]) -> list[str]:
    """Give up what decoding does not need, for this process and for good.

    Args:
        readable: files and folders that may still be opened for reading, with all below them.

    Returns:
        What holds now, of "limits", "landlock" and "seccomp".
    """
    held: list[str] = []
    if sys.platform == "win32":
        return held
    for which, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(which, (most, most))
    held.append("limits")
    if sys.platform != "linux":
        return held
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, *(ctypes.c_ulong(one) for one in (1, 0, 0, 0)))
    if _landlock(libc, [path for path in readable if path.exists()]):
        held.append("landlock")
    if _seccomp(libc):
        held.append("seccomp")
    return held


def limit_time(seconds: int) -> None:
    """Let this process compute so long from now on; then the kernel ends it."""
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        end = int(used.ru_utime + used.ru_stime) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (end, resource.RLIM_INFINITY))


def limit_memory(room: float) -> None:
    """Let this process take so many bytes more; 0 takes an earlier limit back."""
    if sys.platform != "linux":
        return
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    if room:
        now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        wanted = now + int(room)
        most = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _landlock(libc: ctypes.CDLL, readable: Sequence[Path]) -> bool:
    version = int(libc.syscall(_CREATE, None, 0, 1))
    if version < 1:
        return False
    files = (1 << _FILE_RIGHTS[min(version, len(_FILE_RIGHTS) - 1)]) - 1
    rights = struct.pack("QQ", files, _NET_RIGHTS if version >= _NET_VERSION else 0)
    size = 16 if version >= _NET_VERSION else 8
    rules = int(libc.syscall(_CREATE, rights, ctypes.c_size_t(size), 0))
    if rules < 0:
        return False
    try:
        for path in readable:
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
            libc.syscall(_ADD, rules, 1, struct.pack("=Qi", allowed, handle), 0)
            os.close(handle)
        return libc.syscall(_RESTRICT, rules, 0) == 0
    finally:
        os.close(rules)


def _seccomp(libc: ctypes.CDLL) -> bool:
    if platform.machine() not in _CALLS:
        return False
    architecture, refused = _CALLS[platform.machine()]
    steps = [(_LOAD, 0, 0, 4), (_EQUALS, 1, 0, architecture), (_RETURN, 0, 0, _REFUSE)]
    steps += [(_LOAD, 0, 0, 0), (_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE)]
    for number in refused:
        steps += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    none = ctypes.c_ulong(0)
    return libc.prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), program, none, none) == 0
