"""How a picture is cut: what was asked for, what memory allows, what takes least time."""

import pytest
import torch
from fake_networks import blur

from restore_cli.engine import memory
from restore_cli.engine.tile_cost import Costs
from restore_cli.engine.ways import Way, Ways
from restore_cli.networks.base import Network

CPU = torch.device("cpu")
CACHED = Costs({192: 400.0, 384: 400.0, 512: 600.0, 768: 800.0})
BIG, SMALL = (1080, 1920), (320, 480)


@pytest.fixture(autouse=True)
def _much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1e12)
    monkeypatch.setattr(memory, "CPU_BUDGET", 1e12)


def _ways(network: Network | None = None, **told: object) -> Ways:
    network = network or blur()
    options = {"tile": "auto", "overlap": None, "usual_overlap": 32, "batch_size": 1} | told

    def need(device: memory.Place) -> float:
        return memory.bytes_per_pixel(network, network.info, CPU)

    return Ways(network.info, need, CPU, **options)  # pyright: ignore[reportArgumentType]


def _first(ways: Ways, size: tuple[int, int]) -> tuple[Way, list[str]]:
    notes: list[str] = []
    return ways.first(size, CPU, "fp32", notes, lambda: CACHED), notes


def test_large_pictures_are_cut_as_costs_least_and_small_ones_not_at_all() -> None:
    ways = _ways()
    assert _first(ways, BIG) == (Way(CPU, "fp32", 384, 1), [])
    assert _first(ways, SMALL) == (Way(CPU, "fp32", None, 1), [])
    assert _first(_ways(tile="none"), BIG)[0].tile is None


def test_less_memory_makes_smaller_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    network = blur()
    need = memory.bytes_per_pixel(network, network.info, CPU)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2 * need * 260**2)
    assert _first(_ways(network), BIG)[0].tile == 256


@pytest.mark.parametrize("size", [BIG, SMALL])
def test_a_wasteful_tile_is_said_once_with_the_factor(size: tuple[int, int]) -> None:
    ways = _ways(tile=128, usual_overlap=64)
    way, notes = _first(ways, size)
    assert way.tile == 128
    assert len(notes) == 1
    assert "tiles of 128 px that share 64 px takes about" in notes[0]
    assert _first(ways, size)[1] == []


def test_a_wasteful_overlap_is_said_and_a_good_one_not() -> None:
    assert "times as long" in _first(_ways(overlap=180), BIG)[1][0]
    assert _first(_ways(tile=384, overlap=48), BIG)[1] == []
    assert _first(_ways(tile=128, overlap=64), (200, 300))[1] == []  # nobody notices


def test_windows_that_were_asked_for_share_what_was_asked_for() -> None:
    assert _ways(tile=128, overlap=100).overlap(128) == 100
    assert _ways(tile=128, overlap=100).overlap(64) == 32
    assert _ways(tile=128).overlap(128) == 32
    assert _ways(tile=64, usual_overlap=64).overlap(64) == 32
