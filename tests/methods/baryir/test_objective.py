"""BaryIR: which module moves, on which loss, computed again by loops over samples."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import torch
from single_steps import check_that_each_teaches_its_module_alone
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.errors import RestoreError
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.baryir.losses import orthogonality, residual_contrast
from restore_cli.methods.baryir.objective import Baryir
from restore_cli.methods.base import Step
from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.base import NetworkInfo
from restore_cli.networks.blocks import ChannelNorm
from restore_cli.networks.latents import Decomposed, DegradationClassifier, LatentNetwork
from restore_cli.networks.unet import UNet, stage
from restore_cli.recipe import Choice, CleanData, Mixture, construct
from restore_cli.transport.latent import latent_distance
from restore_cli.transport.moments import Moments

SHARES = {"noise": 0.5, "rain": 0.3, "haze": 0.2}
WEIGHTS = (6 / 31, 10 / 31, 15 / 31)  # inverse shares


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch.of(
        torch.rand(5, 3, 8, 12, generator=generator),
        torch.rand(5, 3, 8, 12, generator=generator),
        source=torch.tensor([2, 0, 1, 0, 2]),
    )


def network(**options: object) -> BarycenterUNet:
    torch.manual_seed(0)
    shape: dict[str, object] = {"widths": (4, 6), "depths": (1, 1), "sources": tuple(SHARES)}
    made = BarycenterUNet(**shape | options)  # pyright: ignore[reportArgumentType]
    torch.nn.init.normal_(made.unet.tail.weight, std=0.1)
    return made


def data(shares: Mapping[str, float]) -> CleanData:
    """A section whose mixture names these sources."""
    mixture = [Mixture(source=name, weight=share) for name, share in shares.items()]
    return CleanData(kind="clean", train=Path("photos"), mixture=mixture or [Mixture()])


def baryir(shares: Mapping[str, float] = SHARES, **options: object) -> Baryir:
    made = Baryir(network(), **{"potential_width": 4, "potential_steps": 1, **options})  # pyright: ignore
    made.on_fit_start(data(shares))
    return made


def steps_of(objective: Baryir, batch: Batch) -> list[Step]:
    return list(objective.steps(batch))


def test_each_turn_has_the_loss_of_the_formulas(batch: Batch) -> None:
    objective = baryir(
        restoration=7.0, cost=1.5, potential=0.8, orthogonality=0.3, contrast=0.2, bound=0.4,
        pooled=False, own=False,
    )  # fmt: skip
    first, second = steps_of(objective, batch)
    assert (first.module, second.module) == ("potentials", "network")
    seen = objective.network.decomposed(batch.image)
    found = objective.modules["potentials"](seen.barycenter)
    angles = orthogonality(seen.barycenter, seen.residual)
    contrasts = residual_contrast(seen.residual, batch.source)
    dual, rest = torch.zeros(()), torch.zeros(())
    for i, k in enumerate(batch.source.tolist()):
        scale = WEIGHTS[k] / list(SHARES.values())[k] / 5
        moved = (seen.source[i] - seen.barycenter[i]).square().mean().sqrt()
        dual = dual + scale * found[i, k]
        rest = rest + scale * (
            1.5 * moved + 0.3 * angles[i] + 0.2 * contrasts[i] - 0.8 * found[i, k]
        )
    torch.testing.assert_close(first.loss, dual + 0.4 * found.square().mean())
    pixel = (seen.image - batch.target).abs().mean()
    torch.testing.assert_close(second.loss, 7 * pixel + rest)
    terms = second.terms
    assert list(terms) == ["pixel", "cost", "orthogonality", "contrast", "potential"]
    whole = 7 * terms["pixel"] + 1.5 * terms["cost"] + 0.3 * terms["orthogonality"]
    whole = whole + 0.2 * terms["contrast"] - 0.8 * terms["potential"]
    torch.testing.assert_close(whole, second.loss.detach())


def test_a_floor_is_that_of_the_loss_psnr(batch: Batch) -> None:
    objective = baryir(loss="psnr", floor=1e-2)
    error = objective.network(batch.image) - batch.target
    decibels = 10 * torch.log10(1 + error.square().mean(dim=(1, 2, 3)) / 1e-2)
    torch.testing.assert_close(
        steps_of(objective, batch)[-1].terms["pixel"], decibels.mean().detach()
    )


def test_pooled_contrast_is_of_what_sets_residuals_apart(batch: Batch) -> None:
    objective = baryir(pooled=True, own=False)
    torch.nn.init.normal_(objective._means.means)
    shared = objective._means.means.mean(dim=0)
    *_, step = steps_of(objective, batch)
    seen = objective.network.decomposed(batch.image)
    apart = torch.stack([r.mean(dim=(1, 2)) - shared for r in seen.residual])
    scale = torch.tensor([w / s for w, s in zip(WEIGHTS, SHARES.values(), strict=True)])
    expected = (scale[batch.source] * residual_contrast(apart, batch.source)).mean()
    torch.testing.assert_close(step.terms["contrast"], expected.detach())


def test_the_weighted_mean_over_a_batch_is_that_over_sources() -> None:
    # A batch with exactly the shares of the mixture: sum_k lambda_k mean_k f_k, with no bias.
    label = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
    batch = Batch.of(torch.rand(10, 3, 8, 8), torch.rand(10, 3, 8, 8), source=label)
    objective = baryir(bound=0.0)
    first, _ = steps_of(objective, batch)
    seen = objective.network.decomposed(batch.image)
    found = objective.modules["potentials"](seen.barycenter)
    expected = sum(WEIGHTS[k] * found[label == k, k].mean() for k in range(3))
    torch.testing.assert_close(first.loss, expected)


def test_each_step_teaches_its_module_alone(batch: Batch) -> None:
    check_that_each_teaches_its_module_alone(baryir(), batch)


def test_the_constraint_holds_while_both_learn(batch: Batch) -> None:
    objective, latents = baryir(), torch.randn(32, 6, 4, 4)
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    optimizers = {
        name: torch.optim.AdamW(module.parameters(), lr=1e-3)
        for name, module in objective.modules.items()
    }
    losses: list[float] = []
    for _ in range(30):
        for step in objective.steps(batch):
            optimizers[step.module].zero_grad()
            step.loss.backward()
            optimizers[step.module].step()
            found = objective.modules["potentials"](latents).detach().double()
            assert (found @ weights).abs().max() < 1e-5
            if step.module == "network":
                losses.append(float(step.terms["pixel"]))
    assert losses[-1] < losses[0]


class Latents(LatentNetwork):
    """What comes in is taken for the encoder's answer; only the barycenter map is learnt."""

    latent_channels, info = 8, NetworkInfo()

    def __init__(self) -> None:
        super().__init__()
        self.means = DegradationClassifier(tuple(SHARES), 8)
        self.norm, self.map = ChannelNorm(8), stage(8, 2)

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        return self.decomposed(image).image

    def decomposed(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Decomposed:
        source = self.norm(image)
        barycenter = self.norm(self.map(source))
        return Decomposed(0 * image, source, barycenter, source - barycenter)


def apart(network: Latents, latent: Tensor, label: Tensor) -> tuple[float, float]:
    """Mean W2 between the sources: source latents, barycenter latents."""
    with torch.no_grad():
        seen = network.decomposed(latent)
    found: list[float] = []
    for kind in (seen.source, seen.barycenter):
        moments = [Moments(8, 1) for _ in SHARES]
        for k, its in enumerate(moments):
            its.update(kind[label == k])
        found.append(sum(latent_distance(a, b) for a, b in combinations(moments, 2)) / 3)
    return found[0], found[1]


@pytest.mark.parametrize("potential", [1.0, 0.0])
def test_potentials_bring_the_sources_together_and_nothing_else_does(potential: float) -> None:
    # Three Gaussians in eight channels, apart in the first three.
    generator = torch.Generator().manual_seed(1)

    def draw(count: int) -> Batch:
        label = torch.randint(3, (count,), generator=generator)
        latent = torch.randn(count, 8, 4, 4, generator=generator)
        latent[:, :3] += 1.5 * torch.eye(3)[label][:, :, None, None]
        return Batch.of(latent, latent, source=label)

    torch.manual_seed(0)
    network = Latents()
    objective = Baryir(
        network, restoration=0.0, cost=0.1, contrast=1.0, own=False, pooled=True, bound=1.0,
        potential=potential, potential_steps=3, potential_width=16,
    )  # fmt: skip
    objective.on_fit_start(data(dict.fromkeys(SHARES, 1 / 3)))
    optimizers = {
        name: torch.optim.AdamW(module.parameters(), lr=2e-3, betas=(0.9, 0.99))
        for name, module in objective.modules.items()
    }
    for _ in range(150):
        for step in objective.steps(draw(24)):
            optimizers[step.module].zero_grad()
            step.loss.backward()
            torch.nn.utils.clip_grad_norm_(objective.modules[step.module].parameters(), 1.0)
            optimizers[step.module].step()
    held_out = draw(600)
    before, after = apart(network, held_out.image, held_out.source)
    assert after < 0.5 * before if potential else after > 0.9 * before


def test_the_networks_means_follow_its_residuals(batch: Batch) -> None:
    objective = baryir()
    steps_of(objective, batch)
    seen = objective.network.decomposed(batch.image)
    own = seen.residual[batch.source == 2].mean(dim=(0, 2, 3))
    torch.testing.assert_close(objective._means.means[2], 0.01 * own.detach())


def test_the_averaged_network_is_fitted_and_names_the_sources(batch: Batch) -> None:
    objective, averaged = baryir(), network()
    objective.on_train_end(averaged, [batch, batch])
    assert averaged.means is not None
    residual = averaged.decomposed(batch.image).residual
    assert averaged.means(residual).argmax(dim=1).tolist() == batch.source.tolist()
    assert not objective._means.weight.any()
    # Where a source has never come, none is named.
    silent = network()
    objective.on_train_end(silent, [replace(batch, source=batch.source.clamp(max=1))])
    assert silent.means is not None
    assert not silent.means.weight.any()


def test_sources_are_learnt_from_windows_as_training_saw_them(batch: Batch) -> None:
    objective = Baryir(network(global_context=4), window=4, potential_width=4)
    averaged = network(global_context=4)
    assert averaged.means is not None
    seen: list[torch.Size] = []
    averaged.get_submodule("unet.tail").register_forward_hook(
        lambda _, given, out: seen.append(out.shape)
    )
    objective.on_train_end(averaged, [batch, batch])
    assert [tuple(shape[-2:]) for shape in seen] == [(4, 4)] * 2
    assert averaged.means.weight.any()
    # A clock has to know beforehand how long that takes.
    assert 0 < objective.steps_after < 100


def test_without_potentials_one_module_takes_one_step(batch: Batch) -> None:
    objective = baryir(potential=0.0)
    assert objective.modules.keys() == {"network"}
    (step,) = steps_of(objective, batch)
    assert "potential" not in step.terms


def test_the_defaults_are_the_published_weights(batch: Batch) -> None:
    objective = baryir()
    *_, step = steps_of(objective, batch)
    parts = step.terms
    expected = 1e4 * parts["pixel"] + parts["cost"] + 0.05 * parts["orthogonality"]
    expected = expected + 0.05 * parts["contrast"] - parts["potential"]
    torch.testing.assert_close(step.loss.detach(), expected)
    residual = objective.network.decomposed(batch.image).residual
    own = residual_contrast(residual, batch.source, own=True)
    scale = torch.tensor([w / s for w, s in zip(WEIGHTS, SHARES.values(), strict=True)])
    torch.testing.assert_close(parts["contrast"], (scale[batch.source] * own).mean().detach())


def test_potentials_can_be_larger_and_see_positions(batch: Batch) -> None:
    small, large = (
        baryir(**options).modules["potentials"]
        for options in (
            {},
            {"potential_width": 8, "potential_layers": 3, "potential_positions": True},
        )
    )
    numbers = [sum(p.numel() for p in module.parameters()) for module in (small, large)]
    assert numbers[1] > 4 * numbers[0]
    assert steps_of(baryir(potential_layers=3, potential_positions=True), batch)[-1].loss.isfinite()


def test_the_potentials_may_take_several_steps(batch: Batch) -> None:
    found = [step.module for step in baryir(potential_steps=3).steps(batch)]
    assert found == ["potentials"] * 3 + ["network"]


def test_a_window_is_restored_while_the_whole_is_surveyed(batch: Batch) -> None:
    objective = Baryir(network(global_context=4), window=4, potential_width=4)
    objective.on_fit_start(data(SHARES))
    for parameter in objective.network.get_submodule("unet.modulations").parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    torch.manual_seed(3)
    *_, step = objective.steps(batch)
    torch.manual_seed(3)
    top, left = int(torch.randint(5, ())), int(torch.randint(9, ()))
    window = (..., slice(top, top + 4), slice(left, left + 4))
    image, target = batch.image[window], batch.target[window]
    restored = objective.network(image, context=objective.network.global_context(batch.image))
    torch.testing.assert_close(step.terms["pixel"], (restored - target).abs().mean().detach())


def test_the_ablation_asks_nothing_of_the_sources(batch: Batch) -> None:
    plain = construct(Choice(name="supervised"), OBJECTIVES, network(), section="objective")
    plain.on_fit_start(data({}))
    # The ablation: the same network and data, restoration alone.
    (step,) = plain.steps(batch)
    pixel = (network()(batch.image) - batch.target).abs().mean()
    torch.testing.assert_close(step.loss, pixel)


@pytest.mark.parametrize("weights", ["shares", "equal", [0.2, 0.3, 0.5]])
def test_weights_can_be_given_in_a_recipe(weights: object) -> None:
    choice = Choice.model_validate({"name": "baryir", "weights": weights})
    made = construct(choice, OBJECTIVES, network(), section="objective")
    assert isinstance(made, Baryir)
    made.on_fit_start(data(SHARES))
    expected = {"shares": list(SHARES.values()), "equal": [1 / 3] * 3}
    wanted = expected[weights] if isinstance(weights, str) else weights
    found = made.modules["potentials"].get_buffer("weights")
    torch.testing.assert_close(found, torch.tensor(wanted))


@pytest.mark.parametrize(
    ("shares", "options", "message"),
    [
        ({}, {}, r"\['noise', 'rain', 'haze'\], those of data.mixture \[\]"),
        ({"rain": 0.3, "noise": 0.5, "haze": 0.2}, {}, r"mixture \['rain', 'noise', 'haze'\]"),
        (SHARES, {"weights": (0.5, 0.5)}, "objective 'baryir': source weights .* 3 numbers"),
    ],
)
def test_sources_that_do_not_match_are_refused(
    shares: dict[str, float], options: dict[str, object], message: str
) -> None:
    with pytest.raises(RestoreError, match=message):
        baryir(shares, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "l3"}, "unknown loss 'l3'; known: "),
        ({"loss": "psnr", "floor": 0.0}, "floor is 0.0; it must be above 0"),
        ({"contrast": -0.1}, "0 or more"),
        ({"temperature": 0.0}, "above 0"),
        ({"potential_steps": 0}, "1 or more"),
        ({"window": 4}, "needs a network with a global context"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        baryir(**options)


@pytest.mark.parametrize("made", [UNet(), BarycenterUNet()])
def test_a_network_without_latents_or_names_is_refused(made: torch.nn.Module) -> None:
    with pytest.raises(ValueError, match="needs a network with latents"):
        Baryir(made)
