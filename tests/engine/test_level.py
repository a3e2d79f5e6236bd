import math

import pytest
import torch

from restore_cli.engine.level import (
    MEANINGS,
    RANGES,
    check_level,
    is_told_by_context,
    quantity_of,
    told_level,
)
from restore_cli.engine.restorer import Restorer
from restore_cli.errors import RestoreError
from restore_cli.networks.amounts import QUANTITIES
from restore_cli.networks.base import NetworkInfo
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.unet import UNet

NOISE = NetworkInfo(level="sigma")
RAIN = NetworkInfo(level="amounts", quantity="rain")
ALL = NetworkInfo(level="amounts")
NONE = NetworkInfo()
HAZE = NetworkInfo(context=True, quantity="haze")  # told by another context
BLUR = NetworkInfo(context=True, level="blur", quantity="blur")  # likewise


def test_a_network_says_what_its_level_counts() -> None:
    assert [quantity_of(info) for info in (NOISE, RAIN, ALL, NONE)] == ["sigma", "rain", "", ""]
    assert [quantity_of(info) for info in (HAZE, BLUR)] == ["haze", "blur"]
    assert not any(map(is_told_by_context, (NOISE, RAIN, ALL, NONE)))
    assert all(map(is_told_by_context, (HAZE, BLUR)))
    assert set(RANGES) == set(MEANINGS) == set(QUANTITIES)


def test_no_level_and_nothing_fit_every_network() -> None:
    for info in (NOISE, RAIN, ALL, NONE):
        check_level(info, None)
        check_level(info, 0.0)


def test_a_level_out_of_range_is_told_what_it_counts() -> None:
    with pytest.raises(RestoreError) as caught:
        check_level(RAIN, 7.0)
    assert caught.value.hint == f"the level of this model is {MEANINGS['rain']}"


@pytest.mark.parametrize(
    ("info", "level", "message"),
    [
        (NONE, 1.0, "takes no level"),
        (ALL, 1.0, "takes no level"),
        (NOISE, 256.0, r"sigma 256 is outside 0\.\.255"),
        (NOISE, math.nan, "sigma nan is outside"),
        (RAIN, -0.1, r"rain -0\.1 is outside 0\.\.1"),
    ],
)
def test_a_level_that_cannot_be_told_is_refused(
    info: NetworkInfo, level: float, message: str
) -> None:
    with pytest.raises(RestoreError, match=message):
        check_level(info, level)


def test_a_noise_level_is_told_on_the_scale_of_pictures() -> None:
    found = told_level(NOISE, 51.0, torch.zeros(3, 3, 8, 8))
    torch.testing.assert_close(found, torch.full((3,), 0.2))


def test_one_amount_is_told_and_the_others_are_unknown() -> None:
    found = told_level(RAIN, 0.05, torch.zeros(2, 3, 8, 8))
    assert found.shape == (2, len(QUANTITIES))
    assert found[:, 0].tolist() == pytest.approx([0.5, 0.5])
    assert bool(found[:, 1:].isnan().all())


def test_a_network_of_amounts_is_told_one_and_says_what_it_sees() -> None:
    torch.manual_seed(0)
    network = GuidedUNet(widths=(8, 16), depths=(1, 1), guide=8, quantity="rain")
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.05 * torch.randn(value.shape))
        network.encoder.amounts[-1].bias.fill_(0.5)
    restorer = Restorer(network, device="cpu", precision="fp32")
    image = torch.rand(3, 150, 160)
    blind = restorer(image)
    seen = blind.details["level"]
    assert isinstance(seen, float)
    assert 0 < seen < 1
    little, much = (restorer(image, level=level).image for level in (0.01, 0.3))
    assert not torch.allclose(little, much)


def test_a_level_takes_the_place_of_the_context_that_a_picture_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    network = UNet(
        widths=(4, 8), depths=(1, 1), global_context=6, quantity="haze", levels=(0.1, 0.5)
    )
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.1 * torch.randn(value.shape))
    assert network.levels is not None
    network.levels.contexts.copy_(torch.rand(2, 6))
    network.levels.bounds.copy_(torch.tensor([[-9.0], [9.0]]).expand(2, 6))
    restorer, image = Restorer(network, backend="torch", precision="fp32"), torch.rand(3, 150, 160)
    for level in (0.1, 0.2, 0.5):
        with torch.inference_mode():
            wanted = network(image[None], context=network.told_context(level, lambda: image))[
                0
            ].clamp(0, 1)
        found = restorer(image, level=level)
        torch.testing.assert_close(found.image, wanted, atol=1e-5, rtol=0)
        tiled = Restorer(network, backend="torch", precision="fp32", tile=128)
        assert (tiled(image, level=level).image - found.image).abs().max() < 0.05
    assert torch.equal(restorer(image, level=0.0).image, image)
    assert not torch.equal(restorer(image, level=0.5).image, restorer(image).image)
    with pytest.raises(RestoreError, match=r"haze 1.5 is outside 0..1"):
        restorer(image, level=1.5)

    def refuse(self: UNet, image: torch.Tensor) -> torch.Tensor:
        raise AssertionError("nobody asks for the picture's own context")

    told = restorer(image, level=0.5).image
    monkeypatch.setattr(UNet, "global_context", refuse)
    assert torch.equal(restorer(image, level=0.5).image, told)
