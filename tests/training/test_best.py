from pathlib import Path

import torch

from restore_cli.networks.unet import UNet
from restore_cli.training.best import keep_best, load_best


def network(seed: int) -> UNet:
    torch.manual_seed(seed)
    return UNet(widths=(4, 8), depths=(1, 1))


def test_the_best_is_kept_with_what_it_measured_and_found_again(tmp_path: Path) -> None:
    keep_best(tmp_path, network(0), step=4, psnr=20.123456789)
    kept = keep_best(tmp_path, network(1), step=8, psnr=21.5)
    again = load_best(tmp_path, step=8)
    assert again is not None
    assert (again.step, again.psnr) == (kept.step, kept.psnr) == (8, 21.5)
    for name, value in network(1).state_dict().items():
        assert torch.equal(again.weights[name], value)
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]


def test_what_was_found_later_or_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert load_best(tmp_path, step=8) is None
    keep_best(tmp_path, network(0), step=8, psnr=20.0)
    assert load_best(tmp_path, step=7) is None
    path = tmp_path / "best.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert load_best(tmp_path, step=8) is None
