"""A model is cut at its ends where they must keep all digits, and left whole where it has none."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restore_cli.engine.compiled import Compiled, Parts
from restore_cli.engine.ends import FEATURES, SEEN, Apart, apart
from restore_cli.models.graph import Graph
from restore_cli.models.portable import openvino_model
from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.base import Network, NetworkInfo
from restore_cli.networks.deblur import Deblur
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.unet import UNet

pytest.importorskip("openvino", reason="needs the extra [fast]")


class Two(Network):
    """Ends in the sum of two convolutions."""

    info = NetworkInfo()

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        return self.one(image) + self.other(image)


def _kinds(model: Any) -> list[str]:  # noqa: ANN401
    return [op.get_type_name() for op in model.get_ops()]


def test_the_last_convolution_and_the_sum_are_cut_off() -> None:
    torch.manual_seed(0)
    network = UNet(widths=(8, 8), depths=(1, 1)).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.05)
    whole = openvino_model(Graph(network, context=True))
    rest, tail, front = apart(whole)
    assert front is None
    assert _kinds(tail).count("Convolution") == 1
    assert _kinds(rest).count("Convolution") == _kinds(whole).count("Convolution") - 1
    assert {port.get_any_name() for port in tail.inputs} == {FEATURES, "image"}
    for size in ((64, 96), (384, 352)):
        windows = torch.rand(2, 3, *size)
        found, _ = Compiled(Parts(rest, tail), lambda: 1)(windows.numpy(), None, None, "fp32")
        with torch.inference_mode():
            np.testing.assert_allclose(found, network(windows).numpy(), atol=1e-4)


def test_a_window_is_what_the_whole_is_there_in_bf16_too() -> None:
    torch.manual_seed(0)
    network = UNet(widths=(8, 8), depths=(1, 1)).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.2)
    compiled = Compiled(Parts(*apart(openvino_model(Graph(network, context=True)))), lambda: 1)
    picture = np.random.default_rng(0).random((1, 3, 384, 384), np.float32)
    whole, _ = compiled(picture, None, None, "bf16")
    part, _ = compiled(picture[:, :, :192, :192], None, None, "bf16")
    inside = (..., slice(0, 128), slice(0, 128))
    assert np.abs(whole[inside] - part[inside]).max() <= 0.2 / 255


def test_what_is_told_beside_the_picture_stays() -> None:
    network = BarycenterUNet(widths=(8, 8), depths=(1, 1), sources=("rain", "haze")).eval()
    assert network.means is not None
    torch.nn.init.normal_(network.means.weight)
    rest, tail, _ = apart(openvino_model(Graph(network, context=True)))
    assert tail is not None
    assert len(rest.outputs) == 2


def test_what_is_relit_by_what_the_context_says_is_cut_off_too() -> None:
    torch.manual_seed(0)
    network = GuidedUNet(
        widths=(8, 8), depths=(1, 1), quantity="stops", relight=True, bins=6, exposure=0.46
    ).eval()
    torch.nn.init.normal_(network.body.tail.weight, std=0.02)
    ends = apart(openvino_model(Graph(network, context=True)))
    assert {port.get_any_name() for port in ends.tail.inputs} == {
        FEATURES, "image", "level", "context",
    }  # fmt: skip
    compiled = Compiled(Parts(*ends), lambda: 1)
    dark = 0.1 * torch.rand(1, 3, 128, 96)
    told = torch.full((1, 6), torch.nan)
    told[:, 2] = 1.0  # four stops
    with torch.inference_mode():
        context = network.global_context(dark)
        expected = network(dark, told, context=context).numpy()
    found, _ = compiled(dark.numpy(), told.numpy(), context.numpy(), "bf16")
    # Light that was made in bf16 would be off by half of 1/255 where it is bright.
    assert np.abs(found - expected).max() < 0.5 / 255


def test_filters_before_the_network_stay_in_fp32() -> None:
    torch.manual_seed(0)
    network = Deblur(widths=(8, 8), depths=(1, 1)).eval()
    torch.nn.init.normal_(network.body.tail.weight, std=0.05)
    ends = apart(openvino_model(Graph(network, context=True)))
    assert "MatMul" in _kinds(ends.front)
    assert "MatMul" not in _kinds(ends.rest)
    assert [port.get_any_name() for port in ends.rest.inputs] == [SEEN]
    compiled = Compiled(Parts(*ends), lambda: 1)
    assert compiled.inputs == ["image", "level", "context"]
    windows, widths = torch.rand(2, 3, 128, 96), torch.full((2, 4), 3.0)
    context = torch.rand(1, 5)
    with torch.inference_mode():
        expected = network(windows, widths, context=context.expand(2, -1)).numpy()
    for precision, most in (("fp32", 1e-4), ("bf16", 0.02)):
        found, _ = compiled(windows.numpy(), widths.numpy(), context.numpy(), precision)
        np.testing.assert_allclose(found, expected, atol=most)


def test_others_stay_whole() -> None:
    model = openvino_model(Graph(Two().eval(), context=True))
    assert apart(model) == Apart(model)
