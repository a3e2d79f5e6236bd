"""Learning the contexts of levels that a user may tell, when a network has learnt all else."""

import itertools
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.methods.window import windowed
from restore_cli.networks.amounts import QUANTITIES, level_of
from restore_cli.networks.levels import LevelTable
from restore_cli.networks.unet import UNet

_BATCHES = 240
_BEGIN = 40  # of these say what contexts such pictures have
_RARE = 0.01  # share of the contexts beyond either bound
_CANDIDATES = 16  # of these contexts, for each level
_JUDGES = 16  # pictures near a level that they are tried on
LEVEL_STEPS = 2.0 * _BATCHES
"""Steps that take about as long: levels are learnt in fp32 where steps are in bf16."""
_RATE = 0.03  # of a step, in deviations of the contexts


def learn_levels(
    network: UNet,
    batches: Iterable[Batch],
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    window: int = 0,
) -> None:
    """Learn the context with which a network restores pictures of each level best.

    Of the contexts that the network itself gives to pictures near a level, the one begins that
    restores others near it best; their mean would be that of no picture. From there it follows the
    gradient of the loss. The table also learns within what bounds the contexts of these pictures
    lie. The network stays as it is, and so does a table that these batches say nothing about, since
    no level is known.

    Args:
        network: averaged, in eval mode; without a table nothing is done.
        batches: with `amounts`; of the sequence the first 240.
        loss: of restored and clean windows (B, 3, h, w).
        window: side in px of the windows that are restored, see `windowed`; 0 takes all.
    """
    table = network.levels
    if table is None:
        return
    batches = iter(batches)
    first = list(itertools.islice(batches, _BEGIN))
    seen = list(_known(first, table))
    if not seen:
        return
    with torch.no_grad():
        everything = torch.cat([_own(network, batch.image) for batch in first])
        bounds = everything.quantile(torch.tensor([_RARE, 1 - _RARE]).to(everything), dim=0)
        own = torch.cat([_own(network, batch.image) for batch, _ in seen])
        contexts = _first_contexts(network, table, seen, own, loss, window).clamp(*bounds)
    contexts.requires_grad = True
    optimizer = torch.optim.Adam([contexts], lr=_RATE * float(own.std(dim=0).mean()))
    steps = _BATCHES - _BEGIN
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    learning = [value for value in network.parameters() if value.requires_grad]
    for value in learning:
        value.requires_grad = False
    for batch, levels in itertools.islice(_known(batches, table), steps):
        part, _ = windowed(batch, window)
        restored = network(part.image, context=table.weights(levels) @ contexts)
        optimizer.zero_grad()
        loss(restored.float(), part.target).backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            contexts.clamp_(*bounds)
    for value in learning:
        value.requires_grad = True
    table.contexts.copy_(contexts.detach())
    table.bounds.copy_(bounds)


def _first_contexts(
    network: UNet,
    table: LevelTable,
    seen: list[tuple[Batch, Tensor]],
    own: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    window: int,
) -> Tensor:
    """Of the pictures' own contexts (N, F) those that are best for others of a level, (K, F)."""
    parts = [windowed(batch, window)[0] for batch, _ in seen]
    images = torch.cat([part.image for part in parts])
    targets = torch.cat([part.target for part in parts])
    shares = table.weights(torch.cat([levels for _, levels in seen]))
    found: list[Tensor] = []
    for near in shares.T:
        order = near.argsort(descending=True, stable=True)
        judges = order[:_JUDGES]

        def error(context: Tensor, at: Tensor = judges) -> float:
            restored = network(images[at], context=context.expand(len(at), -1))
            return float(loss(restored.float(), targets[at]))

        found.append(min(own[order[:_CANDIDATES]], key=error))
    return torch.stack(found)


def _known(batches: Iterable[Batch], table: LevelTable) -> Iterable[tuple[Batch, Tensor]]:
    """The samples whose level is known and not 0, with their levels (B,)."""
    column = QUANTITIES.index(table.quantity)
    for batch in batches:
        amounts = batch.amounts[:, column]
        some = amounts > 0  # NaN, where it is unknown, is not
        if bool(some.any()):
            yield (
                batch.mapped(lambda values, kept=some: values[kept]),
                amounts[some] * level_of(table.quantity, 1.0),
            )


def _own(network: UNet, images: Tensor) -> Tensor:
    context = network.global_context(images)
    assert context is not None
    return context.float()
