"""Torch computes windows of any network, and tells degradations where training taught them."""

import torch

from restore_cli.engine.backend import TorchBackend
from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.unet import UNet


def test_windows_share_the_context_of_their_picture() -> None:
    torch.manual_seed(0)
    network = UNet(widths=(4, 8), depths=(1, 1), global_context=3).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.1)
    windows = torch.rand(2, 3, 16, 16)
    context = TorchBackend(network).context(torch.rand(1, 3, 32, 32))
    assert context is not None
    with torch.inference_mode():
        computed = TorchBackend(network)(windows, None, context, "fp32")
        expected = network(windows, context=context.expand(2, -1))
    torch.testing.assert_close(computed.image, expected, atol=1e-6, rtol=0)
    assert computed.degradations is None
    assert TorchBackend(UNet(widths=(4, 8), depths=(1, 1))).context(windows) is None


def test_degradations_are_told_once_they_are_learnt() -> None:
    torch.manual_seed(0)
    network = BarycenterUNet(widths=(4, 8), depths=(1, 1), sources=("rain", "haze")).eval()
    windows = torch.rand(2, 3, 16, 16)
    with torch.inference_mode():
        assert TorchBackend(network)(windows, None, None, "fp32").degradations is None
        assert network.means is not None
        network.means.weight.fill_(1.0)
        told = TorchBackend(network)(windows, None, None, "fp32").degradations
    assert told is not None
    torch.testing.assert_close(told.sum(dim=1), torch.ones(2))


def test_half_precision_is_computed_and_returned_as_float32() -> None:
    torch.manual_seed(0)
    network = UNet(widths=(8, 8), depths=(1, 1)).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.1)
    backend = TorchBackend(network)
    backend.move(torch.device("cpu"))
    windows = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        full, half = (backend(windows, None, None, name).image for name in ("fp32", "bf16"))
    assert half.dtype == torch.float32
    assert not torch.equal(full, half)
    torch.testing.assert_close(full, half, atol=0.02, rtol=0)
