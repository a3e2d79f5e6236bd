"""Groups are moved one after the other, after the closure, as torch's own optimisers do."""

from typing import Any

import torch
from torch import nn

from restore_cli.training.group_optimizer import GroupOptimizer


class Noted(GroupOptimizer):
    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {"lr": 1.0})
        self.moved: list[float] = []

    def move(self, group: dict[str, Any]) -> None:
        assert not torch.is_grad_enabled()
        self.moved.append(group["lr"])


def test_each_group_is_moved_once_and_the_loss_returned() -> None:
    one, two = (nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer = Noted([{"params": [one], "lr": 0.5}, {"params": [two]}])

    def closure() -> float:
        (one * two).sum().backward()
        return 2.5

    assert optimizer.step(closure) == 2.5
    assert optimizer.moved == [0.5, 1.0]
    assert torch.equal(one.grad, torch.ones(2))
    assert optimizer.step() is None
