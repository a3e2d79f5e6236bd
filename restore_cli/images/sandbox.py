"""Pictures decoded in a process of their own, which has given up what it does not need.

Decoders are C code that meets whatever somebody sends. In the sandbox a decoder that crashes,
hangs or takes all memory costs one picture; one that is taken over finds no file, no network and no
other process (see `confinement`). The file is opened here and handed over open.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.images.chatter import reading
from restore_cli.images.confinement import confine, limit_memory, limit_time
from restore_cli.images.picture import Picture, naming_problems
from restore_cli.images.regular import open_regular
from restore_cli.images.room import free_memory
from restore_cli.images.wire import LONGEST_HEADER, packed, unpacked

SECONDS = 120
"""That one picture may take, of the processor and by the clock."""
_LENGTH = struct.Struct(">Q")
_LONGEST_REQUEST = 2**16
_TOO_LONG = getattr(signal, "SIGXCPU", 24)


class Sandbox:
    """Reads pictures in another process, one after the other; may be used by several threads.

    The process is started when the first picture comes, and again after a crash.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        atexit.register(self.close)

    def read(self, path: Path, page: int = 0) -> Picture:
        """What `Picture.read` reads.

        Raises:
            RestoreError: as there; or the decoder crashed or took too long.
        """
        with naming_problems(path), open_regular(path) as file, reading(path), self._lock:
            try:
                return self._ask(file.fileno(), path, page)
            except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
                raise self._ended(path, error) from error

    def close(self) -> None:
        """End the process."""
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._line = self._process = None
        atexit.unregister(self.close)

    def _ask(self, handle: int, path: Path, page: int) -> Picture:
        line = self._started()
        asked = json.dumps({"path": str(path), "page": page}).encode()
        if len(asked) > _LONGEST_REQUEST:
            raise RestoreError(f"{path}: its name is too long")
        socket.send_fds(line, [asked], [handle])
        length = _LENGTH.unpack(_received(line, _LENGTH.size))[0]
        if length > LONGEST_HEADER:
            raise ValueError("no such header")
        header = _received(line, length)
        told = cast("dict[str, Any]", json.loads(header))
        if "error" in told:
            code = ExitCode.SOME_FAILED if told["some"] else ExitCode.USAGE
            hint = None if told["hint"] is None else str(told["hint"])
            raise RestoreError(str(told["error"]), hint=hint, exit_code=code)
        return unpacked(header, lambda into: _fill(line, into), path)

    def _started(self) -> socket.socket:
        if self._line is not None:
            return self._line
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.settimeout(SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for who asks
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        self._line = ours
        return ours

    def _ended(self, path: Path, error: Exception) -> RestoreError:
        """Why there is no answer; the process goes, whatever it does."""
        process = self._process
        code = None
        if process is not None and not isinstance(error, TimeoutError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(timeout=1.0)
        self.close()
        atexit.register(self.close)
        if isinstance(error, TimeoutError) or code == -_TOO_LONG:
            why = f"decoding it took longer than {SECONDS} s"
        elif code is not None and code < 0:
            why = f"its decoder crashed (signal {-code})"
        else:
            why = "its decoder ended without an answer"
        return RestoreError(
            f"{path}: {why}",
            hint="the file is damaged, or made to do harm",
            exit_code=ExitCode.SOME_FAILED,
        )


def sandbox_for(choice: str) -> Sandbox | None:
    """What `--sandbox` means here.

    Args:
        choice: "auto" (off), "on" or "off".

    Raises:
        RestoreError: this platform has no way to hand open files over.
    """
    if choice != "on":
        return None
    if not hasattr(socket, "send_fds") or sys.platform == "win32":
        raise RestoreError("--sandbox on: not on this platform", hint="leave it out")
    return Sandbox()


def _received(line: socket.socket, length: int) -> bytes:
    data = bytearray(length)
    _fill(line, memoryview(data))
    return bytes(data)


def _fill(line: socket.socket, into: memoryview) -> None:
    while into:
        count = line.recv_into(into)
        if not count:
            raise EOFError
        into = into[count:]


def _serve(line: socket.socket) -> None:
    """In the sandbox: answer until nobody asks any more."""
    while True:
        asked, handles, _, _ = socket.recv_fds(line, _LONGEST_REQUEST, 1)
        if not asked or not handles:
            return
        told = cast("dict[str, Any]", json.loads(asked))
        limit_time(SECONDS)
        limit_memory(0)
        limit_memory(free_memory())
        planes: list[memoryview] = []
        try:
            picture = Picture.read(Path(str(told["path"])), int(told["page"]), opened=handles[0])
            header, planes = packed(picture)
            del picture
        except RestoreError as error:
            some = error.exit_code == ExitCode.SOME_FAILED
            header = json.dumps({"error": error.message, "hint": error.hint, "some": some}).encode()
        line.sendall(_LENGTH.pack(len(header)) + header)
        for plane in planes:
            line.sendall(plane)


def _leave_with(line: socket.socket) -> None:
    """End with the process that asks, also in the middle of decoding."""
    poll = select.poll()
    poll.register(line, select.POLLHUP)
    poll.poll()
    os._exit(0)


def _readable() -> list[Path]:
    """What a decoder may open: the program itself, the libraries, what the kernel says."""
    own = [sys.prefix, sys.base_prefix, *filter(None, sys.path)]
    system = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"]
    told = [f"/proc/{os.getpid()}", "/proc/meminfo", "/proc/stat", "/sys/fs/cgroup"]
    return [Path(one) for one in (*own, *system, *told, "/dev/null", "/dev/urandom")]


def main() -> None:
    """Serve on the socket whose descriptor is the first argument."""
    import cv2

    cv2.setNumThreads(1)
    line = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=_leave_with, args=(line,), daemon=True).start()
    confine(_readable())
    _serve(line)


if __name__ == "__main__":
    main()
