"""BaryIR: whose turn it is, on which loss, computed again by loops over samples."""

from collections.abc import Mapping
from itertools import combinations

import pytest
import torch
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.baryir.losses import orthogonality, residual_contrast
from restore_cli.methods.baryir.objective import Baryir
from restore_cli.methods.base import KnowsSources, Turn
from restore_cli.networks.baryir import BaryIR
from restore_cli.networks.blocks import ChannelNorm
from restore_cli.networks.latents import Decomposed, ResidualMeans
from restore_cli.networks.unet import UNet, stage
from restore_cli.recipe import Choice, construct
from restore_cli.transport.latent import latent_distance
from restore_cli.transport.moments import Moments

SHARES = {"noise": 0.5, "rain": 0.3, "haze": 0.2}
WEIGHTS = (6 / 31, 10 / 31, 15 / 31)  # inverse shares


@pytest.fixture
def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "image": torch.rand(5, 3, 8, 12, generator=generator),
        "target": torch.rand(5, 3, 8, 12, generator=generator),
        "source": torch.tensor([2, 0, 1, 0, 2]),
    }


def network(**options: object) -> BaryIR:
    torch.manual_seed(0)
    shape: dict[str, object] = {"widths": (4, 6), "depths": (1, 1), "sources": tuple(SHARES)}
    made = BaryIR(**shape | options)  # pyright: ignore[reportArgumentType]
    torch.nn.init.normal_(made.unet.tail.weight, std=0.1)
    return made


def baryir(shares: Mapping[str, float] = SHARES, **options: object) -> Baryir:
    made = Baryir(network(), **{"potential_width": 4, "potential_steps": 1, **options})  # pyright: ignore
    made.meet(shares)
    return made


def turns(objective: Baryir, batch: dict[str, Tensor]) -> list[Turn]:
    return list(objective.turns(batch))


def test_each_turn_has_the_loss_of_the_formulas(batch: dict[str, Tensor]) -> None:
    objective = baryir(
        restoration=7.0, cost=1.5, potential=0.8, orthogonality=0.3, contrast=0.2, bound=0.4,
        pooled=False,
    )  # fmt: skip
    first, second = turns(objective, batch)
    assert (first.player, second.player) == ("potentials", "network")
    seen = objective.players["network"](batch["image"], with_latents=True)
    found = objective.players["potentials"](seen.barycenter)
    angles = orthogonality(seen.barycenter, seen.residual)
    contrasts = residual_contrast(seen.residual, batch["source"])
    dual, rest = torch.zeros(()), torch.zeros(())
    for i, k in enumerate(batch["source"].tolist()):
        scale = WEIGHTS[k] / list(SHARES.values())[k] / 5
        moved = (seen.source[i] - seen.barycenter[i]).square().mean().sqrt()
        dual = dual + scale * found[i, k]
        rest = rest + scale * (
            1.5 * moved + 0.3 * angles[i] + 0.2 * contrasts[i] - 0.8 * found[i, k]
        )
    torch.testing.assert_close(first.loss, dual + 0.4 * found.square().mean())
    pixel = (seen.image - batch["target"]).abs().mean()
    torch.testing.assert_close(second.loss, 7 * pixel + rest)
    terms = second.terms
    assert list(terms) == ["pixel", "cost", "orthogonality", "contrast", "potential"]
    whole = 7 * terms["pixel"] + 1.5 * terms["cost"] + 0.3 * terms["orthogonality"]
    whole = whole + 0.2 * terms["contrast"] - 0.8 * terms["potential"]
    torch.testing.assert_close(whole, second.loss.detach())


def test_a_floor_is_that_of_the_loss_psnr(batch: dict[str, Tensor]) -> None:
    objective = baryir(loss="psnr", floor=1e-2)
    error = objective.players["network"](batch["image"]) - batch["target"]
    decibels = 10 * torch.log10(1 + error.square().mean(dim=(1, 2, 3)) / 1e-2)
    torch.testing.assert_close(turns(objective, batch)[-1].terms["pixel"], decibels.mean().detach())


