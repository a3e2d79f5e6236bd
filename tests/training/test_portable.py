from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from restore_cli.training.loop import Trained
from restore_cli.training.portable import portable

Train = Callable[..., Trained]


def test_a_run_goes_on_elsewhere_from_a_small_state(train: Train, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "here", stop=5)
    saved = torch.load(tmp_path / "here" / "checkpoint.pt", weights_only=True)
    small = portable(saved)
    (tmp_path / "there").mkdir()
    torch.save(small, tmp_path / "there" / "trunk.pt")
    sizes = [(tmp_path / name).stat().st_size for name in ("here/checkpoint.pt", "there/trunk.pt")]
    assert sizes[1] < 0.5 * sizes[0]
    for name, value in small["average"].items():
        torch.testing.assert_close(value.float(), saved["average"][name], atol=1e-3, rtol=1e-3)
    assert (small["step"], small["sittings"]) == (5, saved["sittings"])
    assert train(tmp_path / "there").steps == 20


def test_a_weight_that_fp16_cannot_hold_is_refused(train: Train, tmp_path: Path) -> None:
    train(tmp_path, "optim.steps=3", "optim.warmup=0")
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    saved["average"]["head.weight"].fill_(1e6)
    with pytest.raises(ValueError, match=r"head\.weight is not finite in fp16"):
        portable(saved)
