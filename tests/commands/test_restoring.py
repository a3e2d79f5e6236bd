"""Chains, auto and pipes, through the command."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.api import auto
from restore_cli.batch.later import ready
from restore_cli.commands import restoring
from restore_cli.commands.console import Console
from restore_cli.commands.restoring import How, prepare
from restore_cli.errors import RestoreError
from restore_cli.models import zoo

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.random((6, 8, 3)), np.ones((16, 16, 1))) * 200
    Image.fromarray(smooth.astype(np.uint8)).save("a.png")


def _infer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["infer", "--json", "--device", "cpu", "--backend", "torch", *words]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[0])


def _read(path: str) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_chain_equals_going_through_16_bit_files(
    capsys: pytest.CaptureFixture[str], precision: str
) -> None:
    import cv2

    wide = cv2.imread("a.png").astype(np.uint16) * 257
    cv2.imwrite("wide.png", wide)
    exact = ("--precision", precision)
    told = _infer(capsys, "wide.png", "--task", "derain,denoise", *exact)
    assert told["steps"] == ["derain", "denoise"]
    assert (told["task"], told["model"]) == ("derain,denoise", "derain,denoise")
    assert told["output"] == "wide-derain-denoise.png"
    _infer(capsys, "wide.png", "--task", "derain", "-o", "one.png", *exact)
    _infer(capsys, "one.png", "--task", "denoise", "-o", "two.png", *exact)
    chain, files = (
        cv2.imread(name, cv2.IMREAD_UNCHANGED).astype(int)
        for name in ("wide-derain-denoise.png", "two.png")
    )
    assert np.abs(chain - files).max() == 0


def test_a_chain_at_no_strength_is_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    told = _infer(capsys, "a.png", "--task", "derain", "--task", "denoise", "--strength", "0")
    assert np.array_equal(_read(told["output"]), _read("a.png"))


def test_auto_leaves_a_clean_picture_pixel_for_pixel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(auto, "AUTO_RUNS", "specialists")
    monkeypatch.setattr(restoring, "_looker", lambda *_: lambda _: {"clean": 0.9, "rain": 0.1})
    ramp = np.add.outer(np.arange(96), np.arange(128))[:, :, None] + np.zeros(3)
    Image.fromarray(ramp.astype(np.uint8)).save("clean.png")
    told = _infer(capsys, "clean.png", "--task", "auto")
    assert told["steps"] == []
    assert told["degradations"] == {"clean": 0.9, "rain": 0.1}
    assert np.array_equal(_read("clean-auto.png"), _read("clean.png"))


def test_auto_runs_the_specialist_for_what_it_sees(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(auto, "AUTO_RUNS", "specialists")
    monkeypatch.setattr(restoring, "_looker", lambda *_: lambda _: {"clean": 0.1, "rain": 0.9})
    told = _infer(capsys, "a.png", "--task", "auto")
    assert told["steps"] == ["derain"]
    _infer(capsys, "a.png", "--task", "derain")
    assert np.array_equal(_read("a-auto.png"), _read("a-derain.png"))


def test_auto_can_be_the_network_and_the_model_always_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(auto, "AUTO_RUNS", "network")
    by_task = _infer(capsys, "a.png", "--task", "auto", "-o", "task.png")
    monkeypatch.setattr(auto, "AUTO_RUNS", "specialists")
    by_model = _infer(capsys, "a.png", "--model", "auto", "-o", "model.png")
    assert by_task["steps"] == by_model["steps"] == ["auto"]
    assert sum(by_model["degradations"].values()) == pytest.approx(1.0, abs=1e-3)
    assert np.array_equal(_read("task.png"), _read("model.png"))


@pytest.mark.parametrize(
    ("tasks", "model", "how", "words"),
    [
        (("derain", "denoise"), "derain", How(), "several tasks"),
        (("derain", "denoise"), None, How(level=3.0), "of one task"),
        (("derain", "dehaze"), None, How(level=3.0, is_sigma=True), "not among the tasks"),
        (("auto",), None, How(level=3.0), "takes no level"),
        (("denoise",), "isp", How(), "reads camera RAW"),
    ],
)
def test_what_does_not_fit_is_refused(
    tasks: tuple[str, ...],
    model: str | None,
    how: How,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auto, "AUTO_RUNS", "specialists")
    with pytest.raises(RestoreError, match=words):
        ready(prepare(Console(), tasks, model, how).restore)


def test_a_model_of_ones_own_is_called_by_the_task(tiny_model: str) -> None:
    mine = prepare(Console(quiet=True), ("derain",), tiny_model, How(device="cpu"))
    assert (mine.label, mine.task, mine.model) == ("derain", "derain", "tiny")
    assert mine.sha256 == zoo.load(tiny_model).sha256


def test_pipes_and_lists_of_names(start: Start, tiny_model: str) -> None:
    from restore_cli.models.shipped import folders

    assert folders()
    words = f"--model {tiny_model} --device cpu"
    restore = start("--version").args[0]  # type: ignore[index]
    pipeline = (
        f"{restore} infer - {words} -o - --format jpg < a.png > piped.jpg && "
        f"printf 'a.png\\0' | {restore} infer --files-from - -0 {words} -o listed/"
    )
    done = subprocess.run(["sh", "-c", pipeline], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with Image.open("piped.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (128, 96))
    assert np.abs(_read("listed/a.png") - np.minimum(_read("a.png") + 26, 255)).max() <= 1


FAKE_SPANDREL = '''
"""Knows one network, which repeats every pixel three times."""
import torch
from types import SimpleNamespace as Names
from torch.nn import functional as F

UnsupportedModelError = LookupError


class Repeat(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(1))

    def forward(self, image):
        return self.gain * F.interpolate(image, scale_factor=3.0, mode="nearest")


class Descriptor(Names):
    def __call__(self, image):
        return self.model(image)


class ModelLoader:
    def load_from_state_dict(self, state):
        model = Repeat()
        model.load_state_dict(state)
        return Descriptor(
            model=model, purpose="SR", scale=3, input_channels=3, output_channels=3,
            supports_half=False, supports_bfloat16=False, tiling=Names(name="SUPPORTED"),
            architecture=Names(id="Repeat", name="Repeat"),
            size_requirements=Names(minimum=16, multiple_of=4),
        )


def canonicalize_state_dict(state):
    return state
'''


def test_an_upscaler_of_spandrels_through_the_installed_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "spandrel.py").write_text(FAKE_SPANDREL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    torch.save({"params_ema": {"gain": torch.ones(1)}}, tmp_path / "RepeatX3.pth")
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 4), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    words = ("--tile", "64", "--overlap", "16", "--compare", "--sheet", str(tmp_path / "s.jpg"))
    process = start(
        "infer", str(tmp_path / "a.png"), "-o", str(tmp_path / "out.png"), "--json",
        "--model", str(tmp_path / "RepeatX3.pth"), *words,
    )  # fmt: skip
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    first, _ = map(json.loads, out.splitlines())
    assert (first["scale"], first["width"], first["height"]) == (3, 90, 70)
    assert "change" not in first
    made = np.asarray(Image.open(tmp_path / "out.png"))
    assert made.shape == (210, 270, 4)
    expected = pixels[..., :3].repeat(3, 0).repeat(3, 1)
    np.testing.assert_array_equal(made[..., :3], expected)
    with Image.open(tmp_path / "out-compare.jpg") as pair:
        assert pair.width >= 2 * 270  # both at the size of the result
    assert (tmp_path / "s.jpg").exists()