def test_pooled_contrast_is_of_what_sets_residuals_apart(batch: dict[str, Tensor]) -> None:
    objective = baryir()
    torch.nn.init.normal_(objective._means.means)
    shared = objective._means.means.mean(dim=0)
    *_, turn = turns(objective, batch)
    seen = objective.players["network"](batch["image"], with_latents=True)
    apart = torch.stack([r.mean(dim=(1, 2)) - shared for r in seen.residual])
    scale = torch.tensor([w / s for w, s in zip(WEIGHTS, SHARES.values(), strict=True)])
    expected = (scale[batch["source"]] * residual_contrast(apart, batch["source"])).mean()
    torch.testing.assert_close(turn.terms["contrast"], expected.detach())


def test_the_weighted_mean_over_a_batch_is_that_over_sources() -> None:
    # A batch with exactly the shares of the mixture: sum_k lambda_k mean_k f_k, with no bias.
    label = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
    batch = {"image": torch.rand(10, 3, 8, 8), "target": torch.rand(10, 3, 8, 8), "source": label}
    objective = baryir(bound=0.0)
    first, _ = turns(objective, batch)
    seen = objective.players["network"](batch["image"], with_latents=True)
    found = objective.players["potentials"](seen.barycenter)
    expected = sum(WEIGHTS[k] * found[label == k, k].mean() for k in range(3))
    torch.testing.assert_close(first.loss, expected)


def test_each_turn_teaches_its_player_alone(batch: dict[str, Tensor]) -> None:
    objective = baryir()
    for turn in objective.turns(batch):
        for player in objective.players.values():
            player.zero_grad()
        turn.loss.backward()
        for name, player in objective.players.items():
            moved = [p.grad is not None for p in player.parameters()]
            assert all(moved) if name == turn.player else not any(moved)
        assert not any(term.requires_grad for term in turn.terms.values())


def test_the_constraint_holds_while_both_learn(batch: dict[str, Tensor]) -> None:
    objective, latents = baryir(), torch.randn(32, 6, 4, 4)
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    optimizers = {
        name: torch.optim.AdamW(player.parameters(), lr=1e-3)
        for name, player in objective.players.items()
    }
    losses: list[float] = []
    for _ in range(30):
        for turn in objective.turns(batch):
            optimizers[turn.player].zero_grad()
            turn.loss.backward()
            optimizers[turn.player].step()
            found = objective.players["potentials"](latents).detach().double()
            assert (found @ weights).abs().max() < 1e-5
            if turn.player == "network":
                losses.append(float(turn.terms["pixel"]))
    assert losses[-1] < losses[0]


class Latents(torch.nn.Module):
    """What comes in is taken for the encoder's answer; only the barycenter map is learnt."""

    latent_channels = 8

    def __init__(self) -> None:
        super().__init__()
        self.means = ResidualMeans(tuple(SHARES), 8)
        self.norm, self.map = ChannelNorm(8), stage(8, 2)

    def forward(self, latent: Tensor, *, with_latents: bool = False) -> Decomposed:
        source = self.norm(latent)
        barycenter = self.norm(self.map(source))
        return Decomposed(0 * latent, source, barycenter, source - barycenter)


def apart(network: Latents, latent: Tensor, label: Tensor) -> tuple[float, float]:
    """Mean W2 between the sources: source latents, barycenter latents."""
    with torch.no_grad():
        seen = network(latent)
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

    def draw(count: int) -> dict[str, Tensor]:
        label = torch.randint(3, (count,), generator=generator)
        latent = torch.randn(count, 8, 4, 4, generator=generator)
        latent[:, :3] += 1.5 * torch.eye(3)[label][:, :, None, None]
        return {"image": latent, "target": latent, "source": label}

    torch.manual_seed(0)
    network = Latents()
    objective = Baryir(network, restoration=0.0, potential=potential, potential_width=16)
    objective.meet(dict.fromkeys(SHARES, 1 / 3))
    optimizers = {
        name: torch.optim.AdamW(player.parameters(), lr=2e-3, betas=(0.9, 0.99))
        for name, player in objective.players.items()
    }
    for _ in range(150):
        for turn in objective.turns(draw(24)):
            optimizers[turn.player].zero_grad()
            turn.loss.backward()
            torch.nn.utils.clip_grad_norm_(objective.players[turn.player].parameters(), 1.0)
            optimizers[turn.player].step()
    held_out = draw(600)
    before, after = apart(network, held_out["image"], held_out["source"])
    assert after < 0.5 * before if potential else after > 0.9 * before


