"""`restore models inspect` and `show` on files of anybody."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file

from restore_cli.__main__ import main
from restore_cli.commands.models_inspect import shown
from restore_cli.networks.nafnet import NAFNet

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A NAFNet whose metadata want to be more than they are."""
    network = NAFNet(width=4, encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,))
    evil = "fine\x1b[2J\nsha256   0000\u202e"
    save_file(network.state_dict(), tmp_path / "a.safetensors", {"note": evil, "license": "MIT"})
    return tmp_path / "a.safetensors"


def test_the_installed_command_says_what_a_checkpoint_is(foreign: Path, start: Start) -> None:
    process = start("models", "inspect", str(foreign))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    for word in ("nafnet", "1x", "0..1, sRGB", "MIT", "float32"):
        assert word in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert r"fine\x1b[2J\nsha256" in out


def test_programs_get_all_of_it(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "inspect", str(foreign), "--json"]) == 0
    first, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["kind"], first["scale"], first["licence"]) == ("checkpoint", 1, "MIT")
    assert len(first["sha256"]) == 64
    assert first["claims"]["license"] == "MIT"
    assert last == {"event": "summary", "models": 1, "known": True}


def test_a_file_of_another_kind_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert main(["models", "inspect", str(tmp_path / "notes.txt")]) == 0
    said = capsys.readouterr().out
    assert "nothing that can be used as a model" in said
    assert "is a text, not weights (name a .pth or .safetensors file)" in said
    assert main(["models", "inspect", str(tmp_path / "gone")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_show_takes_a_folder_with_a_card_and_a_file_without(
    foreign: Path, tiny_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "show", tiny_model]) == 0
    assert capsys.readouterr().out == "# tiny\n\n"
    assert main(["models", "show", str(foreign)]) == 0
    assert "nafnet" in capsys.readouterr().out


def test_a_long_claim_is_cut() -> None:
    assert shown("a" * 400) == "a" * 300 + "..."
    assert shown(" a\tb\n") == r"a\tb"
