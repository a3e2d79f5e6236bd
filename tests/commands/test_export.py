"""`restore models export` writes what is asked for, and says so."""

import json
from pathlib import Path

import pytest

from restore_cli.__main__ import main


def test_nothing_asked_for_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "export", "isp"]) == 2
    assert "--onnx" in capsys.readouterr().err


def test_what_is_no_export_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "a.png"
    photo.write_bytes(b"a photo")
    assert main(["models", "export", "isp", "--onnx", str(photo)]) == 2
    assert f"--onnx {photo}" in capsys.readouterr().err
    assert photo.read_bytes() == b"a photo"


def test_an_onnx_file_is_written_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    file = tmp_path / "isp.onnx"
    assert main(["models", "export", "isp", "--onnx", str(file), "--json"]) == 0
    first, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"model": "isp", "output": str(file), "status": "done"}
    assert last["event"] == "summary"
    assert file.stat().st_size > 2e5
