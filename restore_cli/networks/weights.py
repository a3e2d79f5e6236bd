"""Weights out of files put into networks."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def put_weights(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load tensors strictly, as the network's own kind of numbers.

    Args:
        network: in fp32.
        state: its tensors by name, floating point of any width.

    Raises:
        RuntimeError: names or shapes differ, or a tensor holds whole numbers (of a quantised
            model: without its scales they are other weights) or what is not finite.
    """
    own = network.state_dict()
    for name, value in state.items():
        if name in own and own[name].is_floating_point() and not value.is_floating_point():
            kind = str(value.dtype).removeprefix("torch.")
            raise RuntimeError(f"its tensor {name} holds {kind}, which is no floating point")
        if not bool(torch.isfinite(value.float()).all()):
            raise RuntimeError(f"its tensor {name} holds values that are not finite numbers")
    network.load_state_dict({name: value.float() for name, value in state.items()})
