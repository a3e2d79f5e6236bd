"""CUT and FastCUT: which module moves, on which loss, computed again from the parts."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.losses.patchnce import patch_nce
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.base import Step
from restore_cli.methods.cut.objective import Cut
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.patches import draw_patch_ids, gather_patches
from restore_cli.networks.unet import UNet

SMALL = {"patches": 6, "features": 5, "discriminator_width": 4, "discriminator_layers": 2}


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    image, target = (torch.rand(2, 3, 24, 20, generator=generator) for _ in range(2))
    return Batch.of(image, target, paired=False)


def cut(**options: object) -> Cut:
    torch.manual_seed(1)
    network = CutGenerator(width=4, blocks=2, feature_layers=(0, 4, 12))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return Cut(network, **{**SMALL, **options})  # pyright: ignore[reportArgumentType]


def contrast(objective: Cut, output: Tensor, picture: Tensor) -> Tensor:
    """The contrast from its parts, with the generator as it stands."""
    network, heads = objective.network, objective.modules["heads"]
    assert isinstance(network, CutGenerator)
    found = network.features(output)
    places = draw_patch_ids(found, 6)
    keys = heads(gather_patches(network.features(picture), places))
    queries = heads(gather_patches(found, places))
    return sum(patch_nce(q, k).mean() for q, k in zip(queries, keys, strict=True)) / len(keys)


def steps_of(objective: Cut, batch: Batch) -> list[Step]:
    torch.manual_seed(5)
    return list(objective.steps(batch))


def test_the_critic_moves_first_and_learns_without_the_network(batch: Batch) -> None:
    objective = cut()
    first, second = steps_of(objective, batch)
    assert (first.module, second.module, second.together) == (
        "discriminator",
        "network",
        ("heads",),
    )
    made = objective.network(batch.image).detach()
    critic = objective.modules["discriminator"]
    expected = (critic(batch.target) - 1).square().mean() + critic(made).square().mean()
    torch.testing.assert_close(first.loss, 0.5 * expected)
    first.loss.backward()
    assert all(p.grad is None for p in objective.modules["network"].parameters())
    assert all(p.grad is not None for p in critic.parameters())


@pytest.mark.parametrize(("nce", "identity"), [(1.0, 1.0), (10.0, 0.0), (2.0, 0.5)])
def test_the_networks_loss_is_the_sum_of_its_parts(
    nce: float, identity: float, batch: Batch
) -> None:
    objective = cut(nce=nce, identity=identity)
    _, step = steps_of(objective, batch)
    network, critic = objective.network, objective.modules["discriminator"]
    made, same = (network(picture) for picture in (batch.image, batch.target))
    torch.manual_seed(5)
    torch.rand(0)  # the objective draws nothing but places
    fooled = (critic(made) - 1).square().mean()
    kept = nce * contrast(objective, made, batch.image)
    if identity:
        kept = 0.5 * (kept + identity * contrast(objective, same, batch.target))
    torch.testing.assert_close(step.loss, fooled + kept, atol=1e-5, rtol=0)


def test_network_and_heads_get_gradients_and_the_critic_none(batch: Batch) -> None:
    objective = cut()
    _, step = steps_of(objective, batch)
    step.loss.backward()
    for name in ("network", "heads"):
        assert all(p.grad is not None for p in objective.modules[name].parameters())
    assert all(p.grad is None for p in objective.modules["discriminator"].parameters())
    assert not any(term.requires_grad for term in step.terms.values())


def test_keys_take_no_gradient(batch: Batch) -> None:
    objective = cut(identity=0.0)
    picture = batch.image.clone().requires_grad_()
    *_, step = objective.steps(replace(batch, image=picture.detach()))
    # The contrast alone, with output and input held apart.
    output = batch.target.clone().requires_grad_()
    objective._compare(output, picture).backward()
    assert picture.grad is None
    assert output.grad is not None
    assert step.together == ("heads",)


def test_a_mirrored_outputs_features_are_turned_back(batch: Batch) -> None:
    objective = cut()
    network, heads = objective.network, objective.modules["heads"]
    assert isinstance(network, CutGenerator)
    torch.manual_seed(5)
    found = objective._compare(batch.image, batch.target, mirrored=True)
    torch.manual_seed(5)
    queries = [feature.flip(3) for feature in network.features(batch.image)]
    places = draw_patch_ids(queries, 6)
    pairs = zip(
        heads(gather_patches(queries, places)),
        heads(gather_patches(network.features(batch.target), places)),
        strict=True,
    )
    expected = torch.stack([patch_nce(query, key).mean() for query, key in pairs]).mean()
    torch.testing.assert_close(found, expected)


def test_earlier_keys_are_external_negatives(batch: Batch) -> None:
    objective, plain = cut(external=40, identity=0.0), cut(identity=0.0)
    first, second = (steps_of(objective, batch)[1] for _ in range(2))
    torch.testing.assert_close(first.terms["nce"], steps_of(plain, batch)[1].terms["nce"])
    # The same batch again: its own keys are negatives now, and as near as the positive.
    assert float(second.terms["nce"]) > float(first.terms["nce"]) + 0.1
    second.loss.backward()
    assert "bank.keys" in objective.modules["heads"].state_dict()


def test_fastcut_mirrors_the_input_half_of_the_time(batch: Batch) -> None:
    objective = cut(nce=10.0, identity=0.0, flip=True)
    given: list[Tensor] = []
    network = objective.network
    assert isinstance(network, CutGenerator)
    # The first layer is the padding of what comes in, on [-1, 1].
    network.model[0].register_forward_pre_hook(
        lambda _module, inputs: given.append((inputs[0] + 1) / 2)
    )
    mirrored = 0
    for _ in range(40):
        given.clear()
        list(objective.steps(batch))
        straight, flipped = batch.image, batch.image.flip(3)
        assert any(torch.allclose(given[0], x) for x in (straight, flipped))
        mirrored += torch.allclose(given[0], flipped)
        # Input as it is; the output as it was made, whose features are turned back.
        torch.testing.assert_close(given[2], straight)
        torch.testing.assert_close(given[1], network(given[0]))
    assert 8 <= mirrored <= 32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nce": -1.0}, "0 or more"),
        ({"identity": -0.1}, "0 or more"),
        ({"external": -1}, "0 or more keys"),
        ({"adversarial": "wgan"}, "unknown adversarial loss 'wgan'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cut(**options)


@pytest.mark.parametrize("name", ["cut", "odcr"])
def test_a_network_without_taps_is_refused(name: str) -> None:
    make: Callable[..., object] = OBJECTIVES[name]
    with pytest.raises(ValueError, match="network whose features can be read"):
        make(UNet(widths=(4, 8), depths=(1, 1)))
