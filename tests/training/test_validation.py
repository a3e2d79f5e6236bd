import math

import pytest
import torch
from torch import Tensor

from restore_cli.data.sample import Sample
from restore_cli.evaluation.metrics import psnr
from restore_cli.networks.base import Network, NetworkInfo
from restore_cli.networks.unet import UNet
from restore_cli.raw.neutral import camera_to_srgb
from restore_cli.training.validation import MOST, input_psnr, mean, validate


class Brighter(Network):
    def __init__(self, *, takes_sigma: bool) -> None:
        super().__init__()
        self.info = NetworkInfo(multiple=4, level="sigma" if takes_sigma else None)
        self.sigmas: list[float] = []

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        assert image.shape[-2] % 4 == image.shape[-1] % 4 == 0
        assert (level is not None) == self.info.takes_sigma
        if level is not None:
            self.sigmas.extend(level.tolist())
        return image + 0.05


def pair(value: float, size: tuple[int, int]) -> Sample:
    image, target = torch.full((3, *size), value), torch.full((3, *size), 0.5)
    return Sample.of(image, target, sigma=torch.tensor(0.1))


@pytest.mark.parametrize("takes_sigma", [True, False])
def test_psnr_is_of_the_clamped_output_cropped_to_the_multiple(takes_sigma: bool) -> None:
    network = Brighter(takes_sigma=takes_sigma)
    pairs = [pair(0.4, (9, 14)), pair(0.35, (8, 8)), pair(2.0, (4, 5))]
    found = validate(network, pairs, samples=2, device=torch.device("cpu"))
    # Errors of 0.05, 0.1 and, after clamping to 1, 0.5: 26.02, 20 and 6.02 dB.
    assert found.psnr == pytest.approx((26.0206 + 20 + 6.0206) / 3, abs=1e-3)
    assert [tuple(tensor.shape) for tensor in found.rows[0]] == [(3, 8, 12)] * 3
    assert len(found.rows) == 2
    assert network.sigmas == pytest.approx([0.1] * 3 if takes_sigma else [])


def test_the_input_is_measured_whole_and_clamped() -> None:
    assert input_psnr([pair(0.4, (9, 14)), pair(3.0, (8, 8))]) == pytest.approx(
        (20 + 6.0206) / 2, abs=1e-3
    )


def test_a_clean_picture_that_stays_as_it_is_counts_for_no_more_than_rounding_leaves() -> None:
    pairs = [pair(0.5, (8, 8)), pair(0.4, (8, 8))]
    assert input_psnr(pairs) == pytest.approx((MOST + 20) / 2, abs=1e-3)
    network = Brighter(takes_sigma=False)
    found = validate(network, [pair(0.45, (8, 8))], samples=1, device=torch.device("cpu"))
    assert found.psnr == MOST
    rounded = -10 * math.log10((1 / 255) ** 2 / 12)
    assert rounded == pytest.approx(58.92, abs=0.01)
    assert rounded < MOST


def test_without_pictures_there_is_no_number() -> None:
    network = Brighter(takes_sigma=False)
    assert validate(network, [], samples=4, device=torch.device("cpu")).psnr is None
    assert input_psnr([]) is None
    assert mean([]) is None


def test_of_mosaics_the_finished_picture_is_measured_and_the_plainest_one_is_the_input() -> None:
    network = Brighter(takes_sigma=False)
    matrix = torch.tensor([[1.6, -0.5, -0.1], [-0.2, 1.5, -0.3], [0.0, -0.4, 1.4]])
    image = torch.tensor([0.2, 0.5, 0.4]).view(3, 1, 1).expand(3, 8, 8)
    finished = camera_to_srgb((image + 0.05)[None], matrix[None])[0].clamp(0, 1)
    mosaic = Sample.of(image, finished + 0.1, matrix=matrix, rendering=finished + 0.01)
    found = validate(network, [mosaic], samples=1, device=torch.device("cpu"))
    assert found.psnr == pytest.approx(20, abs=1e-3)
    assert torch.equal(found.rows[0][0], finished + 0.01)
    torch.testing.assert_close(found.rows[0][1], finished)
    expected = -20 * torch.log10(torch.tensor(0.09))
    assert input_psnr([mosaic]) == pytest.approx(float(expected), abs=1e-3)


def test_pictures_of_one_size_are_computed_together_and_none_is_mixed_up() -> None:
    seen: list[int] = []

    class Counting(Network):
        info = NetworkInfo(multiple=4)

        def forward(
            self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
        ) -> Tensor:
            seen.append(len(image))
            return image

    generator = torch.Generator().manual_seed(0)
    sides = [16, 16, 17, 16, 16, 16, 20, 12]  # 17 is cropped to 16
    pairs = [
        Sample.of(*(torch.rand(3, side, side, generator=generator) for _ in range(2)))
        for side in sides
    ]
    found = validate(Counting(), pairs, samples=8, device=torch.device("cpu"))
    assert seen == [4, 2, 1, 1]
    expected = [
        float(psnr(p.image[None, :, :s, :s], p.target[None, :, :s, :s]))
        for p, s in zip(pairs, [side - side % 4 for side in sides], strict=True)
    ]
    assert found.psnr == pytest.approx(sum(expected) / 8)
    assert [row[0].shape[1] for row in found.rows] == [16, 16, 16, 16, 16, 16, 20, 12]


def test_measuring_in_half_the_digits_is_close() -> None:
    torch.manual_seed(0)
    network = UNet(widths=(8, 16), depths=(1, 1)).eval()
    with torch.no_grad():
        network.tail.weight.normal_(std=0.05)
    pairs = [Sample.of(torch.rand(3, 32, 32), torch.rand(3, 32, 32)) for _ in range(3)]
    full, half = (
        validate(network, pairs, samples=0, device=torch.device("cpu"), precision=precision).psnr
        for precision in ("fp32", "bf16")
    )
    assert full is not None
    assert half == pytest.approx(full, abs=0.02)
    assert half != full
