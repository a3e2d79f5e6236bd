"""Metrics that need no reference: the door, with a stand-in for pyiqa and its weights."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.evaluation import metrics
from restore_cli.evaluation.no_reference import NO_REFERENCE, load_no_reference

CPU = torch.device("cpu")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, object]]]:
    """A pyiqa whose metrics give the mean; what it was asked for."""
    calls: list[tuple[str, dict[str, object]]] = []

    def create_metric(name: str, **options: object) -> object:
        calls.append((name, options))
        return lambda image: image.mean(dim=(1, 2, 3))

    monkeypatch.setitem(sys.modules, "pyiqa", SimpleNamespace(create_metric=create_metric))
    return calls


@pytest.mark.parametrize("name", NO_REFERENCE)
def test_the_output_alone_is_judged_by_weights_on_disk(
    tmp_path: Path, asked: list[tuple[str, dict[str, object]]], name: str
) -> None:
    path = tmp_path / NO_REFERENCE[name].weights
    torch.save({"a": torch.zeros(1)}, path)
    built = metrics.build([name], device=CPU, weights=tmp_path)[0]
    assert asked == [(name, {"device": CPU, "pretrained_model_path": str(path)})]
    output = torch.full((2, 1, 200, 200), 0.25)
    values = built.update(output, torch.rand(2, 1, 200, 200))
    assert isinstance(values, Tensor)
    assert values.tolist() == [0.25, 0.25]
    assert values.dtype == torch.float64
    assert built.higher_is_better == (name == "musiq")
    assert f"weights {path.name}, sha256 " in built.protocol
    assert "the output alone" in built.protocol


@pytest.mark.usefixtures("asked")
def test_missing_weights_and_small_pictures_are_told(tmp_path: Path) -> None:
    with pytest.raises(
        RestoreError, match=r"niqe needs the weights niqe_modelparameters\.mat"
    ) as e:
        load_no_reference("niqe", device=CPU, weights=tmp_path)
    assert "--weights" in (e.value.hint or "")
    path = tmp_path / NO_REFERENCE["niqe"].weights
    path.write_bytes(b"weights")
    score, _ = load_no_reference("niqe", device=CPU, weights=path)
    small = torch.zeros(1, 3, 100, 300)
    with pytest.raises(RestoreError, match="at least 192 pixels"):
        score(small, small)


@pytest.mark.usefixtures("asked")
def test_weights_that_hold_more_than_tensors_are_refused(tmp_path: Path) -> None:
    torch.save({"a": Path("x")}, tmp_path / NO_REFERENCE["musiq"].weights)
    with pytest.raises(RestoreError, match="other things than tensors"):
        load_no_reference("musiq", device=CPU, weights=tmp_path)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    with pytest.raises(RestoreError, match="niqe needs the Python package pyiqa") as caught:
        load_no_reference("niqe", device=CPU, weights=tmp_path)
    assert "restore-cli[no-reference]" in (caught.value.hint or "")
