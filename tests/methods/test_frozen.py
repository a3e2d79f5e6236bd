import pytest
import torch
from torch import nn

from restore_cli.methods.frozen import frozen


def test_gradients_pass_through_and_none_stay() -> None:
    judge, maker = nn.Linear(3, 1), nn.Linear(2, 3)
    with frozen(judge):
        score = judge(maker(torch.rand(4, 2))).sum()
    score.backward()
    assert judge.weight.grad is None
    assert maker.weight.grad is not None
    assert all(parameter.requires_grad for parameter in judge.parameters())


def test_what_was_frozen_before_stays_so_and_an_error_thaws_the_rest() -> None:
    judge = nn.Linear(3, 1)
    judge.bias.requires_grad_(requires_grad=False)
    with pytest.raises(RuntimeError, match="stop"), frozen(judge):
        raise RuntimeError("stop")
    assert judge.weight.requires_grad
    assert not judge.bias.requires_grad
