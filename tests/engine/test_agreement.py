"""Two ways of computing agree where nobody could tell their pictures apart."""

import torch

from restore_cli.engine.agreement import disagreement, probes, results
from restore_cli.engine.backend import TorchBackend
from restore_cli.networks.base import NetworkInfo
from restore_cli.networks.unet import UNet


def test_probes_fit_the_network_and_are_always_the_same() -> None:
    first, second = probes(NetworkInfo(multiple=80)), probes(NetworkInfo(multiple=80))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)
        assert a.shape[2] % 80 == a.shape[3] % 80 == 0
        assert a.min() >= 0
        assert a.max() <= 1
    assert first[1].amin() == first[1].amax()
    mosaic = probes(NetworkInfo(input="mosaic"))[1]
    assert bool(((mosaic > 0).sum(dim=1) == 1).all())


def test_noise_below_sight_agrees_and_noise_above_does_not() -> None:
    pictures = probes(NetworkInfo())
    noise = [torch.randn(p.shape, generator=torch.Generator().manual_seed(1)) for p in pictures]
    near = [p + 1e-3 * n for p, n in zip(pictures, noise, strict=True)]
    far = [p + 3e-3 * n for p, n in zip(pictures, noise, strict=True)]
    assert disagreement(pictures, near) == ""
    assert "dB" in disagreement(pictures, far)


def test_a_band_is_seen_and_a_shift_is_none() -> None:
    pictures = probes(NetworkInfo())
    shifted = [p + 0.4 / 255 for p in pictures]
    assert disagreement(pictures, shifted) == ""
    banded = [p.clone() for p in pictures]
    banded[1][..., 128:] += 0.6 / 255
    assert "bands" in disagreement(pictures, banded)
    broken = [*pictures[:2], pictures[2] * torch.nan]
    assert "finite" in disagreement(pictures, broken)


def test_results_are_those_of_the_network_that_sees_pictures_whole() -> None:
    torch.manual_seed(0)
    network = UNet(widths=(4, 8), depths=(1, 1), global_context=3).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.1)
    with torch.inference_mode():
        expected = [network(p) for p in probes(network.info)]
    for a, b in zip(results(TorchBackend(network), network, "fp32"), expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
