"""Devices and number formats are chosen by name, and refused with what there is."""

import pytest
import torch

from restore_cli.engine import device as rooms
from restore_cli.engine.device import (
    autocast,
    available_devices,
    choose_device,
    choose_precision,
    every_device,
)
from restore_cli.errors import RestoreError


def test_cpu_is_always_there_and_last() -> None:
    assert available_devices()[-1] == "cpu"
    assert choose_device("cpu") == torch.device("cpu")
    assert str(choose_device("auto")) == available_devices()[0]


def test_auto_prefers_cuda_then_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "available_devices", lambda: ["cuda", "cuda:0", "mps", "cpu"])
    assert choose_device("auto").type == "cuda"
    monkeypatch.setattr(rooms, "available_devices", lambda: ["mps", "cpu"])
    assert choose_device("auto").type == "mps"


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_a_missing_device_is_refused_with_what_there_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "available_devices", lambda: ["cpu"])
    with pytest.raises(RestoreError, match=f"no device '{name}'") as caught:
        choose_device(name)
    assert caught.value.hint == "there is: auto, cpu"


def test_all_cards_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        rooms, "available_devices", lambda: ["cuda", "cuda:0", "cuda:1", "mps", "cpu"]
    )
    assert every_device("cuda:all") == ["cuda:0", "cuda:1"]
    assert every_device("cpu") == ["cpu"]
    with pytest.raises(RestoreError, match="computes on one device"):
        choose_device("cuda:all")
    monkeypatch.setattr(rooms, "available_devices", lambda: ["cuda", "cuda:0", "cpu"])
    assert choose_device("cuda:all") == torch.device("cuda:0")
    monkeypatch.setattr(rooms, "available_devices", lambda: ["cpu"])
    with pytest.raises(RestoreError, match="no CUDA card") as caught:
        every_device("cuda:all")
    assert "--device auto" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", ""])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(RestoreError, match="unknown device"):
        choose_device(name)


def test_precision_is_fp32_on_a_cpu_unless_asked() -> None:
    cpu = torch.device("cpu")
    assert choose_precision("auto", cpu) == "fp32"
    assert choose_precision("bf16", cpu) == "bf16"
    with pytest.raises(RestoreError, match="unknown precision 'half'"):
        choose_precision("half", cpu)


def test_autocast_computes_in_the_format() -> None:
    cpu = torch.device("cpu")
    a = torch.ones(2, 2)
    with autocast(cpu, "bf16"):
        assert (a @ a).dtype == torch.bfloat16
    with autocast(cpu, "fp32"):
        assert (a @ a).dtype == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_precision_on_cuda_is_a_half_format() -> None:
    assert choose_precision("auto", torch.device("cuda")) in ("bf16", "fp16")
