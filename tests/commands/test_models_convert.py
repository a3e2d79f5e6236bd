"""`restore models convert` through the installed command."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from restore_cli.__main__ import main
from restore_cli.models import zoo
from restore_cli.networks.nafnet import NAFNet

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    network = NAFNet(width=4, encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,))
    torch.save({"params": network.state_dict()}, tmp_path / "NAFNet-SIDD.pth")
    return tmp_path / "NAFNet-SIDD.pth"


def test_a_checkpoint_becomes_a_model_folder(
    checkpoint: Path, tmp_path: Path, start: Start
) -> None:
    out = tmp_path / "made"
    words = ("--task", "denoise", "--licence", "MIT", "--json")
    process = start("models", "convert", str(checkpoint), "-o", str(out), *words)
    told, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    first, _ = map(json.loads, told.splitlines())
    assert (first["architecture"], first["scale"], first["status"]) == ("nafnet", 1, "done")
    model = zoo.load(str(out))
    assert (model.name, model.task) == ("nafnet-sidd", "denoise")


def test_what_is_there_is_not_overwritten_unasked(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["models", "convert", str(checkpoint), "-o", str(tmp_path)]
    assert main(words) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert zoo.load(str(tmp_path)).name == "nafnet-sidd"
    assert main(["models", "convert", str(tmp_path / "gone.pth"), "-o", str(tmp_path / "a")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_the_checkpoint_itself_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    assert main(["models", "convert", str(file), "-o", str(tmp_path), "--overwrite"]) == 2
    assert "is an input" in capsys.readouterr().err
    assert file.read_bytes() == b"weights"
