"""The published BaryIR: its names and shapes written out, and its arithmetic from its parts.

Names and shapes were read in the published code: xl-tang3/BaryIR, BaryIR/model_bary.py, class
BaryNet, commit 0e1411d762f53cb3f2fd6de1fea1369b6111858a.
"""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.networks.barycenter_restormer import BarycenterRestormer

SMALL = {"width": 4, "blocks": (1, 1, 1, 1), "heads": (1, 2, 2, 4), "refinement": 1}
# Transformer blocks: channels, hidden channels of the feed-forward part, heads; then where.
BLOCKS = {
    (48, 127, 1): [("encoder_level1", 4)],
    (96, 255, 2): [("encoder_level2", 6), ("decoder_level2", 6), ("resdecoder_level2", 6)],
    (192, 510, 4): [
        ("encoder_level3", 6), ("decoder_level3", 6), ("resdecoder_level3", 6), ("noise_level2", 0),
    ],
    (384, 1021, 8): [("latent", 8), ("barylatent", 8)],
    (768, 2042, 4): [("noise_level3", 0)],
    (96, 255, 4): [("noise_level1", 0)],
    (96, 255, 1): [("decoder_level1", 4), ("refinement", 4)],
}  # fmt: skip
# Every other convolution, none with a bias: to, from, side.
CONVOLUTIONS = """
    patch_embed.proj 48 3 3
    down1_2.body.0 24 48 3          down2_3.body.0 48 96 3          down3_4.body.0 96 192 3
    up4_3.body.0 384 192 3          up3_2.body.0 384 192 3          up2_1.body.0 192 96 3
    resup4_3.body.0 768 384 3       resup3_2.body.0 384 192 3       resup2_1.body.0 192 96 3
    reduce_noise_level3 192 768 1   reduce_noise_level2 192 192 1   reduce_noise_level1 96 96 1
    resreduce_noise_level3 384 384 1  resreduce_noise_level2 192 192 1
    resreduce_noise_level1 96 96 1
    reduce_chan_level3 192 288 1    reduce_chan_level2 96 192 1
    resreduce_chan_level3 192 192 1  resreduce_chan_level2 96 96 1
    chnl_reduce1 64 64 1            chnl_reduce2 128 128 1          chnl_reduce3 256 320 1
    reduce_noise_channel_1 48 112 1  reduce_noise_channel_2 96 224 1
    reduce_noise_channel_3 192 448 1
    output 3 96 3
"""


def published_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"LN.body.weight": (384,), "LN.body.bias": (384,)}
    words = CONVOLUTIONS.split()
    for name, to, of, side in zip(*(words[i::4] for i in range(4)), strict=True):
        shapes[f"{name}.weight"] = (int(to), int(of), int(side), int(side))
    for (channels, hidden, heads), places in BLOCKS.items():
        for place, count in places:
            for block in [f"{place}.{i}" for i in range(count)] or [place]:
                shapes |= {
                    f"{block}.norm1.body.weight": (channels,),
                    f"{block}.norm1.body.bias": (channels,),
                    f"{block}.attn.temperature": (heads, 1, 1),
                    f"{block}.attn.qkv.weight": (3 * channels, channels, 1, 1),
                    f"{block}.attn.qkv_dwconv.weight": (3 * channels, 1, 3, 3),
                    f"{block}.attn.project_out.weight": (channels, channels, 1, 1),
                    f"{block}.norm2.body.weight": (channels,),
                    f"{block}.norm2.body.bias": (channels,),
                    f"{block}.ffn.project_in.weight": (2 * hidden, channels, 1, 1),
                    f"{block}.ffn.dwconv.weight": (2 * hidden, 1, 3, 3),
                    f"{block}.ffn.project_out.weight": (channels, hidden, 1, 1),
                }
    return shapes


def test_the_published_state_loads_strictly() -> None:
    shapes = published_shapes()
    with torch.device("meta"):
        network = BarycenterRestormer()
        state = {name: torch.empty(shape) for name, shape in shapes.items()}
    assert {n: tuple(v.shape) for n, v in network.state_dict().items()} == shapes
    network.load_state_dict(state, strict=True, assign=True)


