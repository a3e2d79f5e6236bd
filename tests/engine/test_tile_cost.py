"""Which tiling costs least follows from what windows of each size were measured to cost."""

from pathlib import Path

import pytest

from restore_cli.engine.cache import Cache
from restore_cli.engine.tile_cost import SIDES, Costs, measured

FLAT = Costs()
# What a processor with a small cache says: large windows cost twice as much a pixel.
CACHED = Costs({192: 400.0, 384: 400.0, 512: 600.0, 768: 800.0})


def test_a_window_costs_what_was_measured_and_between_sizes_the_mean() -> None:
    assert CACHED.of(192, 192) == 400.0 * 192**2
    assert CACHED.of(64, 64) == 400.0 * 64**2
    assert CACHED.of(640, 640) == pytest.approx(700.0 * 640**2)
    assert CACHED.of(5000, 2000) == 800.0 * 5000 * 2000


def test_overlaps_are_counted() -> None:
    assert FLAT.of_tiles((1024, 1024), None, 64, 8) == 1024**2
    # Three windows of 400 along each axis share at least 88 px.
    assert FLAT.of_tiles((1024, 1024), 400, 88, 8) == 9 * 400**2


def test_where_pixels_cost_the_same_the_whole_picture_is_cheapest() -> None:
    assert FLAT.cheapest((1200, 1600), 1600, 32, 8) is None
    assert FLAT.cheapest((1200, 1600), 640, 32, 8) == 640  # as much as memory allows


def test_windows_that_stay_in_the_cache_pay_for_a_small_overlap_only() -> None:
    assert CACHED.cheapest((1080, 1920), 1920, 32, 8) == 384
    assert CACHED.cheapest((1080, 1920), 1920, 240, 8) is None
    assert CACHED.cheapest((1080, 1920), 200, 150, 8) == 200  # nothing fits: what memory allows


def test_costs_are_measured_once(tmp_path: Path) -> None:
    seen: list[int] = []
    cache = Cache(tmp_path)
    costs, note = measured(seen.append, 80, "one", cache)
    assert note == ""
    assert set(seen) == {240, 320, 400, 560, 640}
    assert all(each > 0 for each in costs.by_side.values())
    seen.clear()
    assert measured(seen.append, 80, "one", cache) == (costs, "")
    assert not seen
    measured(seen.append, 8, "another", cache)
    assert set(seen) == set(SIDES)


def test_costs_that_cannot_be_kept_are_known_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    costs, note = measured(lambda side: side, 8, "one", Cache(tmp_path / "file"))
    assert set(costs.by_side) == set(SIDES)
    assert "cannot be written" in note
