"""Number formats and trackers of a run."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.recipe import Recipe
from restore_cli.training.accelerating import accelerated, choose_precision
from restore_cli.training.hardware import hardware
from restore_cli.training.loop import train as train_loop
from restore_cli.training.runs import Run

Parse = Callable[..., Recipe]


def test_a_missing_tensorboard_is_named_with_its_extra(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    recipe = parse()
    run = Run(tmp_path, recipe, resume=True)
    with pytest.raises(RestoreError, match="tensorboard") as caught:
        train_loop(recipe, run, device="cpu", tensorboard=True)
    assert caught.value.hint is not None
    assert "restore-cli[tensorboard]" in caught.value.hint


def test_precision_auto_is_probed_and_kept_where_the_run_goes_on(
    parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(*, pays: bool, saved: dict[str, Any] | None = None) -> str:
        monkeypatch.setattr("restore_cli.training.accelerating.bf16_pays_on_cpu", lambda: pays)
        return choose_precision(parse("optim.precision=auto"), "cpu", saved)

    assert (found(pays=True), found(pays=False)) == ("bf16", "fp32")
    here = {"sittings": [{"hardware": hardware(), "precision": "bf16"}]}
    assert found(pays=False, saved=here) == "bf16"
    elsewhere = {"sittings": [{"hardware": "a GPU", "precision": "bf16"}]}
    assert found(pays=False, saved=elsewhere) == "fp32"
    assert choose_precision(parse("optim.precision=bf16"), "cpu", None) == "bf16"


def test_the_device_is_told_to_accelerate_for_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCELERATE_TORCH_DEVICE", raising=False)
    with accelerated("cpu", "fp32", board=None) as accelerator:
        assert (accelerator.device.type, accelerator.mixed_precision) == ("cpu", "no")
    assert "ACCELERATE_TORCH_DEVICE" not in os.environ


def test_cudnn_tries_out_its_convolutions_in_training_only(monkeypatch: pytest.MonkeyPatch) -> None:
    cudnn, matrices = torch.backends.cudnn, torch.backends.cuda.matmul
    monkeypatch.setattr(cudnn, "benchmark", False)
    monkeypatch.setattr(cudnn, "allow_tf32", False)
    with accelerated("cpu", "fp32", board=None):
        assert (cudnn.benchmark, cudnn.allow_tf32) == (True, True)
        assert not matrices.allow_tf32  # PAL's statistics keep their bits
    assert (cudnn.benchmark, cudnn.allow_tf32) == (False, False)
