"""What a confined process cannot do any more. In processes of their own: it holds for good."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")

PROGRAM = """
import os, pathlib, socket, subprocess, sys
from restore_cli.images.confinement import confine
held = confine([pathlib.Path(p) for p in (*filter(None, sys.path), sys.prefix, sys.base_prefix)])
print(",".join(held), flush=True)
def tried(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "done"
print(tried(lambda: open(sys.argv[1], "rb").read()))
print(tried(lambda: open(sys.argv[1] + ".new", "wb").write(b"x")))
print(tried(lambda: os.unlink(sys.argv[1])))
print(tried(lambda: socket.socket()))
print(tried(lambda: subprocess.run([sys.executable, "-c", ""])))
print(tried(lambda: os.kill(os.getppid(), 0)))
import json.tool
"""


def test_no_file_no_network_no_program(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    done = _run(PROGRAM, str(secret))
    held, read, wrote, removed, connected, started, signalled = done.stdout.split()
    assert done.returncode == 0, done.stderr
    assert "limits" in held
    if "landlock" in held:
        assert {read, wrote, removed} == {"PermissionError"}
        assert secret.read_text() == "mine"
    if "seccomp" in held:
        assert {connected, started, signalled} == {"PermissionError"}
    assert wrote != "done"


def test_memory_and_time_end() -> None:
    program = (
        "from restore_cli.images.confinement import limit_memory, limit_time\n"
        "limit_memory(100e6)\n"
        "try:\n    bytearray(10**9)\nexcept MemoryError:\n    print('refused')\n"
        "limit_memory(0)\nprint(len(bytearray(10**8)))\n"
        "limit_time(1)\nwhile True: pass\n"
    )
    done = _run(program)
    assert done.stdout.split() == ["refused", "100000000"]
    assert done.returncode < 0


def _run(program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