def test_the_networks_means_follow_its_residuals(batch: dict[str, Tensor]) -> None:
    objective = baryir()
    means = objective.players["network"].means
    assert isinstance(means, torch.nn.Module)
    turns(objective, batch)
    seen = objective.players["network"](batch["image"], with_latents=True)
    own = seen.residual[batch["source"] == 2].mean(dim=(0, 2, 3))
    torch.testing.assert_close(objective._means.means[2], 0.01 * own.detach())


def test_the_averaged_network_is_fitted_and_names_the_sources(batch: dict[str, Tensor]) -> None:
    objective, averaged = baryir(), network()
    objective.settle(averaged, [batch, batch])
    assert averaged.means is not None
    residual = averaged(batch["image"], with_latents=True).residual
    assert averaged.means(residual).argmax(dim=1).tolist() == batch["source"].tolist()
    assert not objective._means.weight.any()
    # Where a source has never come, none is named.
    silent = network()
    objective.settle(silent, [batch | {"source": batch["source"].clamp(max=1)}])
    assert silent.means is not None
    assert not silent.means.weight.any()


def test_without_potentials_one_player_takes_one_turn(batch: dict[str, Tensor]) -> None:
    objective = baryir(potential=0.0)
    assert objective.players.keys() == {"network"}
    (turn,) = turns(objective, batch)
    assert "potential" not in turn.terms


def test_the_potentials_may_take_several_turns(batch: dict[str, Tensor]) -> None:
    found = [turn.player for turn in baryir(potential_steps=3).turns(batch)]
    assert found == ["potentials"] * 3 + ["network"]


def test_a_window_is_restored_while_the_whole_is_surveyed(batch: dict[str, Tensor]) -> None:
    objective = Baryir(network(survey=4), window=4, potential_width=4)
    objective.meet(SHARES)
    for parameter in objective.players["network"].get_submodule("unet.modulations").parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    torch.manual_seed(3)
    *_, turn = objective.turns(batch)
    torch.manual_seed(3)
    top, left = int(torch.randint(5, ())), int(torch.randint(9, ()))
    image, target = (batch[n][..., top : top + 4, left : left + 4] for n in ("image", "target"))
    restored = objective.players["network"](image, whole=batch["image"])
    torch.testing.assert_close(turn.terms["pixel"], (restored - target).abs().mean().detach())


def test_it_wants_to_know_the_sources_and_others_do_not(batch: dict[str, Tensor]) -> None:
    assert isinstance(Baryir(network()), KnowsSources)
    plain = construct(Choice(name="supervised"), OBJECTIVES, network(), section="objective")
    assert not isinstance(plain, KnowsSources)
    # The ablation: the same network and data, restoration alone.
    (turn,) = plain.turns(batch)
    pixel = (network()(batch["image"]) - batch["target"]).abs().mean()
    torch.testing.assert_close(turn.loss, pixel)


@pytest.mark.parametrize("weights", ["shares", "equal", [0.2, 0.3, 0.5]])
def test_weights_can_be_given_in_a_recipe(weights: object) -> None:
    choice = Choice.model_validate({"name": "baryir", "weights": weights})
    made = construct(choice, OBJECTIVES, network(), section="objective")
    assert isinstance(made, Baryir)
    made.meet(SHARES)
    expected = {"shares": list(SHARES.values()), "equal": [1 / 3] * 3}
    wanted = expected[weights] if isinstance(weights, str) else weights
    found = made.players["potentials"].get_buffer("weights")
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
        ({"window": 4}, "needs a network with a survey"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        baryir(**options)


@pytest.mark.parametrize("made", [UNet(), BaryIR()])
def test_a_network_without_latents_or_names_is_refused(made: torch.nn.Module) -> None:
    with pytest.raises(ValueError, match="needs a network with latents"):
        Baryir(made)
