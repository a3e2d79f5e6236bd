"""What libraries write to descriptor 2 is caught and told by file; Python's own lines are not."""

import subprocess
import sys
from pathlib import Path

import pytest

from restore_cli.images.chatter import caught

PROGRAM = """
import os, sys, threading
from pathlib import Path
from restore_cli import streams
from restore_cli.images.chatter import caught, reading
streams.secure()
told = []
done = threading.Event()

def tell(line):
    told.append(line)
    done.set()

with caught(tell):
    with reading(Path("a.tif")):
        os.write(2, b"TIFFRead: odd\\n")
        done.wait(10)
    done.clear()
    print("mine", file=sys.stderr, flush=True)
    done.clear()
    with reading(Path("a.tif")), reading(Path("b.dng")):
        os.write(2, b"b.dng: cut off\\n")
        done.wait(10)
        done.clear()
        os.write(2, b"odd\\n\\n\\xff half")
        done.wait(10)
os.write(2, b"afterwards\\n")
print(told)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="other descriptors")
def test_lines_of_libraries_are_told_with_their_file() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stderr == "mine\nafterwards\n"
    assert done.stdout.strip() == repr(
        ["a.tif: TIFFRead: odd", "b.dng: cut off", "a.tif or b.dng: odd"]
    )


def test_nothing_is_caught_where_python_writes_to_the_same_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Usual:
        def fileno(self) -> int:
            return 2

    monkeypatch.setattr(sys, "stderr", Usual())
    with caught(pytest.fail):
        pass
