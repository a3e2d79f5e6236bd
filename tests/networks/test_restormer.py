"""Restormer against its published names, and against its arithmetic written out from them."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.networks.restormer import Restormer

State = dict[str, Tensor]


def block_shapes(name: str, channels: int, heads: int, *, bias: bool) -> dict[str, tuple[int, ...]]:
    hidden = int(channels * 2.66)
    shapes: dict[str, tuple[int, ...]] = {
        f"{name}.attn.temperature": (heads, 1, 1),
        f"{name}.attn.qkv.weight": (3 * channels, channels, 1, 1),
        f"{name}.attn.qkv_dwconv.weight": (3 * channels, 1, 3, 3),
        f"{name}.attn.project_out.weight": (channels, channels, 1, 1),
        f"{name}.ffn.project_in.weight": (2 * hidden, channels, 1, 1),
        f"{name}.ffn.dwconv.weight": (2 * hidden, 1, 3, 3),
        f"{name}.ffn.project_out.weight": (channels, hidden, 1, 1),
    }
    for norm in ("norm1", "norm2"):
        shapes[f"{name}.{norm}.body.weight"] = (channels,)
        if bias:
            shapes[f"{name}.{norm}.body.bias"] = (channels,)
    return shapes


def published_shapes(*, bias: bool) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published 48-channel arrangement."""
    stages = {
        "encoder_level1": (48, 4, 1), "encoder_level2": (96, 6, 2), "encoder_level3": (192, 6, 4),
        "latent": (384, 8, 8), "decoder_level3": (192, 6, 4), "decoder_level2": (96, 6, 2),
        "decoder_level1": (96, 4, 1), "refinement": (96, 4, 1),
    }  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {
        "patch_embed.proj.weight": (48, 3, 3, 3),
        "down1_2.body.0.weight": (24, 48, 3, 3),
        "down2_3.body.0.weight": (48, 96, 3, 3),
        "down3_4.body.0.weight": (96, 192, 3, 3),
        "up4_3.body.0.weight": (768, 384, 3, 3),
        "up3_2.body.0.weight": (384, 192, 3, 3),
        "up2_1.body.0.weight": (192, 96, 3, 3),
        "reduce_chan_level3.weight": (192, 384, 1, 1),
        "reduce_chan_level2.weight": (96, 192, 1, 1),
        "output.weight": (3, 96, 3, 3),
    }
    for stage, (channels, count, heads) in stages.items():
        for index in range(count):
            shapes |= block_shapes(f"{stage}.{index}", channels, heads, bias=bias)
    return shapes


@pytest.mark.parametrize("norm", ["with-bias", "bias-free"])
def test_the_published_layout_is_this_one(norm: str) -> None:
    with torch.device("meta"):
        state = Restormer(norm=norm).state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes == published_shapes(bias=norm == "with-bias")
    if norm == "with-bias":
        assert sum(value.numel() for value in state.values()) == 26_126_644


def block_by_hand(state: State, name: str, x: Tensor, heads: int, *, bias: bool) -> Tensor:
    def normed(x: Tensor, norm: str) -> Tensor:
        mean = x.mean(dim=1, keepdim=True)
        variance = ((x - mean) ** 2).mean(dim=1, keepdim=True)
        weight = state[f"{name}.{norm}.body.weight"].view(1, -1, 1, 1)
        if not bias:
            return x / (variance + 1e-5).sqrt() * weight
        shift = state[f"{name}.{norm}.body.bias"].view(1, -1, 1, 1)
        return (x - mean) / (variance + 1e-5).sqrt() * weight + shift

    def conv(x: Tensor, part: str, **options: int) -> Tensor:
        return F.conv2d(x, state[f"{name}.{part}.weight"], **options)

    batch, channels, height, width = x.shape
    mixed = conv(normed(x, "norm1"), "attn.qkv")
    mixed = conv(mixed, "attn.qkv_dwconv", padding=1, groups=3 * channels)
    out = torch.zeros_like(x)
    each = channels // heads
    for b in range(batch):
        query, key, value = mixed[b].view(3, heads, each, height * width)
        for head in range(heads):
            q, k = (m[head] / m[head].norm(dim=1, keepdim=True) for m in (query, key))
            logits = q @ k.T * state[f"{name}.attn.temperature"][head]
            attended = torch.softmax(logits, dim=1) @ value[head]
            out[b, head * each : (head + 1) * each] = attended.view(each, height, width)
    x = x + conv(out, "attn.project_out")
    wide = conv(normed(x, "norm2"), "ffn.project_in")
    wide = conv(wide, "ffn.dwconv", padding=1, groups=wide.shape[1])
    half = wide.shape[1] // 2
    return x + conv(F.gelu(wide[:, :half]) * wide[:, half:], "ffn.project_out")


@pytest.mark.parametrize("norm", ["with-bias", "bias-free"])
def test_it_computes_what_its_parts_say(norm: str) -> None:
    torch.manual_seed(0)
    network = Restormer(width=4, blocks=(1, 1, 1, 2), refinement=1, heads=(1, 2, 4, 4), norm=norm)
    network = network.double().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    state, image = network.state_dict(), torch.rand(2, 3, 16, 24, dtype=torch.float64)
    bias = norm == "with-bias"

    def conv(x: Tensor, name: str, padding: int = 1) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], padding=padding)

    def stage(x: Tensor, name: str, count: int, heads: int) -> Tensor:
        for index in range(count):
            x = block_by_hand(state, f"{name}.{index}", x, heads, bias=bias)
        return x

    one = stage(conv(image, "patch_embed.proj"), "encoder_level1", 1, 1)
    two = stage(F.pixel_unshuffle(conv(one, "down1_2.body.0"), 2), "encoder_level2", 1, 2)
    three = stage(F.pixel_unshuffle(conv(two, "down2_3.body.0"), 2), "encoder_level3", 1, 4)
    x = stage(F.pixel_unshuffle(conv(three, "down3_4.body.0"), 2), "latent", 2, 4)
    x = torch.cat([F.pixel_shuffle(conv(x, "up4_3.body.0"), 2), three], dim=1)
    x = stage(conv(x, "reduce_chan_level3", 0), "decoder_level3", 1, 4)
    x = torch.cat([F.pixel_shuffle(conv(x, "up3_2.body.0"), 2), two], dim=1)
    x = stage(conv(x, "reduce_chan_level2", 0), "decoder_level2", 1, 2)
    x = torch.cat([F.pixel_shuffle(conv(x, "up2_1.body.0"), 2), one], dim=1)
    x = stage(stage(x, "decoder_level1", 1, 1), "refinement", 1, 1)
    torch.testing.assert_close(network(image), image + conv(x, "output"), atol=1e-9, rtol=1e-9)


def test_every_parameter_learns() -> None:
    network = Restormer(width=4, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 1, 1, 1))
    network(torch.rand(1, 3, 8, 16)).square().mean().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": (1, 1, 1)}, "four numbers"),
        ({"heads": (1, 1)}, "four numbers"),
        ({"width": 6, "heads": (1, 2, 5, 8)}, "must divide the channels"),
    ],
)
def test_impossible_arrangements_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Restormer(**options)  # pyright: ignore[reportArgumentType]
