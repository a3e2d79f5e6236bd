"""What needs no network imports no torch, and so answers at once."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_raw import write_small_raw

from restore_cli.images.picture import Picture

CODE = (
    "import sys; from restore_cli.__main__ import main; code = main(sys.argv[1:]);"
    "print('torch' in sys.modules, code, file=sys.stderr)"
)


def _run(*words: str | Path) -> tuple[bool, int]:
    """Whether torch was imported, and the exit code."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, words)], capture_output=True, text=True, check=True
    )
    torch, code = done.stderr.splitlines()[-1].split()
    return torch == "True", int(code)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--help", 0),
        ("infer --help", 0),
        ("models list", 0),
        ("models verify derain", 0),
        ("models show derain", 0),
        ("infer --task derain missing.png", 2),
        ("infer --model missing photo.png", 2),
        ("isp missing.dng", 2),
        ("ot-correct apply missing.safetensors missing.png", 2),
    ],
)
def test_no_torch(words: str, code: int) -> None:
    assert _run(*words.split()) == (False, code)


def test_a_recipe_to_start_from_is_written_without_torch(tmp_path: Path) -> None:
    assert _run("train", "--init", "derain", "-o", tmp_path / "recipe.toml") == (False, 0)


def test_a_folder_that_is_all_done_is_skipped_without_torch(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Picture(pixels=np.full((64, 64, 3), 90, np.uint8)).write(tmp_path / "in" / "a.png")
    words = ("infer", "--task", "derain", "--backend", "torch", tmp_path / "in", "-o")
    assert _run(*words, tmp_path / "out") == (True, 0)
    assert _run(*words, tmp_path / "out", "--skip-existing") == (False, 0)
    assert _run(*words, tmp_path / "out") == (False, 1)  # exists already: an error for each
    changed = (*words, tmp_path / "out", "--skip-existing", "--strength", "0.5")
    assert _run(*changed) == (True, 0)


@pytest.mark.parametrize("how", [("--proof",), ("--engine", "libraw"), ("--preview",)])
def test_camera_files_are_proofed_and_developed_by_libraw_without_torch(
    tmp_path: Path, how: tuple[str, ...]
) -> None:
    write_small_raw(tmp_path / "a.dng")
    learned = _run("isp", tmp_path / "a.dng", "-o", tmp_path / "a.png")
    assert learned == (True, 0)
    torch, code = _run("isp", tmp_path / "a.dng", "-o", tmp_path / "b.png", *how)
    assert not torch
    assert code == (1 if how == ("--preview",) else 0)  # there is none in it
