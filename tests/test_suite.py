"""How the suite treats tests in which a whole process dies."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("xdist", reason="pytest-xdist is not installed")

TEST = """
import os
from pathlib import Path

def test_dies():
    died = Path("died")
    times = len(died.read_text()) if died.exists() else 0
    if times < {deaths}:
        died.write_text("x" * (times + 1))
        os._exit(3)

def test_lives():
    pass
"""


@pytest.mark.parametrize(("deaths", "code"), [(1, 0), (2, 1)])
def test_a_test_whose_process_died_runs_once_more(tmp_path: Path, deaths: int, code: int) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_it.py").write_text(TEST.format(deaths=deaths))
    command = [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert "crashed while running 'test_it.py::test_dies'; it runs once more" in done.stderr
    assert "1 rerun" in done.stdout
    assert ("1 failed" in done.stdout) == (deaths == 2)
