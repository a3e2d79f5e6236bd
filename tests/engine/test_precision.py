import time

import pytest
import torch
from fake_networks import Net

from restore_cli.engine import precision as rooms
from restore_cli.engine.backend import Computed
from restore_cli.engine.precision import bf16_pays_on_cpu


@pytest.fixture(autouse=True)
def _forget() -> None:
    bf16_pays_on_cpu.cache_clear()


@pytest.mark.parametrize(("half", "pays"), [(0.5, True), (0.9, False), (2.0, False)])
def test_bf16_pays_where_it_is_clearly_faster(
    half: float, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convolve(image: torch.Tensor, weight: torch.Tensor) -> float:
        assert image.dtype == weight.dtype
        return half if image.dtype == torch.bfloat16 else 1.0

    monkeypatch.setattr(rooms, "_convolve", convolve)
    monkeypatch.setattr(rooms, "_SECONDS", 0.01)
    assert bf16_pays_on_cpu() is pays


def test_the_probe_is_short_and_asked_once_a_process() -> None:
    start = time.monotonic()
    with torch.inference_mode():  # whoever asks may be computing already
        first = bf16_pays_on_cpu()
    middle = time.monotonic()
    assert bf16_pays_on_cpu() is first
    assert time.monotonic() - middle < 0.05
    assert middle - start < 5


@pytest.mark.parametrize(("pays", "shift", "serves"), [
    (True, 1e-4, True), (False, 1e-4, False), (True, 0.05, False), (True, 0.0, False),
])  # fmt: skip
def test_bf16_serves_where_it_pays_and_gives_the_same(
    pays: bool, shift: float, serves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backend(windows: torch.Tensor, level: object, context: object, precision: str) -> Computed:
        return Computed(windows + shift * (precision == "bf16"))

    monkeypatch.setattr(rooms, "bf16_pays_on_cpu", lambda: pays)
    network = Net(lambda x: x)
    assert rooms.bf16_serves(network, backend) is serves
    monkeypatch.setattr(rooms, "bf16_pays_on_cpu", lambda: not pays)
    assert rooms.bf16_serves(network, backend) is serves  # once a process
