import numpy as np
import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.networks.levels import LevelTable
from restore_cli.networks.unet import UNet

KNOTS = (0.01, 0.1, 0.4)


def filled() -> LevelTable:
    table = LevelTable("rain", KNOTS, 5)
    table.contexts.copy_(torch.rand(3, 5, generator=torch.Generator().manual_seed(0)) + 0.1)
    return table


def test_between_levels_contexts_are_blended_as_numpy_does_over_their_logarithms() -> None:
    table, levels = filled(), torch.tensor([1e-4, 0.01, 0.03, 0.1, 0.3, 0.4, 0.9])
    found = table.weights(levels) @ table.contexts
    for column in range(5):
        known = table.contexts[:, column].numpy()
        wanted = np.interp(np.log(levels.numpy()), np.log(KNOTS), known)
        np.testing.assert_allclose(found[:, column].numpy(), wanted, atol=1e-6)


def test_a_context_unlike_all_others_is_drawn_back_to_them() -> None:
    torch.manual_seed(0)
    small = {"widths": (4, 8), "depths": (1, 1), "global_context": 3}
    network = UNet(**small, quantity="haze", levels=KNOTS).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.1 * torch.randn(value.shape))
    image, far = torch.rand(1, 3, 16, 16), torch.tensor([[-1.0, 0.5, 9.0]])
    near = torch.tensor([[0.0, 0.5, 1.0]])
    table = network.levels
    assert table is not None
    unbounded = network(image, context=far)
    assert not torch.equal(unbounded, network(image, context=near))
    table.bounds.copy_(torch.stack([torch.zeros(3), torch.ones(3)]))
    table.contexts.fill_(0.5)
    assert torch.equal(network(image, context=far), network(image, context=near))
    assert torch.equal(network.train()(image, context=far), unbounded)


def test_a_table_that_was_not_learnt_tells_nothing() -> None:
    table = LevelTable("haze", KNOTS, 4)
    assert not table.is_learnt
    with pytest.raises(RestoreError, match="never taught levels"):
        table.of(0.2)
    assert filled().of(0.1).shape == (1, 5)


@pytest.mark.parametrize("levels", [(), (0.1,), (0.0, 0.1), (0.2, 0.1), (0.1, 0.1)])
def test_levels_must_rise_above_zero(levels: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="two or more numbers above 0 that rise"):
        LevelTable("rain", levels, 4)


@pytest.mark.parametrize("quantity", ["snow", "quality", ""])
def test_only_what_can_grow_from_nothing_has_levels(quantity: str) -> None:
    with pytest.raises(ValueError, match="known: rain, haze, stops"):
        LevelTable(quantity, KNOTS, 4)


def _nobody() -> torch.Tensor:
    raise AssertionError("a table needs no context of the picture's own")


def test_a_unet_knows_contexts_for_levels_only_if_it_was_built_with_them() -> None:
    small = {"widths": (4, 8), "depths": (1, 1)}
    network = UNet(**small, global_context=6, quantity="haze", levels=KNOTS)
    assert (network.info.quantity, network.info.level) == ("haze", None)
    assert network.levels is not None
    network.levels.contexts.fill_(0.5)
    assert torch.equal(network.told_context(0.3, _nobody), torch.full((1, 6), 0.5))
    with pytest.raises(ValueError, match="no contexts for levels"):
        UNet(**small, global_context=6).told_context(0.3, _nobody)
    for wrong in (
        {"quantity": "haze", "levels": KNOTS},
        {"quantity": "haze", "global_context": 6},
        {"levels": KNOTS, "global_context": 6},
    ):
        with pytest.raises(ValueError, match="need a global context"):
            UNet(**small, **wrong)
