"""What a network says of a picture beside restoring it, for programs; without torch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restore_cli.networks.amounts import QUANTITIES, level_of
from restore_cli.networks.info import NetworkInfo
from restore_cli.networks.widths import level_in

Array = NDArray[np.float32]


class Said(NamedTuple):
    """What a network reads from the global context of a picture.

    Attributes:
        amounts: (1, N) of each of `networks.amounts.QUANTITIES`.
        sources: (1, K) how likely each kind of degradation is; None where it tells none.
    """

    amounts: Array
    sources: Array | None = None


def in_details(
    info: NetworkInfo, names: Sequence[str], said: Said | None, context: Array | None = None
) -> dict[str, object]:
    """`level` in the unit of the network's own quantity, and what `degradation` says, if told.

    Args:
        info: of the network.
        names: of the kinds that it tells apart.
        said: None of networks that read nothing.
        context: (1, F) with which the picture was restored; None where it had none.
    """
    found = dict[str, object]()
    if info.level == "blur" and context is not None:
        found["level"] = round(float(level_in(context)[0]), 4)
    if said is None:
        return found
    if info.quantity:
        found["level"] = estimated_level(info, said.amounts)
    if said.sources is not None:
        found |= degradation(names, said.sources)
    return found


def degradation(names: Sequence[str], probabilities: Array) -> dict[str, object]:
    """The mean over the windows of a picture, or over its parts.

    Args:
        names: of the sources.
        probabilities: how likely each source is by windows, (B, K), at least one.

    Returns:
        `degradation`, the likeliest source, and `degradations`, the share of each, sum 1.
    """
    # Windows that were computed in bf16 say each share to three digits: their sum is not quite 1.
    shares = probabilities.mean(axis=0, dtype=np.float64)
    likely = dict(zip(names, (shares / shares.sum()).tolist(), strict=True))
    return {
        "degradation": max(likely, key=likely.__getitem__),
        "degradations": {name: round(share, 4) for name, share in likely.items()},
    }


def estimated_level(info: NetworkInfo, amounts: Array) -> float:
    """What amounts (1, N) say of the network's own quantity, in its unit."""
    amount = float(amounts[0, QUANTITIES.index(info.quantity)])
    return round(level_of(info.quantity, amount), 4)
