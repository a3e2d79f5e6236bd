"""What is left open is chosen by what is there, what agrees, and what is faster."""

import pytest
import torch
from fake_networks import Net

from restore_cli.engine import choice as rooms
from restore_cli.engine.backend import Computed, TorchBackend
from restore_cli.engine.choice import check_backend, choose
from restore_cli.engine.openvino import UnsuitableError, Verdict
from restore_cli.engine.restorer import Restorer
from restore_cli.errors import RestoreError
from restore_cli.networks.base import NetworkInfo

CPU = torch.device("cpu")


class Fast:
    """Stands for OpenVINO's backend."""

    name = "openvino"

    def __call__(self, windows: torch.Tensor, *told: object) -> Computed:
        return Computed(windows)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms.openvino, "is_installed", lambda: True)
    monkeypatch.setattr(rooms, "bf16_serves", lambda *given: True)


@pytest.mark.parametrize(("automatic", "half", "precision"), [
    (True, True, "bf16"), (True, False, "fp32"), (False, True, "fp32"),
])  # fmt: skip
def test_openvino_where_it_is_installed(
    automatic: bool, half: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        rooms.openvino, "load", lambda *given: (Fast(), Verdict(half=half), "no room")
    )
    network = Net(lambda x: x)
    chosen = choose("auto", network, TorchBackend(network), None if automatic else "fp32")
    assert (chosen.name, chosen.precision, chosen.notes) == ("openvino", precision, ("no room",))


def test_torch_with_the_reason_where_openvino_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*given: object) -> None:
        raise UnsuitableError("it cannot take this model")

    monkeypatch.setattr(rooms.openvino, "load", load)
    network = Net(lambda x: x)
    restorer = Restorer(network, device="cpu", backend="auto")
    first, second = (restorer(torch.rand(3, 32, 32)) for _ in range(2))
    assert (first.backend, first.precision) == ("torch", "bf16")
    assert first.notes == ("computed by torch and not by OpenVINO: it cannot take this model",)
    assert second.notes == ()


def test_torch_without_a_word_where_openvino_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rooms.openvino, "is_installed", lambda: False)
    network = Net(lambda x: x)
    chosen = choose("auto", network, TorchBackend(network), "fp32")
    assert (chosen.name, chosen.precision, chosen.notes) == ("torch", "fp32", ())
    with pytest.raises(RestoreError, match="not installed") as caught:
        check_backend("openvino", CPU, "auto")
    assert "[fast]" in str(caught.value.hint)


def test_what_openvino_cannot_do_is_refused() -> None:
    assert check_backend("openvino", CPU, "auto") == "openvino"
    with pytest.raises(RestoreError, match="on cuda"):
        check_backend("openvino", torch.device("cuda"), "auto")
    with pytest.raises(RestoreError, match="in fp16"):
        check_backend("openvino", CPU, "fp16")
    with pytest.raises(RestoreError, match="unknown backend 'onnx'"):
        check_backend("onnx", CPU, "auto")


@pytest.mark.parametrize(("serves", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_takes_the_format_that_serves(
    serves: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    picture = torch.rand(3, 32, 32)
    monkeypatch.setattr(rooms, "bf16_serves", lambda *given: asked.append(given) or serves)
    restorer = Restorer(Net(lambda x: 0.5 * x), device="cpu")
    assert restorer(picture, strength=0.0).precision == "fp32"  # nothing to compute
    assert not asked
    assert [restorer(picture).precision for _ in range(2)] == [chosen, chosen]
    assert len(asked) == 1


def test_a_foreign_network_is_computed_by_torch_alone() -> None:
    network = Net(lambda x: x.clone(), 1)
    network.info = NetworkInfo(foreign=True, formats=("fp32",))
    for name, notes in (("auto", 0), ("openvino", 1)):
        chosen = choose(name, network, TorchBackend(network), None)
        assert (chosen.name, chosen.precision, len(chosen.notes)) == ("torch", "fp32", notes)
