from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.losses.pixel import pixel_loss
from restore_cli.methods.supervised.levels import learn_levels
from restore_cli.networks.amounts import amounts
from restore_cli.networks.unet import UNet

L1 = pixel_loss("l1")
KNOTS = (0.1, 0.2, 0.4)


def made(*, levels: tuple[float, ...] = KNOTS) -> UNet:
    """A network that is not that of an untrained one anywhere, so that contexts matter."""
    torch.manual_seed(0)
    quantity = "haze" if levels else ""
    network = UNet(widths=(8, 8), depths=(1, 1), global_context=6, quantity=quantity, levels=levels)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.1 * torch.randn(value.shape))
    return network.eval().requires_grad_(requires_grad=False)


def veiled(level: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    clean = 0.5 * torch.rand(2, 3, 16, 16, generator=generator)
    return clean * (1 - level) + level, clean


def batches(count: int, *, known: bool = True) -> list[Batch]:
    generator = torch.Generator().manual_seed(1)
    found: list[Batch] = []
    for index in range(count):
        level = (0.1, 0.2, 0.4, 0.0)[index % 4]
        image, clean = veiled(level, generator)
        said = amounts("haze" if level else "", level).expand(2, -1)
        found.append(Batch.of(image, clean, amounts=said if known else None))
    return found


@pytest.mark.parametrize("window", [0, 8])
def test_told_a_level_it_restores_better_than_by_its_own_context(window: int) -> None:
    network = made()
    before = {name: value.clone() for name, value in network.named_parameters()}
    learn_levels(network, batches(200), L1, window=window)
    assert all(torch.equal(value, before[name]) for name, value in network.named_parameters())
    generator = torch.Generator().manual_seed(2)
    gains: list[float] = []
    for level in KNOTS:
        image, clean = veiled(level, generator)
        told = network(
            image,
            context=network.told_context(level, partial(network.global_context, image)).expand(
                2, -1
            ),
        )
        gains.append(float(L1(network(image), clean) - L1(told, clean)))
    assert sum(gains) > 0
    assert min(gains) > -0.01


def test_contexts_stay_within_those_of_the_pictures() -> None:
    network, seen = made(), batches(120)
    learn_levels(network, seen, L1)
    table = network.levels
    assert table is not None
    own = [network.global_context(batch.image) for batch in seen[:40]]
    stacked = torch.cat([context for context in own if context is not None])
    wanted = np.quantile(stacked.numpy(), [0.01, 0.99], axis=0)
    np.testing.assert_allclose(table.bounds.numpy(), wanted, atol=1e-6)
    assert (table.contexts <= table.bounds[1]).all()
    assert (table.contexts >= table.bounds[0]).all()


def test_the_same_batches_teach_the_same() -> None:
    tables: list[Tensor] = []
    for _ in range(2):
        network = made()
        torch.manual_seed(3)
        learn_levels(network, batches(60), L1, window=8)
        assert network.levels is not None
        tables.append(network.levels.contexts)
    assert torch.equal(*tables)


def test_where_no_level_is_known_a_table_stays() -> None:
    network = made()
    assert network.levels is not None
    network.levels.contexts.fill_(0.25)
    learn_levels(network, batches(20, known=False), L1)
    assert bool((network.levels.contexts == 0.25).all())
    learn_levels(made(levels=()), batches(4), L1)  # a network without a table has nothing to learn
