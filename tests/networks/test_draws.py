import pytest
import torch
from torch import Tensor

from restore_cli.networks import draws
from restore_cli.networks.draws import drawn, mean_of_all, processes


def test_one_process_draws_as_it_always_did() -> None:
    assert processes() == 1
    torch.manual_seed(0)
    expected = torch.rand_like(torch.empty(4, 2))
    torch.manual_seed(0)
    assert torch.equal(drawn(torch.empty(4, 2), torch.rand_like), expected)


def test_each_of_several_processes_draws_its_samples_share_of_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    whole = torch.rand_like(torch.empty(6, 2))
    monkeypatch.setattr(draws, "processes", lambda: 3)

    def of(rank: int) -> Tensor:
        monkeypatch.setattr("torch.distributed.get_rank", lambda: rank)
        torch.manual_seed(0)
        return drawn(torch.empty(2, 2), torch.rand_like)

    parts = torch.stack([of(rank) for rank in range(3)], dim=1)
    assert torch.equal(parts.flatten(0, 1), whole)


def test_a_mean_is_that_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.tensor([1.0, 3.0], requires_grad=True)
    assert mean_of_all(values) == 2
    assert not mean_of_all(values).requires_grad
    monkeypatch.setattr(draws, "processes", lambda: 2)

    def add(mean: Tensor) -> None:
        mean.add_(6.0)  # what the other one found

    monkeypatch.setattr("torch.distributed.all_reduce", add)
    assert mean_of_all(values) == 4
