"""`import restore_cli`: what it costs, what it offers, and that its types hold from outside."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import restore_cli

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "numpy", "cv2", "PIL", "rich", "accelerate", "pydantic", "typer"}
SCRIPT = """\
import numpy as np
from numpy.typing import NDArray
from PIL import Image
import restore_cli as r

model: r.Model = r.load_model("derain", device="auto")
dry: r.Picture = r.restore("rainy.jpg", model)
dry.save("dry.png")
shots: list[Image.Image] = model.batch([Image.open(name) for name in ("a.jpg", "b.jpg")])
frame: NDArray[np.uint8] = model(np.zeros((8, 8, 3), np.uint8), strength=0.5)
numbers: r.Evaluation = r.evaluate("restored/", "truth/", metrics=("psnr", "ssim"))
print(numbers.means["psnr"], numbers.protocols["psnr"], [row.values for row in numbers.rows])
look = r.Correction.fit([dry], "photos/")
look.save("look.safetensors")
again: NDArray[np.uint8] = r.Correction.load("look.safetensors").apply(frame, alpha=0.3)
night: r.Picture = r.develop("photo.dng", bits=16)
"""
WRONG = """
text: str = r.restore("rainy.jpg", "derain")
r.restore("rainy.jpg", "derain", strenght=0.5)
"""


def _seconds(code: str, times: int = 5) -> float:
    """Processor time of a fresh interpreter, the best of several: others' work counts less."""
    best = float("inf")
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        best = min(best, spent)
    return best


def test_importing_it_imports_nothing_heavy() -> None:
    code = f"import sys, restore_cli; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


HELP = "from restore_cli.__main__ import main; main(['--help'])"


@pytest.mark.parametrize("code", ["import restore_cli", HELP], ids=["import", "help"])
def test_starting_costs_hardly_more_than_the_interpreter(code: str) -> None:
    bare = _seconds("pass")
    # 0.2 s on an idle machine; on a busy one the bare interpreter takes longer as well.
    assert _seconds(code) - bare < max(0.2, 12 * bare)


def test_public_names_are_listed_and_found() -> None:
    assert set(restore_cli.__all__) <= set(dir(restore_cli))
    for name in restore_cli.__all__:
        found = getattr(restore_cli, name)
        assert name in ("__version__", getattr(found, "__name__", ""))
        assert name == "__version__" or found.__doc__
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = restore_cli.no_such_name


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "restore_cli" / "py.typed").is_file()


def _complaints(folder: Path, script: str) -> list[str]:
    """What pyright, strict, says of a user's script."""
    pyright = shutil.which("pyright", path=Path(sys.executable).parent)
    if pyright is None:
        pytest.skip("pyright is not installed beside this Python")
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT)], "include": ["."]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    (folder / "script.py").write_text(script)
    command = [pyright, "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    try:
        found = json.loads(done.stdout)["generalDiagnostics"]
    except ValueError:
        pytest.skip(f"pyright cannot run here: {done.stderr[:200]}")
    return [f"{one['range']['start']['line'] + 1}: {one['message']}" for one in found]


@pytest.mark.slow
def test_a_users_script_type_checks_strictly(tmp_path: Path) -> None:
    assert _complaints(tmp_path, SCRIPT) == []


@pytest.mark.slow
def test_a_users_mistakes_are_found(tmp_path: Path) -> None:
    text, typo = sorted(_complaints(tmp_path, SCRIPT + WRONG))
    assert '"Picture" is not assignable to "str"' in text
    assert "strenght" in typo or "overloads" in typo
