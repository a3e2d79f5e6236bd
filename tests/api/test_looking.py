"""What is wrong with a picture: told by torch, and the same without it."""

import numpy as np
import pytest
import torch

from restore_cli.api.looking import GRID, WINDOW, Looker, WarmLooker, can_look, windows_of
from restore_cli.engine.restorer import Restorer
from restore_cli.engine.warm import Known, recall
from restore_cli.errors import RestoreError
from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.base import Network
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.unet import UNet


def _guided(*, learnt: bool = True) -> GuidedUNet:
    """A network that takes dark pictures for noise and bright ones for haze."""
    torch.manual_seed(0)
    network = GuidedUNet(widths=(4, 8), depths=(1, 1), sources=("noise", "haze")).eval()
    assert network.classifier is not None
    grey = torch.tensor([0.0, 0.05, 0.95, 1.0]).view(4, 1, 1, 1).expand(4, 3, 64, 64)
    if learnt:
        with torch.no_grad():
            seen = network.seen(network.global_context(grey))
            network.classifier.fit(seen, torch.tensor([0, 0, 1, 1]))
    return network


@pytest.mark.parametrize("size", [(1, 1), (40, 70), (300, 600)])
def test_looking_tells_dark_from_bright_at_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = BarycenterUNet(
        widths=(4, 8), depths=(1, 1), global_context=3, sources=("noise", "haze")
    )
    assert network.means is not None
    with torch.no_grad():
        grey = torch.tensor([0.0, 0.05, 0.95, 1.0]).view(4, 1, 1, 1).expand(4, 3, 64, 64)
        residual = network.decomposed(grey).residual.mean(dim=(2, 3))
        network.means.fit(residual, torch.tensor([0, 0, 1, 1]))
    look = Looker(network, "cpu")
    for level, name in ((0.0, "noise"), (1.0, "haze")):
        seen = look(np.full((3, *size), level, np.float32))
        assert max(seen, key=seen.__getitem__) == name
        assert sum(seen.values()) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (40, 70), (300, 600)])
def test_a_guided_network_is_asked_window_by_window(size: tuple[int, int]) -> None:
    look = Looker(_guided(), "cpu")
    for level, name in ((0.0, "noise"), (1.0, "haze")):
        seen = look(np.full((3, *size), level, np.float32))
        assert max(seen, key=seen.__getitem__) == name
        assert sum(seen.values()) == pytest.approx(1.0, abs=1e-3)


def test_a_network_that_tells_nothing_is_refused() -> None:
    with pytest.raises(RestoreError, match="does not tell"):
        Looker(UNet(widths=(4, 4), depths=(1, 1)), "cpu")
    with pytest.raises(RestoreError, match="does not tell"):
        Looker(_guided(learnt=False), "cpu")


@pytest.mark.parametrize("size", [(1, 1), (256, 256), (257, 700), (3000, 40)])
def test_windows_are_few_and_cover_what_can_be_covered(size: tuple[int, int]) -> None:
    windows = windows_of(np.zeros((3, *size), np.float32), 8)
    assert 1 <= len(windows) <= GRID**2
    assert len({one.shape for one in windows}) == 1
    assert all(side % 8 == 0 and side <= WINDOW for side in windows[0].shape[1:])


def _known(network: Network, monkeypatch: pytest.MonkeyPatch, folder: object) -> Known | None:
    """What one process leaves of a network for the next."""
    pytest.importorskip("openvino", reason="needs the extra [fast]")
    monkeypatch.setenv("RESTORE_CACHE_DIR", str(folder))
    small = np.full((3, 64, 64), 0.5, np.float32)
    Restorer(network, device="cpu", backend="auto", identity="a")(small)
    return recall("a", device="cpu", precision="auto", backend="auto")


def test_without_torch_it_sees_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    network = _guided()
    known = _known(network, monkeypatch, tmp_path)
    assert can_look(known)
    assert known is not None
    full, built = Looker(network, "cpu"), list[int]()
    look = WarmLooker(known, lambda: built.append(1) or full)  # type: ignore[func-returns-value]
    rng = np.random.default_rng(1)
    for size in ((64, 64), (300, 600), (130, 70)):
        image = rng.random((3, *size), np.float32) ** 2
        assert look(image) == pytest.approx(full(image), abs=2e-4)
    assert built == []
    for _ in range(2):  # too small for OpenVINO
        assert look(np.ones((3, 20, 90), np.float32)) == full(np.ones((3, 20, 90), np.float32))
    assert built == [1]


def test_a_network_that_names_nothing_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    assert not can_look(None)
    assert not can_look(_known(_guided(learnt=False), monkeypatch, tmp_path))
