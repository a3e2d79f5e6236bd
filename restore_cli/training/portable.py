"""A run's state made small, to travel: half the digits, and no memory of past gradients."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

KEPT = ("step", "skipped", "skipped_in_a_row", "seconds", "sittings", "scaler")
"""Plain parts of a snapshot that travel as they are."""


def portable(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """A snapshot with weights in fp16 and without the optimisers' state.

    A run goes on from it elsewhere, not bit for bit: optimisers begin anew, which costs the first
    hundred steps some of their speed.

    Args:
        snapshot: as `training.state.snapshot` makes it.

    Raises:
        ValueError: a weight is not finite in fp16.
    """
    modules = cast("Mapping[str, Mapping[str, Tensor]]", snapshot["modules"])
    return {
        **{name: snapshot[name] for name in KEPT},
        "modules": {name: _halved(state) for name, state in modules.items()},
        "optimizers": None,
        "average": _halved(snapshot["average"]),
    }


def _halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    halves: dict[str, Tensor] = {}
    for name, value in state.items():
        half = value.detach().to("cpu", torch.float16) if value.is_floating_point() else value
        if not bool(torch.isfinite(half).all()):
            raise ValueError(f"{name} is not finite in fp16")
        halves[name] = half.contiguous()
    return halves
