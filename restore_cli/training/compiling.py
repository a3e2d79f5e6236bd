"""Networks compiled by torch.compile (`optim.compile`), and left as they are where that fails."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from restore_cli.methods import Objective

Graph = Callable[..., Any]


def compile_networks(objective: Objective, note: Callable[[str], None]) -> None:
    """Let torch compile what the objective moves, each when it is first called.

    Weights, their names and what a network computes stay as they are; the first step of each shape
    takes a minute or more. Call it before the modules are prepared for their device.

    Args:
        objective: its modules are changed in place.
        note: told once, in a sentence, why something computes without being compiled.
    """
    # Crops have one size: a graph for all sizes would be slower, and ours would be compiled twice.
    backend = _Inductor(note)
    for module in objective.modules.values():
        module.compile(backend=backend, dynamic=False)


class _Inductor:
    """torch's own compiler, whose failures end with the graph as it was written.

    `torch._dynamo.config.suppress_errors` would do the same for the whole process, and only log it.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def __call__(self, graph: torch.fx.GraphModule, inputs: Sequence[Tensor]) -> Graph:
        try:
            return torch._inductor.compile(graph, list(inputs))  # pyright: ignore
        except Exception as error:  # whatever a compiler, a driver or a full disk makes of it
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self._note(f"torch.compile failed ({reason}), and training is slower than it could be")
            return graph.forward
