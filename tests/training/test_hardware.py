import platform
from pathlib import Path

import pytest
import torch

from restore_cli.training import hardware as module
from restore_cli.training.hardware import hardware


def test_hardware_names_the_processor_or_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "CPU threads" in hardware()
    monkeypatch.setattr(module, "Path", lambda name: Path("/no/such/file"))
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert hardware().startswith("arm64, ")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "GPU X")
    assert hardware() == "2 x GPU X"
