"""What is exported gives torch's pictures at any size, and says what it is."""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.models import portable, zoo
from restore_cli.models.graph import Graph
from restore_cli.networks.unet import UNet

NAMES = [entry.name for entry in zoo.entries() if entry.name != "vae-small"]


def test_onnx_runs_at_sizes_of_its_own_and_tells_its_origin(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    model = zoo.load("denoise")
    portable.export_onnx(model, tmp_path / "new/denoise.onnx")
    session = runtime.InferenceSession(tmp_path / "new/denoise.onnx")
    told = session.get_modelmeta().custom_metadata_map
    assert (told["task"], told["sha256"]) == ("denoise", model.sha256)
    assert told["multiple"] == str(model.network.info.multiple)
    image = torch.rand(2, 3, 64, 80, generator=torch.Generator().manual_seed(0))
    level = np.array([0.1, math.nan], np.float32)
    (found,) = session.run(["restored"], {"image": image.numpy(), "level": level})
    with torch.inference_mode():
        expected = model.network(image, torch.from_numpy(level))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_openvino_is_written_as_two_files(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino", reason="needs the extra [fast]")
    model = zoo.load("isp")
    portable.export_openvino(model, tmp_path / "isp")
    assert {path.name for path in (tmp_path / "isp").iterdir()} == {"model.xml", "model.bin"}
    read = openvino.Core().read_model(tmp_path / "isp/model.xml")
    assert [port.get_any_name() for port in read.inputs] == ["image", "level"]
    assert read.get_rt_info(["restore", "sha256"]).astype(str) == model.sha256


def test_what_differs_from_torch_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    monkeypatch.setattr(portable, "_LARGEST", -1.0)
    with pytest.raises(RestoreError, match="differs from torch"):
        portable.export_onnx(zoo.load("isp"), tmp_path / "isp.onnx")
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portable.importlib.util, "find_spec", lambda name: None)
    model = replace(zoo.load("isp"), name="isp")
    for export, extra in ((portable.export_onnx, "[onnx]"), (portable.export_openvino, "[fast]")):
        with pytest.raises(RestoreError, match="not installed") as caught:
            export(model, tmp_path / "out")
        assert extra in str(caught.value.hint)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_shipped_models_export(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    pytest.importorskip("openvino", reason="needs the extra [fast]")
    model = zoo.load(name)
    portable.export_onnx(model, tmp_path / "model.onnx")
    portable.export_openvino(model, tmp_path)
    assert (tmp_path / "model.onnx").stat().st_size > 2e5


def test_converting_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="needs the extra [fast]")
    telemetry = pytest.importorskip("openvino_telemetry")
    sent: list[object] = []
    for name in ("start_session", "send_event"):
        monkeypatch.setattr(
            telemetry.Telemetry, name, lambda self, *a, **k: sent.append(self.consent)
        )
    monkeypatch.delenv("CI", raising=False)
    network = UNet(widths=(8, 8), depths=(1, 1)).eval()
    portable.openvino_model(Graph(network, context=True))
    assert sent  # it was asked to send ...
    assert not any(sent)  # ... and had no consent
    assert "CI" not in os.environ