def test_it_computes_what_its_parts_say() -> None:
    torch.manual_seed(0)
    network = BarycenterRestormer(**SMALL, branch_weight=0.7).double().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    state, image = network.state_dict(), torch.rand(2, 3, 16, 24, dtype=torch.float64)

    def conv(x: Tensor, name: str, padding: int = 0) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], padding=padding)

    def block(x: Tensor, name: str) -> Tensor:
        return network.get_submodule(name)(x)

    def smaller(x: Tensor, name: str) -> Tensor:
        return F.pixel_unshuffle(conv(x, f"{name}.body.0", 1), 2)

    def larger(x: Tensor, name: str) -> Tensor:
        return F.pixel_shuffle(conv(x, f"{name}.body.0", 1), 2)

    def normed(x: Tensor) -> Tensor:
        mean, variance = x.mean(dim=1, keepdim=True), x.var(dim=1, keepdim=True, unbiased=False)
        weight, bias = (state[f"LN.body.{p}"].view(1, -1, 1, 1) for p in ("weight", "bias"))
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias

    one = block(conv(image, "patch_embed.proj", 1), "encoder_level1")
    two = block(smaller(one, "down1_2"), "encoder_level2")
    three = block(smaller(two, "down2_3"), "encoder_level3")
    source = normed(block(smaller(three, "down3_4"), "latent"))
    barycenter = normed(block(source, "barylatent"))
    residual = source - barycenter
    x = block(torch.cat([barycenter, residual], dim=1), "noise_level3")
    x, branch = conv(x, "reduce_noise_level3"), conv(residual, "resreduce_noise_level3")
    x, branch = larger(x, "up4_3"), larger(branch, "resup4_3")
    x = conv(torch.cat([x, three + 0.7 * branch], dim=1), "reduce_chan_level3")
    x, branch = block(x, "decoder_level3"), conv(branch, "resreduce_chan_level3")
    branch = block(branch, "resdecoder_level3")
    x = larger(conv(block(x, "noise_level2"), "reduce_noise_level2"), "up3_2")
    branch = larger(conv(branch, "resreduce_noise_level2"), "resup3_2")
    x = conv(torch.cat([x, two + 0.7 * branch], dim=1), "reduce_chan_level2")
    x, branch = block(x, "decoder_level2"), conv(branch, "resreduce_chan_level2")
    branch = block(branch, "resdecoder_level2")
    x = larger(conv(block(x, "noise_level1"), "reduce_noise_level1"), "up2_1")
    branch = larger(conv(branch, "resreduce_noise_level1"), "resup2_1")
    x = block(torch.cat([x, one + 0.7 * branch], dim=1), "decoder_level1")
    restored = image + conv(block(x, "refinement"), "output", 1)

    found = network.decomposed(image)
    for value, hand in zip(found, (restored, source, barycenter, residual), strict=True):
        torch.testing.assert_close(value, hand, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(network(image), restored, atol=1e-9, rtol=1e-9)


def test_all_learn_but_the_layers_that_are_never_used() -> None:
    network = BarycenterRestormer(**SMALL, sources=("noise", "rain"))
    network(torch.rand(1, 3, 16, 16)).square().mean().backward()
    idle = {name.partition(".")[0] for name, p in network.named_parameters() if p.grad is None}
    unused = {f"chnl_reduce{i}" for i in (1, 2, 3)} | {
        f"reduce_noise_channel_{i}" for i in (1, 2, 3)
    }
    assert idle == unused == {n.partition(".")[0] for n, p in network.named_parameters()
                              if not p.requires_grad}  # fmt: skip
    lean = BarycenterRestormer(**SMALL, unused=False)
    assert all(p.requires_grad for p in lean.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": (1, 1, 1)}, "four numbers"),
        ({"heads": (1, 1)}, "four numbers"),
        ({"width": 6, "heads": (1, 2, 5, 8)}, "must divide the channels"),
        ({"width": 1, "heads": (1, 1, 4, 1)}, "the third also x 2"),
        ({"sources": ("rain", "rain")}, "name one twice"),
    ],
)
def test_impossible_arrangements_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BarycenterRestormer(**{**SMALL, **options})  # pyright: ignore[reportArgumentType]
