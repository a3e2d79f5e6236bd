"""The network that develops mosaics: its linear start, its noise levels, its place on the grid."""

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from restore_cli.degradations.mosaic import scatter
from restore_cli.networks.isp import ISP

NAN = float("nan")


def small(*, awake: bool = True) -> ISP:
    torch.manual_seed(0)
    network = ISP(widths=(8, 8), depths=(1, 1)).eval()
    if awake:
        torch.nn.init.normal_(network.tail.weight, std=0.1)
    return network


def mosaics(*size: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.stack([scatter(torch.rand(size[1:])) for _ in range(size[0])])


def malvar(mosaic: np.ndarray) -> np.ndarray:
    """Malvar, He, Cutler 2004, written out for one RGGB mosaic with SciPy; (H, W, 3)."""
    green = np.array(
        [[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]
    )
    row = np.array(
        [
            [0, 0, 0.5, 0, 0],
            [0, -1, 0, -1, 0],
            [-1, 4, 5, 4, -1],
            [0, -1, 0, -1, 0],
            [0, 0, 0.5, 0, 0],
        ]
    )
    cross = np.array(
        [
            [0, 0, -1.5, 0, 0],
            [0, 2, 0, 2, 0],
            [-1.5, 0, 6, 0, -1.5],
            [0, 2, 0, 2, 0],
            [0, 0, -1.5, 0, 0],
        ]
    )
    g, r, c, x = (convolve(mosaic, k / 8, mode="mirror") for k in (green, row, row.T, cross))
    out = np.repeat(mosaic[..., None], 3, axis=2)
    out[::2, ::2, 1], out[1::2, 1::2, 1] = g[::2, ::2], g[1::2, 1::2]
    out[::2, 1::2, 0], out[1::2, ::2, 0], out[1::2, 1::2, 0] = (
        r[::2, 1::2], c[1::2, ::2], x[1::2, 1::2],
    )  # fmt: skip
    out[1::2, ::2, 2], out[::2, 1::2, 2], out[::2, ::2, 2] = (
        r[1::2, ::2], c[::2, 1::2], x[::2, ::2],
    )  # fmt: skip
    return out


@torch.no_grad()
@pytest.mark.parametrize("size", [(4, 4), (8, 12), (16, 20)])
def test_untrained_it_is_the_linear_interpolation_of_malvar(size: tuple[int, int]) -> None:
    images = mosaics(2, *size)
    result = small(awake=False)(images)
    for image, output in zip(images, result, strict=True):
        expected = malvar(image.sum(0).double().numpy())
        np.testing.assert_allclose(output.permute(1, 2, 0), expected, atol=2e-6)


def test_a_flat_colour_comes_back_exactly_everywhere() -> None:
    colour = torch.tensor([0.2, 0.5, 0.7]).view(3, 1, 1)
    mosaic = torch.zeros(3, 12, 16)
    mosaic[0, ::2, ::2], mosaic[2, 1::2, 1::2] = colour[0], colour[2]
    mosaic[1, ::2, 1::2] = mosaic[1, 1::2, ::2] = colour[1]
    result = small(awake=False)(mosaic[None])[0]
    torch.testing.assert_close(result, colour.expand(3, 12, 16), atol=1e-6, rtol=0)


@pytest.mark.parametrize("levels", [1, 2, 3, 5])
def test_shape_and_multiple(levels: int) -> None:
    network = ISP(widths=(8,) * levels, depths=(1,) * levels)
    multiple = network.info.multiple
    assert multiple == max(16, 2**levels)
    images = torch.rand(2, 3, multiple, 2 * multiple)
    restored, level, _ = network.with_estimate(images)
    assert restored.shape == images.shape
    assert level.shape == (2, 1, multiple, 2 * multiple)


def test_widths_and_depths_must_match() -> None:
    with pytest.raises(ValueError, match="same length"):
        ISP(widths=(8, 8), depths=(1,))


def test_the_shipped_size_stays_below_a_million_and_a_half() -> None:
    assert sum(p.numel() for p in ISP().parameters()) <= 1.5e6


def test_gradients_reach_every_parameter() -> None:
    network = small().train()
    restored, level, _ = network.with_estimate(mosaics(2, 16, 16))
    (restored.square().mean() + level.square().mean()).backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@torch.no_grad()
def test_a_given_level_replaces_the_estimate_and_nan_asks_for_it() -> None:
    network, images = small(), mosaics(3, 16, 16)
    blind = network(images)
    given = network(images, torch.tensor([0.0, 0.1, 0.3]))
    assert (blind - given).abs().amax(dim=(1, 2, 3)).min() > 1e-5
    mixed = network(images, torch.tensor([0.0, NAN, 0.3]))
    torch.testing.assert_close(mixed[[0, 2]], given[[0, 2]])
    torch.testing.assert_close(mixed[1], blind[1])
    network.estimator.register_forward_pre_hook(lambda *_: pytest.fail("the estimator ran"))
    network(images, torch.tensor([0.0, 0.1, 0.3]))


@torch.no_grad()
def test_estimated_levels_stand_where_the_samples_are() -> None:
    network, images = small(), mosaics(1, 16, 16)
    _, level, _ = network.with_estimate(images)
    packed = torch.nn.functional.pixel_unshuffle(images.sum(1, keepdim=True), 2)
    expected = torch.nn.functional.pixel_shuffle(network.estimator(packed), 2)
    torch.testing.assert_close(level, expected)


@torch.no_grad()
def test_windows_that_start_at_its_multiple_agree_with_the_whole() -> None:
    network = small()
    image = mosaics(1, 192, 192)
    window = network(image[:, :, network.info.multiple :, 2 * network.info.multiple :])
    whole = network(image)[:, :, network.info.multiple :, 2 * network.info.multiple :]
    torch.testing.assert_close(
        window[:, :, 64:-64, 64:-64], whole[:, :, 64:-64, 64:-64], atol=1e-6, rtol=1e-5
    )
