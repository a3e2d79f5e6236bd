"""LPIPS and DISTS: what is said when something is missing, and the wiring to torchmetrics.

torchvision is no dependency of the tests, so the wiring runs on a stand-in for it, with random
weights: right layers, right loading through torch.hub, and no claim about the values.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.evaluation.metrics import build

CPU = torch.device("cpu")

# torchmetrics imports more names than the two metrics use.
OTHER_NAMES = """
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
"""

# What the two metrics take from torchvision: two backbones, and weights that come by torch.hub.
STAND_IN = (
    OTHER_NAMES
    + """
from enum import Enum
from torch import hub, nn

class _Weights(Enum):
    def get_state_dict(self, **options):
        return hub.load_state_dict_from_url(self.value, check_hash=True)

class AlexNet_Weights(_Weights):
    DEFAULT = "https://example.invalid/alexnet-owt-7be5be79.pth"

class VGG16_Weights(_Weights):
    DEFAULT = "https://example.invalid/vgg16-397923af.pth"

class SqueezeNet1_1_Weights(_Weights):
    DEFAULT = "https://example.invalid/squeezenet1_1-b8a52dc0.pth"

class Backbone(nn.Module):
    def __init__(self, layers, weights):
        super().__init__()
        self.features = nn.Sequential(*layers)
        if weights is not None:
            self.load_state_dict(weights.get_state_dict(progress=True))

def alexnet(weights=None):
    layers = [
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
    ]
    return Backbone(layers, weights)

def vgg16(weights=None):
    layers, before = [], 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        if width:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
        else:
            layers.append(nn.MaxPool2d(2))
    return Backbone(layers, weights)
"""
)

WIRING = """
import sys
from pathlib import Path
import torch
from torchvision import models
from restore_cli.errors import RestoreError
from restore_cli.evaluation.metrics import build

weights = Path(sys.argv[1])
cpu = torch.device("cpu")
torch.manual_seed(0)

def check(name, file, make):
    torch.save(getattr(models, make)().state_dict(), weights / file)
    (metric,) = build([name], border=1, device=cpu, weights=weights)
    print(metric.protocol)
    reference = torch.rand(2, 3, 42, 50)
    noise = torch.randn(reference.shape) * torch.tensor([0.05, 0.2]).view(2, 1, 1, 1)
    values = metric.update((reference + noise).clamp(0, 1), reference)
    assert values.shape == (2,) and values.dtype == torch.float64, values
    assert 0 < values[0] < values[1], values
    assert abs(metric.compute() - values.mean()) < 1e-12
    (same,) = metric.update(reference[:1], reference[:1]).tolist()
    assert 0 <= same < 1e-6, same
    one, other = reference[:, :1].split(1)
    wide = metric.update(one.expand(1, 3, 42, 50), other.expand(1, 3, 42, 50))
    assert torch.equal(metric.update(one, other), wide) and wide > 0
    torch.save({"features.0.weight": torch.zeros(1)}, weights / file)
    try:
        build([name], device=cpu, weights=weights)
        raise SystemExit("other tensors were taken")
    except RestoreError as error:
        assert "its tensors have other names or sizes" in str(error), error
    return metric

lpips = check("lpips", "alexnet-owt-7be5be79.pth", "alexnet")
check("dists", "vgg16-397923af.pth", "vgg16")
try:
    lpips.update(torch.zeros(1, 3, 32, 60), torch.zeros(1, 3, 32, 60))
    raise SystemExit("a picture of 58 x 30 was taken")
except RestoreError as error:
    assert "31 x 31" in str(error) and "58 x 30" in str(error), error
"""


def test_wiring_on_random_weights(tmp_path: Path) -> None:
    pytest.importorskip("torchmetrics", minversion="1.8")
    package = f"from torchvision import models\n{OTHER_NAMES}"
    for module, code in {"": package, "ops": OTHER_NAMES, "models": STAND_IN}.items():
        (tmp_path / "torchvision" / module).mkdir(parents=True, exist_ok=True)
        (tmp_path / "torchvision" / module / "__init__.py").write_text(code, encoding="utf-8")
    (tmp_path / "torchvision-0.0.1.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.0.1\n"
    (tmp_path / "torchvision-0.0.1.dist-info" / "METADATA").write_text(metadata)
    weights = tmp_path / "weights"
    weights.mkdir()
    # Another process: torchmetrics decides on import whether torchvision is there.
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{WIRING}"
    command = [sys.executable, "-c", code, str(weights)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lpips, dists = done.stdout.strip().splitlines()[-2:]
    assert lpips.startswith("LPIPS 0.1; AlexNet; RGB; no resize; torchmetrics 1.")
    assert "torchvision 0.0.1; weights alexnet-owt-7be5be79.pth, sha256 " in lpips
    assert dists.startswith("DISTS; VGG16; RGB; no resize; torchmetrics 1.")
    assert "torchvision 0.0.1; weights vgg16-397923af.pth, sha256 " in dists
    for protocol in (lpips, dists):
        assert "not as published" in protocol
        assert protocol.endswith("border 1 px cropped")


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_without_torchvision_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(RestoreError, match=f"{name} needs the Python package torchvision") as told:
        build([name], device=CPU)
    assert told.value.hint == 'pip install "restore-cli[perceptual]"'


@pytest.mark.parametrize("name", ["lpips", "dists", "fid", "kid"])
def test_a_torchvision_for_another_torch_is_a_clear_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    (tmp_path / "torchvision.py").write_text(code, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RestoreError, match=f"{name} needs .* installed but cannot be imported"):
        build([name], device=CPU)
