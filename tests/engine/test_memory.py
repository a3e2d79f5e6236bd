"""Need is measured, free memory is read, and the window size follows."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.engine import memory
from restore_cli.networks.base import Network, NetworkInfo

CPU = torch.device("cpu")


class _Wide(Network):
    """32 channels alive twice at the peak: the convolution's result and its relu."""

    info = NetworkInfo()

    def __init__(self) -> None:
        super().__init__()
        self.open = nn.Conv2d(3, 32, 3, padding=1)
        self.close = nn.Conv2d(32, 3, 3, padding=1)

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        return self.close(F.relu(self.open(image)))


def test_bytes_per_pixel_counts_what_lives_at_once() -> None:
    measured = memory.bytes_per_pixel(_Wide(), NetworkInfo(), CPU) / memory.SAFETY
    assert measured == pytest.approx((32 + 32 + 3) * 4, abs=12)


def test_bytes_per_pixel_forgets_what_is_gone() -> None:
    shallow = nn.Sequential(*[nn.Conv2d(3, 3, 3, padding=1) for _ in range(3)])
    deep = nn.Sequential(*[nn.Conv2d(3, 3, 3, padding=1) for _ in range(12)])
    assert memory.bytes_per_pixel(deep, NetworkInfo(), CPU) == memory.bytes_per_pixel(
        shallow, NetworkInfo(), CPU
    )


def test_fitting_tile_stays_within_the_budget() -> None:
    tile = memory.fitting_tile(1000 * 700**2, 1000, NetworkInfo(multiple=16))
    assert tile == 688
    info = NetworkInfo(multiple=16)
    assert memory.fitting_tile(1, math.inf, info) == memory.smallest_tile(info) == 64
    assert memory.smallest_tile(NetworkInfo(multiple=48)) == 96
    # Windows may be laid half as large.
    assert memory.smallest_tile(NetworkInfo(multiple=8, smallest=72)) == 144


def test_automatic_windows_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1e9)
    assert memory.budget(CPU, automatic=True) == 0.5e9
    assert memory.budget(CPU, automatic=False) == 0.9e9
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1e12)
    assert memory.budget(CPU, automatic=True) == memory.CPU_BUDGET


def test_free_memory_of_this_machine_is_positive() -> None:
    assert 0 < memory.free_bytes(CPU) < 2**50
    memory.release(CPU)
