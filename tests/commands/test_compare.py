"""`restore compare`: every model on one picture, one sheet."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.__main__ import main


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((60, 80, 3), 100, np.uint8)).save("a.png")


def test_one_sheet_with_every_model(
    start: Callable[..., "subprocess.Popen[str]"], tiny_model: str, tiny_sigma_model: str
) -> None:
    names = f"{tiny_model},{tiny_sigma_model}"
    out, err = start("compare", "a.png", "--models", names, "--device", "cpu").communicate(
        timeout=240
    )
    with Image.open("a-models.jpg") as sheet:
        assert sheet.width >= 2 * 80
    assert out.count("changed 100 % of pixels") == 2
    assert "sheet: a-models.jpg" in err


def test_programs_get_a_line_for_each_model(
    tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", "a.png", "--models", tiny_model, "--device", "cpu", "--json", "-o", "s.png"]
    assert main(words) == 0
    model, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert model["change"]["share"] == 1.0
    assert summary == {"event": "summary", "models": 1, "output": "s.png"}
    assert main(words) == 2
    assert "already exists" in capsys.readouterr().err
    assert main(["compare", "a.png", "-o", "s.gif"]) == 2


@pytest.mark.parametrize("name", ["b.jpg", "link.jpg"])
def test_the_picture_is_not_replaced_by_its_sheet(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (9, 9)).save("b.jpg")
    before = Path("b.jpg").read_bytes()
    Path("link.jpg").symlink_to("b.jpg")
    assert main(["compare", "b.jpg", "-o", name, "--overwrite"]) == 2
    assert "is an input" in capsys.readouterr().err
    assert Path("b.jpg").read_bytes() == before
