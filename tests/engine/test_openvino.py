"""OpenVINO gives torch's pictures, from a model compiled now or kept in the cache."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from restore_cli.engine import openvino as rooms
from restore_cli.engine.backend import TorchBackend
from restore_cli.engine.openvino import UnsuitableError, load
from restore_cli.engine.restorer import Restorer
from restore_cli.models import zoo
from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.base import Network
from restore_cli.networks.deblur import Deblur
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.unet import UNet

pytest.importorskip("openvino", reason="needs the extra [fast]")
SMALL = {"widths": (8, 8), "depths": (1, 1)}
NETWORKS = {
    "plain": lambda: UNet(**SMALL),
    "level": lambda: UNet(**SMALL, noise_map=True),
    "context": lambda: UNet(**SMALL, global_context=3),
    "blur": lambda: Deblur(**SMALL),
    "amounts": lambda: GuidedUNet(widths=(16, 16), depths=(1, 1), guide=8),
    "light": lambda: GuidedUNet(
        widths=(16, 16),
        depths=(1, 1),
        guide=8,
        quantity="stops",
        relight=True,
        bins=6,
        exposure=0.46,
    ),
    "classes": lambda: BarycenterUNet(**SMALL, sources=("rain", "haze")),
}
PHOTO = Path(__file__).parents[2] / "examples/photos"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESTORE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _made(name: str) -> Network:
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    # Untrained tails are zero: the picture would pass unchanged.
    for key, value in network.named_parameters():
        if "tail" in key:
            torch.nn.init.normal_(value, std=0.05)
    if isinstance(network, BarycenterUNet):
        assert network.means is not None
        torch.nn.init.normal_(network.means.weight)
    return network


def _level(name: str) -> torch.Tensor | None:
    if name in ("amounts", "light"):
        told = torch.full((1, 6), math.nan)
        told[:, 1 + (name == "light")] = 0.5
        return told
    return {"level": torch.tensor([0.1]), "blur": torch.full((1, 4), 2.0)}.get(name)


@pytest.mark.parametrize("name", NETWORKS)
def test_pictures_of_any_size_are_torchs(name: str) -> None:
    network = _made(name)
    exact = TorchBackend(network)
    backend, verdict, note = load(network, exact)
    assert (verdict.trouble, note) == ("", "")
    for size in ((64, 96), (128, 80), (16, 32), (384, 352)):  # the last is compiled for its shape
        windows = torch.rand(1, 3, *size)
        with torch.inference_mode():
            context = exact.context(windows)
            if context is not None:
                found = backend.context(windows)
                assert found is not None
                torch.testing.assert_close(found, context, atol=1e-4, rtol=0)
            for level in (None, _level(name)):
                expected = exact(windows, level, context, "fp32")
                found = backend(windows, level, context, "fp32")
                torch.testing.assert_close(found.image, expected.image, atol=1e-4, rtol=0)
                if expected.degradations is not None:
                    assert found.degradations is not None
                    torch.testing.assert_close(
                        found.degradations, expected.degradations, atol=1e-4, rtol=0
                    )


def test_the_second_time_nothing_is_converted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = _made("plain")
    load(network, TorchBackend(network))
    (kept,) = folder.iterdir()
    converted: list[Network] = []
    convert = rooms._converted  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(rooms, "_converted", lambda n: converted.append(n) or convert(n))
    load(network, TorchBackend(network))
    assert not converted
    kept.write_bytes(kept.read_bytes()[:-1])
    load(network, TorchBackend(network))
    assert len(converted) == 1
    other = _made("plain")
    torch.nn.init.normal_(other.get_parameter("tail.bias"))
    load(other, TorchBackend(other))
    assert len(converted) == 2


def test_a_cache_that_cannot_be_written_is_noted(folder: Path) -> None:
    folder.write_text("a file")
    network = _made("plain")
    restored = Restorer(network, device="cpu", backend="auto")(torch.rand(3, 64, 64))
    assert restored.backend == "openvino"
    assert "cannot be written" in restored.notes[0]


def test_small_windows_are_torchs_and_say_so() -> None:
    restorer = Restorer(_made("plain"), device="cpu", backend="openvino", precision="fp32")
    told = [restorer(torch.rand(3, side, 80)).backend for side in (64, 40, 64)]
    assert told == ["openvino", "torch", "openvino"]


def test_another_models_file_in_the_cache_is_not_taken(folder: Path) -> None:
    one, other = _made("plain"), _made("context")
    load(other, TorchBackend(other))
    (theirs,) = folder.iterdir()
    load(one, TorchBackend(one))
    (own,) = set(folder.iterdir()) - {theirs}
    own.write_bytes(theirs.read_bytes())
    backend, verdict, note = load(one, TorchBackend(one))
    windows = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        found = backend(windows, None, None, "fp32").image
        torch.testing.assert_close(found, one(windows), atol=1e-4, rtol=0)
    assert (verdict.trouble, note) == ("", "")
    assert own.read_bytes() != theirs.read_bytes()


@pytest.mark.slow
def test_two_processes_at_once_give_the_same(folder: Path) -> None:
    code = (
        "import torch; from restore_cli.engine.restorer import Restorer;"
        "from restore_cli.networks.unet import UNet; torch.manual_seed(0);"
        "network = UNet(widths=(8, 8), depths=(1, 1)); torch.nn.init.normal_(network.tail.weight);"
        "done = Restorer(network, device='cpu', backend='openvino', precision='fp32')"
        "(torch.rand(3, 64, 64)); print(done.backend, done.notes, done.image.double().sum().item())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = {process.communicate(timeout=300)[0] for process in running}
    assert len(told) == 1
    assert next(iter(told)).startswith("openvino ()")
    assert [path.suffix for path in folder.iterdir()] == [".cache"]


def test_another_picture_than_torchs_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    network, other = _made("plain"), _made("context")
    with pytest.raises(UnsuitableError, match="dB from torch's"):
        load(network, TorchBackend(_scaled()))
    monkeypatch.setattr(rooms, "_converted", lambda network: 1 / 0)
    with pytest.raises(UnsuitableError, match="cannot take this model"):
        load(other, TorchBackend(other))


def _scaled() -> Network:
    network = _made("plain")
    torch.nn.init.constant_(network.get_parameter("tail.bias"), 0.1)
    return network


@pytest.mark.slow
@pytest.mark.parametrize("name", [e.name for e in zoo.entries() if e.task in zoo.TASKS])
def test_shipped_models_give_the_same_photos_by_every_backend_and_in_tiles(name: str) -> None:
    from restore_cli.images.picture import Picture

    path = sorted(PHOTO.iterdir())[0]
    photo = torch.from_numpy(Picture.read(path).to_srgb().transpose(2, 0, 1).copy())
    model = zoo.load(name)
    results = {
        (backend, tile): Restorer(
            model.network, device="cpu", backend=backend, tile=tile, overlap=model.overlap
        )(photo).image
        for backend in ("torch", "openvino")
        for tile in ("none", 256)
    }
    whole = results["torch", "none"]
    for (backend, tile), image in results.items():
        if tile == "none":
            assert -10 * (image - whole).square().mean().log10() >= 55, backend
        else:
            assert (image - results[backend, "none"]).abs().max() <= 1 / 255, backend
