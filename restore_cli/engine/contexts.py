"""What a network is told with every window: what it sees in the whole picture, or a level."""

from functools import partial

import torch
from torch import Tensor

from restore_cli.engine.backend import Backend
from restore_cli.engine.global_context import whole_of
from restore_cli.engine.level import is_told_by_context
from restore_cli.engine.turns import turned
from restore_cli.networks.base import Network


def contexts(
    network: Network, backend: Backend, image: Tensor, level: float | None, *, turns: int = 1
) -> list[Tensor | None]:
    """What the network is told of a picture, seen in each of the first `turns` of `engine.turns`.

    A blur along one side of a picture lies along the other side of the turned one: each turn has a
    context of its own.

    Args:
        network: on the backend's device.
        backend: computes what the network itself says.
        image: (3, H, W), the picture, or a part of one (`engine.global_context`).
        level: told by the user, above 0; counts for networks that are told it by their context.
        turns: how many.

    Returns:
        (1, F) each; None where the network asks nothing.
    """
    if not network.info.context:
        return [None] * turns
    whole = torch.from_numpy(whole_of(image.numpy()))

    def own(turn: int) -> Tensor:
        seen = backend.context(turned(whole, turn))
        assert seen is not None
        return seen

    if level is None or not is_told_by_context(network.info):
        return [own(turn) for turn in range(turns)]
    return [network.told_context(level, partial(own, turn)) for turn in range(turns)]
