from pathlib import Path

import torch

from restore_cli.networks.unet import UNet
from restore_cli.training.best import best_of, keep_best, load_best


def network(seed: int) -> UNet:
    torch.manual_seed(seed)
    return UNet(widths=(4, 8), depths=(1, 1))


def test_the_best_is_kept_with_what_it_measured_and_found_again(tmp_path: Path) -> None:
    keep_best(tmp_path, best_of(network(0), step=4, psnr=20.123456789))
    kept = best_of(network(1), step=8, psnr=21.5)
    keep_best(tmp_path, kept)
    again = load_best(tmp_path, step=8)
    assert again is not None
    assert (again.step, again.psnr) == (kept.step, kept.psnr) == (8, 21.5)
    for name, value in network(1).state_dict().items():
        assert torch.equal(again.weights[name], value)
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]


def test_what_was_found_later_or_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert load_best(tmp_path, step=8) is None
    keep_best(tmp_path, best_of(network(0), step=8, psnr=20.0))
    assert load_best(tmp_path, step=7) is None
    path = tmp_path / "best.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert load_best(tmp_path, step=8) is None


def test_what_is_kept_in_memory_does_not_change_with_the_network() -> None:
    trained = network(0)
    kept = best_of(trained, step=1, psnr=20.0)
    before = {name: value.clone() for name, value in kept.weights.items()}
    with torch.no_grad():
        for value in trained.parameters():
            value.add_(1)
    for name, value in before.items():
        assert torch.equal(kept.weights[name], value)
