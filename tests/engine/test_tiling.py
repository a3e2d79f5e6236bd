"""Windows cover the picture, meet the network's grid, and blend without loss."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore_cli.engine.tiling import lay, mirror, ramp, round_up, spans, taken


@st.composite
def axes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Length, tile, overlap, multiple as `Restorer` would ask for them."""
    multiple = draw(st.sampled_from([1, 2, 8, 16]))
    tile = multiple * draw(st.integers(2, 20))
    length = multiple * draw(st.integers(1, 120))
    return length, tile, draw(st.integers(0, tile - 1)), multiple


@pytest.mark.parametrize(
    ("size", "multiple", "expected"),
    [
        (4, 4, [0, 1, 2, 3]),
        (5, 4, [0, 1, 2, 3, 4, 3, 2, 1]),
        (2, 8, [0, 1, 0, 1, 0, 1, 0, 1]),
        (3, 8, [0, 1, 2, 1, 0, 1, 2, 1]),
        (1, 4, [0, 0, 0, 0]),
    ],
)
def test_mirror_reflects_as_often_as_needed(size: int, multiple: int, expected: list[int]) -> None:
    assert mirror(size, multiple).tolist() == expected


@given(size=st.integers(1, 70), multiple=st.sampled_from([1, 2, 8, 16, 64]))
def test_mirror_keeps_the_picture_and_moves_by_one(size: int, multiple: int) -> None:
    positions = mirror(size, multiple).tolist()
    assert len(positions) == round_up(size, multiple)
    assert positions[:size] == list(range(size))
    assert all(abs(a - b) == min(1, size - 1) for a, b in pairwise(positions))


@given(axes())
def test_windows_lie_inside_on_the_grid_and_share_the_overlap(
    axis: tuple[int, int, int, int],
) -> None:
    length, tile, overlap, multiple = axis
    windows = spans(length, tile, overlap, multiple)
    assert windows[0].start == 0
    assert windows[-1].stop == windows[-1].keep_stop == length
    for window in windows:
        assert window.start % multiple == 0
        assert window.stop - window.start == windows[0].stop <= tile
        assert window.start <= window.fade_start <= window.fade_stop < window.keep_stop
        assert window.keep_stop <= window.stop
    promised = min(round_up(overlap, multiple), tile - multiple)
    for before, after in pairwise(windows):
        assert before.stop - after.start >= promised
        assert before.start < after.start
        assert before.keep_stop == after.fade_stop


@given(axes())
@settings(max_examples=60, deadline=None)
def test_weights_sum_to_one(axis: tuple[int, int, int, int]) -> None:
    length, tile, overlap, multiple = axis
    windows = spans(length, tile, overlap, multiple)
    # Laying "one" from one window and "zero" from all others shows that window's weight.
    weights = np.zeros((len(windows), length), np.float32)
    for chosen in range(len(windows)):
        target = np.full((1, 1, length), np.nan, np.float32)
        for index, window in enumerate(windows):
            value = np.full((1, 1, window.stop - window.start), index == chosen, np.float32)
            lay(target, value, window, dim=2)
        weights[chosen] = target[0, 0]
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(0), 1, atol=1e-6)


@given(axes(), st.floats(0, 1, width=32))
@settings(max_examples=60, deadline=None)
def test_windows_that_agree_are_laid_without_any_rounding(
    axis: tuple[int, int, int, int], value: float
) -> None:
    length, tile, overlap, multiple = axis
    target = np.full((3, length, 2), np.nan, np.float32)
    for window in spans(length, tile, overlap, multiple):
        laid = np.full((3, window.stop - window.start, 2), value, np.float32)
        lay(target, laid, window, dim=1)
    assert np.array_equal(target, np.full_like(target, value))


def test_the_outer_part_of_an_overlap_is_thrown_away() -> None:
    first, second = spans(192, 128, 64, 8)
    assert (first.stop, second.start) == (128, 64)
    assert second.fade_start - second.start == first.stop - first.keep_stop == 24
    target = np.zeros((1, 1, 192), np.float32)
    dirty = np.ones((1, 1, 128), np.float32)
    dirty[..., -24:] = np.nan
    lay(target, dirty, first, dim=2)
    dirty = dirty[..., ::-1]
    lay(target, dirty, second, dim=2)
    assert np.array_equal(target, np.ones_like(target))


def test_padding_is_cropped() -> None:
    (window,) = spans(8, 64, 16, 8)
    target = np.zeros((1, 5, 1), np.float32)
    lay(target, np.arange(8, dtype=np.float32).reshape(1, 8, 1), window, dim=1)
    assert target.flatten().tolist() == [0, 1, 2, 3, 4]


def test_ramp_is_symmetric_and_strictly_inside() -> None:
    weights = ramp(16)
    assert (np.diff(weights) > 0).all()
    assert 0 < float(weights[0]) < float(weights[-1]) < 1
    np.testing.assert_allclose(weights + weights[::-1], 1, atol=1e-6)


@pytest.mark.parametrize("positions", [[0], [2, 3, 4], [3, 4, 3, 2], [4, 3], [0, 0]])
def test_what_is_taken_is_what_stands_there(positions: list[int]) -> None:
    image = np.arange(2.0 * 5 * 5).reshape(2, 5, 5)
    for dim in (1, 2):
        found = taken(image, np.array(positions), dim)
        assert np.array_equal(found, image.take(positions, dim))


def test_neighbours_are_taken_without_a_copy() -> None:
    image = np.zeros((3, 6, 6))
    assert taken(image, mirror(6, 4)[1:6], 1).base is image
