"""Small pictures in the current folder, and commands that run to their end."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def save(name: str, *, side: int = 16, value: int = 100) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side + 4, 3), value, np.uint8)).save(path)
    return path


def save_noise(name: str, side: int) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def read(path: str | Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image)


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir() if path.name[0] != ".")


def finish(process: "subprocess.Popen[str]") -> tuple[int, list[dict[str, Any]], str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err
