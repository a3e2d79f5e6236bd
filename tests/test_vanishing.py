"""What goes away while `restore infer` runs: inputs, the output folder, shared memory."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

INFER = [sys.executable, "-m", "restore_cli", "infer", "in", "--task", "denoise", "-o", "out"]
COUNT = 24
GONE = ("is not there any more", "there is no such file")  # seen by a look, or by opening it


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for seed in range(COUNT):
        pixels = np.random.default_rng(seed).integers(0, 256, (120, 160, 3), np.uint8)
        Image.fromarray(pixels).save(f"in/{seed:02}.png")


def run(then: Callable[[], object], *words: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run it, and do something after the second picture: exit code, lines, and what was said."""
    call = [*INFER, "--json", "--workers", "1", *words]
    with subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = []
        for line in process.stdout:
            lines.append(json.loads(line))
            if len(lines) == 2:
                then()
        said = process.stderr.read()
    assert "unexpected" not in said
    assert "Traceback" not in said
    return process.returncode, lines, said


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_inputs_that_vanish_fail_one_by_one(how: str) -> None:
    code, lines, said = run(
        lambda: shutil.rmtree("in") if how == "deleted" else Path("in").rename("moved")
    )
    assert code == 1
    assert lines[-1]["done"] + lines[-1]["failed"] == COUNT
    assert lines[-1]["done"] >= 2
    for line in lines[:-1]:
        assert line["status"] == "done" or any(words in line["error"] for words in GONE)
        assert Path(line["output"]).exists() == (line["status"] == "done")
    assert str(lines[-2]["input"]) in said


def test_an_output_folder_that_is_renamed_is_made_again() -> None:
    code, lines, said = run(lambda: Path("out").rename("gone"))
    failed = [line for line in lines[:-1] if line["status"] != "done"]
    assert code == (1 if failed else 0)
    # What was just being written may be lost, and is named; never more.
    assert len(failed) <= 2, said
    assert all("cannot be written" in line["error"] for line in failed)
    there = {path.name for folder in ("gone", "out") for path in Path(folder).glob("*.png")}
    assert there == {Path(line["output"]).name for line in lines[:-1] if line["status"] == "done"}
    # The next run does the rest.
    again = subprocess.run(
        [*INFER, "--skip-existing", "-q"], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert len(list(Path("out").glob("*.png"))) == COUNT


def test_a_file_in_place_of_the_output_folder_is_named() -> None:
    def replaced() -> None:
        Path("out").rename("gone")
        Path("out").write_text("a file")

    code, lines, said = run(replaced)
    assert code == 1
    assert lines[-1]["done"] + lines[-1]["failed"] == COUNT
    assert Path("out").read_text() == "a file"
    assert all("out" in line["error"] for line in lines[:-1] if line["status"] == "failed")
    assert "out" in said


@pytest.mark.parametrize("sandbox", ["off", "on"])
@pytest.mark.parametrize("options", ["size=4k", "size=4k,mode=000"])
def test_without_shared_memory_nothing_is_missing(sandbox: str, options: str) -> None:
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    alone = [unshare or "unshare", "--mount"]
    hidden = f"{mount} -t tmpfs -o {options} none /dev/shm"
    tried = subprocess.run([*alone, "sh", "-c", hidden], capture_output=True, check=False) if (
        unshare and mount and Path("/dev/shm").is_dir()  # noqa: S108 - it is hidden, not used
    ) else None  # fmt: skip
    if tried is None or tried.returncode:
        pytest.skip("no right to hide /dev/shm here")
    call = " ".join([*INFER, "--sandbox", sandbox, "--workers", "2", "-q"])
    done = subprocess.run(
        [*alone, "sh", "-c", f"{hidden} && exec {call}"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list(Path("out").glob("*.png"))) == COUNT


def test_jpegs_for_printing_are_converted_in_either_coding() -> None:
    """CMYK as it is, and as YCCK, which Photoshop writes: the same picture."""
    soft = np.random.default_rng(1).integers(0, 160, (6, 6, 4), np.uint8)
    inks = np.asarray(Image.fromarray(soft, "CMYK").resize((48, 40), Image.Resampling.BICUBIC))
    shutil.rmtree("in")
    Path("in").mkdir()
    for coding in ("CMYK", "YCCK"):
        data = imagecodecs.jpeg8_encode(
            255 - inks, level=98, colorspace="CMYK", outcolorspace=coding, subsampling="444"
        )
        with Image.open(io.BytesIO(data)) as image:
            assert image.info["adobe_transform"] == (2 if coding == "YCCK" else 0)
        Path(f"in/{coding}.jpg").write_bytes(data)
    code, lines, said = run(lambda: None, "--strength", "0", "--format", "png")
    assert code == 0
    assert lines[-1]["done"] == 2
    assert said.count("CMYK was converted to sRGB") >= 1
    first, second = (
        np.asarray(Image.open(f"out/{name}.png")).astype(int) for name in ("CMYK", "YCCK")
    )
    assert np.abs(first - second).mean() < 1.5
    plain = 255 - inks[..., :3].astype(int)
    seen = [np.corrcoef(first[..., c].ravel(), plain[..., c].ravel())[0, 1] for c in range(3)]
    assert min(seen) > 0.5
