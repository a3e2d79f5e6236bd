"""ODCR: which module moves, on which loss, computed again from the parts."""

import pytest
import torch
from torch.nn import functional as F

from restore_cli.data.sample import Batch
from restore_cli.losses.patchnce import weighted_patch_nce
from restore_cli.methods.odcr.objective import Odcr
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.patches import draw_patch_ids, gather_patches


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    image, target = (torch.rand(2, 3, 24, 20, generator=generator) for _ in range(2))
    return Batch.of(image, target, paired=False)


def odcr(**options: object) -> Odcr:
    torch.manual_seed(1)
    network = CutGenerator(width=4, blocks=2, feature_layers=(0, 4, 12))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    small = {"patches": 6, "features": 5, "discriminator_width": 4, "discriminator_layers": 2}
    objective = Odcr(network, **{**small, **options})  # pyright: ignore[reportArgumentType]
    for theta in objective.modules["classifier"].parameters():
        torch.nn.init.normal_(theta, std=0.2)
    return objective


@pytest.mark.parametrize(("printed", "repel_clear"), [(True, True), (False, False)])
def test_the_loss_is_the_sum_of_its_parts(printed: bool, repel_clear: bool, batch: Batch) -> None:
    weights = {"contrast": 0.7, "classify": 0.3, "identity": 2.0}
    objective = odcr(printed=printed, repel_clear=repel_clear, **weights)
    torch.manual_seed(5)
    first, step = objective.steps(batch)
    assert (first.module, step.module) == ("discriminator", "network")
    assert step.together == ("heads", "classifier")
    hazy, clear = batch.image, batch.target
    heads, classify, critic = (
        objective.modules[name] for name in ("heads", "classifier", "discriminator")
    )
    network = objective.network
    assert isinstance(network, CutGenerator)
    made = network(hazy)
    torch.manual_seed(5)
    maps = [network.features(x) for x in (made, hazy, clear)]
    places = draw_patch_ids(maps[0], 6)
    origin = [gather_patches(m, places) for m in maps]
    query, key, other = (heads(patches) for patches in origin)
    contrast = error = torch.zeros(())
    turned = [heads.linear(i) for i in range(3)]
    both = [torch.cat(pair) for pair in zip(*origin[1:], strict=True)]
    for i, (scores, weighed) in enumerate(classify(both, turned)):
        (hazy_scores, clear_scores), weights = scores.chunk(2), weighed.chunk(2, dim=1)
        own = weights[0][0] if printed else 1 - weights[0][0]
        contrast = (
            contrast
            + weighted_patch_nce(
                query[i], key[i], own, other[i], weights[1][1], repel_clear=repel_clear
            ).mean()
            / 3
        )
        truth = torch.tensor([1.0, 0.0]).expand_as(hazy_scores)
        error = error + 0.5 * F.binary_cross_entropy_with_logits(hazy_scores, truth) / 3
        error = error + 0.5 * F.binary_cross_entropy_with_logits(clear_scores, 1 - truth) / 3
    identity = (network(clear) - clear).abs().mean()
    fooled = (critic(made) - 1).square().mean()
    expected = fooled + 0.7 * contrast + 0.3 * error + 2.0 * identity
    torch.testing.assert_close(step.loss, expected, atol=1e-5, rtol=0)


def test_the_classifier_does_not_teach_the_network(batch: Batch) -> None:
    objective = odcr(contrast=0.0, identity=0.0)
    *_, step = objective.steps(batch)
    network, critic = objective.network, objective.modules["discriminator"]
    made = network(batch.image)
    (critic(made) - 1).square().mean().backward()
    alone = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    step.loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, alone[name], atol=1e-5, rtol=1e-4)
    assert all(p.grad is not None for p in objective.modules["classifier"].parameters())
    # Nor the heads, which only the contrast moves.
    assert all(not p.grad.any() for p in objective.modules["heads"].parameters())  # pyright: ignore
    assert 0 <= float(step.terms["accuracy"]) <= 1


def test_the_critic_gets_no_gradient_from_the_others_turn(batch: Batch) -> None:
    objective = odcr()
    *_, step = objective.steps(batch)
    step.loss.backward()
    assert all(p.grad is None for p in objective.modules["discriminator"].parameters())


@pytest.mark.parametrize("name", ["contrast", "classify", "identity"])
def test_negative_weights_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        odcr(**{name: -1.0})
