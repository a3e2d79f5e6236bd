"""Checkpoints as they are found: what training puts around a network, and what is no weights."""

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.models.checkpoints import fitting, read_weights, unwrapped
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.nafnet import NAFNet

State = dict[str, Tensor]


def nafnet() -> NAFNet:
    torch.manual_seed(0)
    return NAFNet(width=4, encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,))


def before(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


def zeros(state: State) -> State:
    return {name: value * 0 for name, value in state.items()}


WRAPPED: dict[str, Callable[[State], object]] = {
    "DataParallel": lambda s: {"state_dict": before("module.", s), "epoch": 3},
    "torch.compile": lambda s: {"model_state_dict": before("_orig_mod.", s)},
    "compiled and parallel": lambda s: before("module._orig_mod.", s),
    "Lightning": lambda s: {
        "state_dict": before("net.", s) | {"loss.vgg.0.weight": torch.zeros(3)},
        "pytorch-lightning_version": "2.0",
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
    },
    "Lightning, model": lambda s: {"state_dict": before("model.", s)},
    "averaged": lambda s: before("module.", s) | {"n_averaged": torch.tensor(3)},
    "average before the last": lambda s: {"params": zeros(s), "params_ema": s},
    "average of another name": lambda s: {"model": zeros(s), "ema": s},
    "DeepSpeed": lambda s: {"module": s},
    "a GAN's parts": lambda s: {"g": s, "d": {"w": torch.zeros(3)}},
    "a GAN in one": lambda s: before("generator.", s) | {"discriminator.w": torch.zeros(3)},
    "network and optimiser": lambda s: {"network": s, "optimizer": {"state": {}}},
    "nested": lambda s: {"model": {"state_dict": before("module.", s)}},
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_network_is_found_in_what_training_put_around_it(name: str, tmp_path: Path) -> None:
    made = nafnet()
    path = tmp_path / "checkpoint.pth"
    torch.save(WRAPPED[name](made.state_dict()), path)
    found = zoo.load(str(path)).network
    assert isinstance(found, NAFNet)
    for key, value in made.state_dict().items():
        torch.testing.assert_close(found.state_dict()[key], value)
    names = made.state_dict().keys()
    assert fitting(read_weights(path)[0], names).keys() == names


def test_names_of_a_networks_own_that_begin_like_a_wrapper_stay(tmp_path: Path) -> None:
    made = CutGenerator(width=4, blocks=2, feature_layers=(0,))
    path = tmp_path / "latest_net_G.pth"
    torch.save(made.state_dict(), path)
    assert isinstance(zoo.load(str(path)).network, CutGenerator)


def test_what_fits_nothing_stays_as_it_is() -> None:
    state = {"module.a": torch.zeros(1)}
    assert fitting(state, ["b"]).keys() == state.keys()


def test_names_cannot_claim_any_number_of_layers() -> None:
    kinds = ("module.", "model.", "net.", "generator.")
    hostile = {"".join(one) + "w": torch.zeros(1) for one in itertools.product(kinds, repeat=4)}
    assert len(list(unwrapped(hostile))) == 16


NO_WEIGHTS = {
    "empty.pth": (b"", "is empty"),
    "page.pth": (b"\n<!DOCTYPE html><html>Sign in", "is a web page"),
    "pointer.pth": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
    "picture.pth": (b"\xff\xd8\xff\xe0" + bytes(range(200)), r"is a picture \(JPEG\), not weights"),
    "picture.safetensors": (b"\x89PNG\r\n\x1a\n" + bytes(90), r"is a picture \(PNG\), not weights"),
    "notes.pth": ("# Notes\n\nFür alle.\n".encode(), "is a text, not weights"),
    "pointer.safetensors": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
}


@pytest.mark.parametrize("name", NO_WEIGHTS)
def test_what_was_downloaded_instead_of_weights_is_called_so(name: str, tmp_path: Path) -> None:
    content, words = NO_WEIGHTS[name]
    path = tmp_path / name
    path.write_bytes(content)
    for read in (read_weights, lambda one: zoo.load(str(one))):
        with pytest.raises(RestoreError, match=words) as caught:
            read(path)
        assert str(path) in caught.value.message
        assert caught.value.hint


def test_weights_under_the_other_kinds_suffix_are_told(tmp_path: Path) -> None:
    state = {"a": torch.zeros(2)}
    torch.save(state, tmp_path / "x.safetensors")
    save_file(state, tmp_path / "x.pth")
    with pytest.raises(RestoreError, match="not safetensors") as caught:
        read_weights(tmp_path / "x.safetensors")
    assert caught.value.hint == "rename it to .pth"
    with pytest.raises(RestoreError, match="is a safetensors file"):
        read_weights(tmp_path / "x.pth")


def test_code_that_a_checkpoint_needs_is_named_and_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "args": argparse.Namespace(lr=1)}, tmp_path / "x.pth")
    with pytest.raises(RestoreError, match=r"needs the code of argparse\.Namespace"):
        read_weights(tmp_path / "x.pth")


def test_a_program_is_called_one(tmp_path: Path) -> None:
    torch.jit.trace(nn.Conv2d(1, 1, 1), torch.rand(1, 1, 2, 2)).save(tmp_path / "x.pt")  # pyright: ignore
    with pytest.raises(RestoreError, match="is a TorchScript program"):
        read_weights(tmp_path / "x.pt")


def test_a_checkpoint_without_tensors_says_what_is_wanted(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "x.pth")
    with pytest.raises(RestoreError, match="holds no tensors") as caught:
        read_weights(tmp_path / "x.pth")
    assert caught.value.hint
