"""The recipe's `pal` keys, alike in every objective that has them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from restore_cli.data.sample import Batch
from restore_cli.losses.alignment import photometric_alignment_loss
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.alignment import Alignment
from restore_cli.methods.base import Objective
from restore_cli.networks import NETWORKS
from restore_cli.recipe import Choice, construct

NETWORK: dict[str, dict[str, object]] = {
    "supervised": {"name": "unet", "widths": [4, 8], "depths": [1, 1]},
    "eguot": {"name": "unet", "widths": [4, 8], "depths": [1, 1]},
    "vae": {"name": "vae", "channels": 4, "widths": [8, 8], "blocks": [0, 1]},
    "baryir": {"name": "baryir", "widths": [4, 6], "depths": [1, 1], "sources": ["a", "b"]},
    "cut": {"name": "cut", "width": 4, "blocks": 1, "feature_layers": [0, 4]},
}
SMALL: dict[str, dict[str, object]] = {
    "eguot": {"width": 8, "transport": 0.0, "colour": 0.0, "structure": 0.0, "frequency": 0.0},
    "baryir": {"potential": 0.0},
    "cut": {"patches": 6, "features": 5, "discriminator_width": 4, "discriminator_layers": 1},
}


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    image, target = (torch.rand(2, 3, 16, 16, generator=generator) for _ in range(2))
    return Batch.of(image, target, source=torch.tensor([0, 1]))


def objective(name: str, **options: object) -> Objective:
    torch.manual_seed(1)
    network = construct(Choice.model_validate(NETWORK[name]), NETWORKS, section="network")
    for parameter in network.parameters():
        if not parameter.any():  # what begins as nothing would hide the loss
            torch.nn.init.normal_(parameter, std=0.1)
    choice = Choice.model_validate({"name": name, **SMALL.get(name, {}), **options})
    return construct(choice, OBJECTIVES, network, section="objective")


@pytest.mark.parametrize("name", NETWORK)
def test_every_objective_has_the_keys_and_takes_the_mask(name: str, batch: Batch) -> None:
    def loss(**options: object) -> float:
        torch.manual_seed(2)
        *_, step = objective(name, **options).steps(batch)
        step.loss.backward()
        return float(step.loss.detach())

    plain, added = loss(), loss(pal=0.5)
    assert added > plain
    assert loss(pal=1.0) - plain == pytest.approx(2 * (added - plain), rel=1e-3)
    found = {
        added,
        loss(pal=0.5, pal_mask=[0.1, 0.9]),
        loss(pal=0.5, pal_eps=0.1),
        loss(pal=0.5, pal_rho="psnr"),
    }
    assert len(found) == 4


@pytest.mark.parametrize("loss", ["l1", "charbonnier", "psnr"])
@pytest.mark.parametrize("rho", ["loss", "l1", "charbonnier", "psnr"])
def test_rho_is_the_objectives_loss_unless_told(loss: str, rho: str, batch: Batch) -> None:
    align = Alignment(weight=1.0, loss=loss, rho=rho, floor=1e-3)  # pyright: ignore[reportArgumentType]
    found = align(batch.image, batch.target, batch)
    assert found.shape == (2,)
    expected = photometric_alignment_loss(
        batch.image, batch.target, eps=1e-4, rho=loss if rho == "loss" else rho, floor=1e-3
    )
    torch.testing.assert_close(found.mean(), expected)


def test_clipped_pixels_of_target_or_input_do_not_count(batch: Batch) -> None:
    align = Alignment(weight=1.0, mask=(0.01, 0.99))
    inside = batch.mapped(lambda t: 0.2 + 0.6 * t if t.ndim == 4 else t)
    output = inside.image.clone()
    plain = align(output, inside.target, inside)
    for name in ("image", "target"):
        clipped = getattr(inside, name).clone()
        clipped[:, 1, :4] = 1.0
        seen = replace(inside, **{name: clipped})
        spoilt = output.clone()
        spoilt[:, :, :4] = 7.0
        found = align(spoilt, seen.target, seen)
        rest = replace(inside, image=inside.image[:, :, 4:], target=inside.target[:, :, 4:])
        torch.testing.assert_close(found, align(output[:, :, 4:], rest.target, rest))
        assert not torch.allclose(found, plain)


def test_a_mosaics_gaps_are_not_clipped_pixels(batch: Batch) -> None:
    align = Alignment(weight=1.0, mask=(0.01, 0.99))
    gaps = batch.image.clone()
    gaps[:, :2] = 0.0
    mosaic = replace(batch, image=gaps, matrix=torch.eye(3).expand(2, 3, 3))
    assert not align(batch.image, batch.target, replace(mosaic, matrix=None)).any()
    assert (align(batch.image, batch.target, mosaic) > 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": -1.0}, "0 or more"),
        ({"eps": 0.0}, "pal_eps is 0.0; it must be above 0"),
        ({"rho": "l2"}, "no distance 'l2'"),
        ({"mask": (0.9, 0.1)}, "least value comes first"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    make: Callable[..., Alignment] = Alignment
    with pytest.raises(ValueError, match=message):
        make(**{"weight": 1.0, **change})
