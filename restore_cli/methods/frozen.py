"""Networks that judge without learning from it."""

from collections.abc import Generator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(network: nn.Module) -> Generator[None]:
    """Let what is computed inside pass gradients through a network and leave none in it."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
