"""The global context of a picture: where it looks, and that every window is told the same."""

import numpy as np
import pytest
import torch
from torch import nn

from restore_cli.engine.backend import TorchBackend
from restore_cli.engine.global_context import GRID, SIDE, part_of, patches, whole_of
from restore_cli.engine.restorer import Restorer
from restore_cli.engine.windows import Pixels
from restore_cli.networks.unet import UNet


def coordinates(height: int, width: int) -> Pixels:
    y, x = np.indices((height, width))
    return np.stack([y, x, np.zeros_like(x)]).astype(np.float32)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (160, 160), (161, 481), (700, 1000)])
def test_patches_reach_every_edge_and_leave_small_pictures_no_gap(size: tuple[int, int]) -> None:
    found = patches(coordinates(*size))
    assert found.shape[1:] == (3, min(size[0], SIDE), min(size[1], SIDE))
    assert 1 <= len(found) <= GRID**2
    seen = {(int(y), int(x)) for y, x in zip(*(found[:, c].flat for c in (0, 1)), strict=True)}
    assert {(0, 0), (size[0] - 1, size[1] - 1)} <= seen
    if max(size) <= GRID * SIDE:
        assert len(seen) == size[0] * size[1]


def test_large_pictures_cost_no_more() -> None:
    assert patches(np.zeros((3, 2000, 3000), np.float32)).shape == (GRID**2, 3, SIDE, SIDE)


def test_a_part_is_told_of_its_whole() -> None:
    part, whole = coordinates(20, 30), patches(coordinates(500, 700))
    with part_of(whole):
        assert whole_of(part) is whole
    assert np.array_equal(whole_of(part), patches(part))


def test_the_answer_is_the_mean_over_patches() -> None:
    class Mean(UNet):
        def global_context(self, image: torch.Tensor) -> torch.Tensor:
            return image.mean(dim=(2, 3))

    image = torch.rand(3, 320, 480, generator=torch.Generator().manual_seed(0))
    network = Mean(widths=(4, 8), depths=(1, 1), global_context=3)
    answer = TorchBackend(network).context(torch.from_numpy(patches(image.numpy())))
    assert answer is not None
    torch.testing.assert_close(answer, image.mean(dim=(1, 2))[None], atol=1e-6, rtol=0)


def test_every_window_is_told_of_the_whole_picture() -> None:
    torch.manual_seed(0)
    network = UNet(widths=(4, 8), depths=(1, 1), global_context=6)
    nn.init.normal_(network.tail.weight, std=0.02)
    for modulation in network.modulations:
        nn.init.normal_(modulation.layers[2].weight, std=2.0)
    image = torch.rand(3, 200, 300)
    image[:, :, 150:] *= 0.1  # a window of one half alone would say something else
    whole, tiled = (
        Restorer(network, device="cpu", tile=tile, overlap=32)(image).image for tile in ("none", 96)
    )
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)
    halves = [
        Restorer(network, device="cpu", tile="none")(half).image for half in image.split(150, 2)
    ]
    assert (torch.cat(halves, dim=2) - whole).abs().max() > 1e-3
