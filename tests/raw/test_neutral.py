"""The neutral rendering: interpolation, matrix and curve against plain sums."""

import numpy as np
import pytest
import torch

from restore_cli.degradations.cameras import Camera
from restore_cli.degradations.mosaic import expose
from restore_cli.images.color import linear_to_srgb, srgb_to_linear
from restore_cli.raw.bayer import scatter
from restore_cli.raw.neutral import bilinear, camera_to_srgb, neutral_rendering
from restore_cli.raw.rendering import Rendering


def test_each_place_is_the_mean_of_its_nearest_samples() -> None:
    samples = torch.rand(6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    planes = torch.zeros(3, 6, 8, dtype=torch.float64)
    planes[0, 0::2, 0::2] = samples[0::2, 0::2]
    planes[1, 0::2, 1::2], planes[1, 1::2, 0::2] = samples[0::2, 1::2], samples[1::2, 0::2]
    planes[2, 1::2, 1::2] = samples[1::2, 1::2]
    made = bilinear(planes[None])[0]
    assert torch.equal(made[planes > 0], planes[planes > 0])
    red, green, blue = made
    # Samples around (2, 3): red beside it, blue above and below, and it is green itself.
    assert red[2, 3] == pytest.approx(float((samples[2, 2] + samples[2, 4]) / 2))
    assert blue[2, 3] == pytest.approx(float((samples[1, 3] + samples[3, 3]) / 2))
    corners = samples[2, 2] + samples[2, 4] + samples[4, 2] + samples[4, 4]
    assert red[3, 3] == pytest.approx(float(corners / 4))
    around = samples[1, 2] + samples[3, 2] + samples[2, 1] + samples[2, 3]
    assert green[2, 2] == pytest.approx(float(around / 4))


@pytest.mark.parametrize("size", [(2, 2), (2, 6), (8, 4)])
def test_a_flat_scene_stays_flat_to_the_border(size: tuple[int, int]) -> None:
    colour = torch.tensor([0.2, 0.5, 0.7]).view(3, 1, 1).expand(3, *size)
    samples = torch.empty(size)
    for row, column, plane in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        samples[row::2, column::2] = colour[plane, row::2, column::2]
    torch.testing.assert_close(bilinear(scatter(samples)[None])[0], colour)


def test_colours_are_those_of_restore_isp_without_a_look() -> None:
    camera = Camera.named("Nikon D700")
    scene = np.random.default_rng(0).uniform(0.05, 0.95, (5, 7, 3))
    balanced = expose(scene, camera).astype(np.float32)
    matrix = np.linalg.inv(camera.from_srgb())
    rendering = Rendering(matrix=matrix, look="none", bits=16)
    expected = rendering.render(lambda rows: balanced[rows], 5, 7) / 65535
    seen = linear_to_srgb(torch.from_numpy(balanced)).permute(2, 0, 1)[None]
    made = camera_to_srgb(seen, torch.from_numpy(matrix)[None])[0].clamp(0, 1)
    np.testing.assert_allclose(made.permute(1, 2, 0), expected, atol=2e-5)


def test_each_picture_has_its_own_matrix_and_sends_a_gradient_back() -> None:
    planes = torch.rand(2, 3, 4, 4, requires_grad=True)
    matrices = torch.stack([torch.eye(3), torch.eye(3)[[1, 2, 0]]])
    made = neutral_rendering(planes, matrices)
    plain = linear_to_srgb(bilinear(srgb_to_linear(planes)))
    torch.testing.assert_close(made, torch.stack([plain[0], plain[1, [1, 2, 0]]]))
    made.sum().backward()  # pyright: ignore[reportUnknownMemberType]
    assert planes.grad is not None
    assert planes.grad.isfinite().all()
    assert (planes.grad != 0).all(dim=1).any()


def test_what_leaves_the_range_is_kept() -> None:
    wide = torch.tensor([[[1.4, -0.4, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    image = torch.tensor([1.0, 0.2, 0.5]).view(1, 3, 1, 1)
    assert float(camera_to_srgb(image, wide)[0, 0, 0, 0]) > 1.1
