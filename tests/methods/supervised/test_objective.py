"""The supervised objective against losses computed by hand."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.data.sample import Batch
from restore_cli.errors import RestoreError
from restore_cli.losses.alignment import photometric_alignment_loss
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.supervised.levels import LEVEL_STEPS
from restore_cli.methods.supervised.objective import Supervised
from restore_cli.methods.supervised.sources import NAMING_STEPS
from restore_cli.networks.amounts import QUANTITIES, amounts_error
from restore_cli.networks.base import Network, NetworkInfo
from restore_cli.networks.deblur import Deblur
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.unet import UNet
from restore_cli.raw.neutral import camera_to_srgb
from restore_cli.recipe import Choice, construct

NAN = float("nan")


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch.of(
        torch.rand(3, 3, 8, 8, generator=generator),
        torch.rand(3, 3, 8, 8, generator=generator),
        noise=0.2 * torch.rand(3, 1, 8, 8, generator=generator),
        sigma=torch.tensor([0.1, NAN, 0.05]),
    )


def unet(*, noise_map: bool) -> UNet:
    torch.manual_seed(0)
    network = UNet(widths=(4, 6), depths=(1, 1), noise_map=noise_map)
    nn.init.normal_(network.tail.weight, std=0.1)
    return network


def test_time_is_left_for_what_is_learnt_at_the_end() -> None:
    told = UNet(widths=(4, 6), depths=(1, 1), global_context=3, quantity="rain", levels=(0.01, 0.1))
    guided = GuidedUNet(widths=(4, 8), depths=(1, 1))
    naming = GuidedUNet(widths=(4, 8), depths=(1, 1), sources=("noise", "haze"))
    after = [Supervised(n).steps_after for n in (unet(noise_map=False), guided, naming, told)]
    assert after == [0, 0, NAMING_STEPS, LEVEL_STEPS]


@pytest.mark.parametrize("loss", ["l1", "charbonnier"])
def test_without_noise_level_it_is_the_pixel_loss(batch: Batch, loss: str) -> None:
    network = unet(noise_map=False)
    turns = list(Supervised(network, loss=loss).steps(batch))
    assert [turn.module for turn in turns] == ["network"]
    assert dict(turns[0].terms) == {}
    difference = network(batch.image) - batch.target
    hand = difference.abs() if loss == "l1" else (difference**2 + 1e-6).sqrt()
    torch.testing.assert_close(turns[0].loss, hand.mean())


def test_a_floor_is_that_of_the_loss_psnr(batch: Batch) -> None:
    network = unet(noise_map=False)
    (turn,) = Supervised(network, loss="psnr", floor=1e-2).steps(batch)
    error = (network(batch.image) - batch.target).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(turn.loss, (10 * torch.log10(1 + error / 1e-2)).mean())


@pytest.mark.parametrize("weight", [0.0, 0.1, 2.0])
def test_with_noise_level_its_error_is_added(batch: Batch, weight: float) -> None:
    network = unet(noise_map=True)
    (turn,) = Supervised(network, sigma_weight=weight).steps(batch)
    assert network.estimator is not None
    pixel = (network(batch.image, batch.sigma) - batch.target).abs().mean()
    noise = (network.estimator(batch.image) - batch.noise).abs().mean()
    torch.testing.assert_close(turn.terms["pixel"], pixel.detach())
    torch.testing.assert_close(turn.terms["noise"], noise.detach())
    torch.testing.assert_close(turn.loss, pixel + weight * noise)
    assert not any(term.requires_grad for term in turn.terms.values())


WIDTHS = torch.tensor([[1.0, 2.0, 3.0, 0.0], [NAN] * 4, [0.0, 0.0, 5.0, 7.0]])


def deblur() -> Deblur:
    torch.manual_seed(0)
    network = Deblur(widths=(4, 6), depths=(1, 1))
    nn.init.normal_(network.body.tail.weight, std=0.1)
    return network


@pytest.mark.parametrize("weight", [0.0, 0.1, 2.0])
@pytest.mark.parametrize("told", [0.0, 1.0])
def test_the_error_of_known_widths_is_added(batch: Batch, weight: float, told: float) -> None:
    network = deblur()
    batch = replace(batch, blur=WIDTHS)
    (turn,) = Supervised(network, blur_weight=weight, blur_told=told).steps(batch)
    restored, widths, _ = network.with_estimate(batch.image, WIDTHS if told else None)
    pixel = (restored - batch.target).abs().mean()
    error = (widths - WIDTHS)[[0, 2]].abs().mean()
    torch.testing.assert_close(turn.terms["pixel"], pixel.detach())
    torch.testing.assert_close(turn.terms["blur"], error.detach())
    torch.testing.assert_close(turn.loss, pixel + weight * error)


def test_only_a_share_of_the_widths_is_told(batch: Batch) -> None:
    objective = Supervised(deblur(), blur_told=0.5)
    batch = replace(batch, blur=torch.full((3, 4), 5.0))
    losses = {float(next(objective.steps(batch)).terms["pixel"]) for _ in range(30)}
    assert 4 <= len(losses) <= 8  # each of three pictures is told or not


def test_pairs_of_unknown_blur_train_the_rest(batch: Batch) -> None:
    network = deblur()
    batch = replace(batch, blur=torch.full((3, 4), NAN))
    (turn,) = Supervised(network).steps(batch)
    turn.loss.backward()
    assert turn.terms["blur"] == 0
    grads = [p.grad for p in network.body.parameters()]
    assert all(grad is not None and torch.isfinite(grad).all() for grad in grads)


@pytest.mark.parametrize("loss", ["l1", "charbonnier", "psnr"])
def test_photometric_alignment_is_added(batch: Batch, loss: str) -> None:
    network = unet(noise_map=False)
    (plain,) = Supervised(network, loss=loss).steps(batch)
    (both,) = Supervised(network, loss=loss, pal=0.7, pal_eps=1e-3).steps(batch)
    aligned = photometric_alignment_loss(network(batch.image), batch.target, eps=1e-3, rho=loss)
    torch.testing.assert_close(both.loss, plain.loss + 0.7 * aligned)
    torch.testing.assert_close(both.terms["pal"], aligned.detach())
    torch.testing.assert_close(both.terms["pixel"], plain.loss.detach())


def test_the_colour_map_is_a_constant_unless_asked(batch: Batch) -> None:
    def gradient(*, detach: bool) -> Tensor:
        network = unet(noise_map=False)
        (turn,) = Supervised(network, pal=1.0, pal_detach=detach).steps(batch)
        turn.loss.backward()
        assert network.tail.weight.grad is not None
        return network.tail.weight.grad

    assert not torch.allclose(gradient(detach=True), gradient(detach=False))


@pytest.mark.parametrize(
    "wrong",
    [
        {"pal": -1.0},
        {"sigma_weight": -0.1},
        {"sources_weight": -1.0},
        {"blur_weight": -1.0},
        {"blur_told": 1.5},
        {"pal_eps": 0.0},
    ],
)
def test_weights_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"0 or more|above 0|share"):
        Supervised(unet(noise_map=False), **wrong)


def test_the_estimator_learns_even_where_every_level_is_given(batch: Batch) -> None:
    network = unet(noise_map=True)
    batch = replace(batch, sigma=torch.tensor([0.1, 0.2, 0.05]))
    (turn,) = Supervised(network).steps(batch)
    turn.loss.backward()
    assert network.estimator is not None
    assert all(p.grad is not None and p.grad.any() for p in network.estimator.parameters())


def test_a_step_downhill_lowers_the_loss(batch: Batch) -> None:
    network = unet(noise_map=True)
    objective = Supervised(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    values: list[float] = []
    for _ in range(2):
        (turn,) = objective.steps(batch)
        values.append(turn.loss.item())
        optimizer.zero_grad()
        turn.loss.backward()
        optimizer.step()
    assert values[1] < values[0]


def test_it_goes_through_the_module_that_the_loop_prepared(batch: Batch) -> None:
    # The loop wraps modules for devices and DDP; a wrapper sees nothing but `forward`.
    class Wrapper(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner
            self.calls = 0

        def forward(self, compute: Callable[[], object]) -> object:
            self.calls += 1
            return self.inner(compute)

    objective = Supervised(unet(noise_map=True))
    (before,) = objective.steps(batch)
    wrapper = Wrapper(objective.modules["network"])
    objective.modules["network"] = wrapper
    (after,) = objective.steps(batch)
    assert wrapper.calls == 1
    torch.testing.assert_close(after.loss, before.loss)


def test_a_half_precision_output_is_compared_in_full(batch: Batch) -> None:
    class Half(Network):
        info = NetworkInfo()

        def forward(
            self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
        ) -> Tensor:
            return image.bfloat16()

    (turn,) = Supervised(Half()).steps(batch)
    assert turn.loss.dtype == torch.float32
    hand = (batch.image.bfloat16().float() - batch.target).abs().mean()
    torch.testing.assert_close(turn.loss, hand)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown loss 'l2'; known: charbonnier, l1"):
        Supervised(unet(noise_map=False), loss="l2")
    # In a recipe it is the user's error, and says where.
    with pytest.raises(RestoreError, match="objective 'supervised': unknown loss 'l2'"):
        construct(
            Choice.model_validate({"name": "supervised", "loss": "l2"}),
            OBJECTIVES,
            unet(noise_map=False),
            section="objective",
        )


def test_a_window_is_restored_while_the_network_is_told_of_all(batch: Batch) -> None:
    torch.manual_seed(0)
    network = UNet(widths=(4, 6), depths=(1, 1), noise_map=True, global_context=5)
    for parameter in [network.tail.weight, *network.modulations.parameters()]:
        nn.init.normal_(parameter, std=0.3)
    answers, places = network.global_context(batch.image), set()
    for seed in range(6):
        torch.manual_seed(seed)
        (turn,) = Supervised(network, window=4, sigma_weight=0.0).steps(batch)
        losses = {}
        for top in range(5):
            for left in range(5):
                window = (..., slice(top, top + 4), slice(left, left + 4))
                image, target = batch.image[window], batch.target[window]
                restored = network(image, batch.sigma, context=answers)
                losses[top, left] = (restored - target).abs().mean()
        place = min(losses, key=lambda k: abs(float((losses[k] - turn.loss).detach())))
        torch.testing.assert_close(losses[place], turn.loss)
        places.add(place)
    assert len(places) > 2


def test_a_window_larger_than_the_pictures_is_all_of_them(batch: Batch) -> None:
    network = UNet(widths=(4, 6), depths=(1, 1), global_context=5)
    (all_of_it,) = Supervised(network).steps(batch)
    (windowed,) = Supervised(network, window=64).steps(batch)
    torch.testing.assert_close(windowed.loss, all_of_it.loss)


def test_a_window_needs_a_global_context_and_fits_the_network() -> None:
    with pytest.raises(ValueError, match="needs a network with a global context"):
        Supervised(unet(noise_map=False), window=4)
    with pytest.raises(ValueError, match="multiple"):
        Supervised(UNet(widths=(4, 6), depths=(1, 1), global_context=5), window=5)


def test_of_mosaics_the_loss_is_taken_in_srgb() -> None:
    torch.manual_seed(0)
    network = UNet(widths=(4, 8), depths=(1, 1))
    matrix = torch.tensor([[1.6, -0.5, -0.1], [-0.2, 1.5, -0.3], [0.0, -0.4, 1.4]]).repeat(2, 1, 1)
    batch = Batch.of(torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8), matrix=matrix)
    (turn,) = Supervised(network).steps(batch)
    expected = (camera_to_srgb(network(batch.image), matrix) - batch.target).abs().mean()
    torch.testing.assert_close(turn.loss, expected)


def test_amounts_and_noise_that_are_known_are_learnt_beside_the_picture(batch: Batch) -> None:
    network = GuidedUNet(widths=(8, 16), depths=(1, 1), guide=8)
    image = torch.rand(3, 3, 32, 32)
    known = torch.zeros(3, len(QUANTITIES))
    known[:, 4] = torch.nan
    pair = Batch.of(image, image.flip(0), amounts=known, noise=torch.full((3, 1, 32, 32), 0.1))
    torch.manual_seed(5)
    (step,) = Supervised(network, amounts_weight=0.5, sigma_weight=2.0, told=0.0).steps(pair)
    torch.manual_seed(5)
    torch.rand(())  # nobody is told anything: what is drawn plays no part
    found = network.with_estimate(image)
    assert found.noise is not None
    there = [index for index in range(len(QUANTITIES)) if index != 4]
    amounts = amounts_error(found.level[:, there], torch.zeros(3, len(there))).mean()
    noise = (found.noise - 0.1).abs().mean()
    pixel = (found.image - image.flip(0)).abs().mean()
    torch.testing.assert_close(step.terms["amounts"], amounts.detach())
    torch.testing.assert_close(step.terms["noise"], noise.detach())
    torch.testing.assert_close(step.loss, pixel + 0.5 * amounts + 2.0 * noise)


def test_the_encoder_learns_what_tells_sources_apart(batch: Batch) -> None:
    network = GuidedUNet(widths=(8, 16), depths=(1, 1), guide=8, sources=("noise", "clean"))
    image = torch.rand(3, 3, 32, 32)
    pair = Batch.of(image, image, source=torch.tensor([1, -1, 0]))
    objective = Supervised(network, sources_weight=2.0)
    torch.manual_seed(5)
    (step,) = objective.steps(pair)
    torch.manual_seed(5)
    (plain,) = Supervised(network).steps(pair)
    told = objective.modules["sources"](network.seen(network.global_context(image)))
    named = F.cross_entropy(told[[0, 2]], torch.tensor([1, 0]))
    torch.testing.assert_close(step.terms["sources"], named.detach())
    torch.testing.assert_close(step.loss, plain.loss + 2.0 * named)
    assert step.modules == ("network", "sources")
    weight = next(network.encoder.layers.parameters())
    (moved,) = torch.autograd.grad(named, weight, retain_graph=True)
    assert moved.isfinite().all()
    assert moved.any()
    (step,) = objective.steps(Batch.of(image, image))
    assert step.terms["sources"] == 0


def test_sources_are_learnt_by_networks_that_name_them() -> None:
    with pytest.raises(ValueError, match="names of sources"):
        Supervised(GuidedUNet(widths=(8, 16), depths=(1, 1), guide=8), sources_weight=1.0)
    with pytest.raises(ValueError, match="names of sources"):
        Supervised(unet(noise_map=False), sources_weight=1.0)


def test_a_share_of_the_pictures_is_told_some_of_its_amounts() -> None:
    network = GuidedUNet(widths=(8, 16), depths=(1, 1), guide=8)
    objective = Supervised(network, told=0.5)
    image = torch.rand(4000, 3, 1, 1)
    torch.manual_seed(0)
    shown = objective._shown(Batch.of(image, image, amounts=torch.ones(4000, len(QUANTITIES))))
    told = (~shown.isnan()).float()
    assert float(told.mean()) == pytest.approx(0.25, abs=0.02)
    assert float(told.amax(dim=1).mean()) == pytest.approx(0.5 * (1 - 0.5**6), abs=0.03)
