"""Windows cover the picture, meet the network's grid, and blend without loss."""

from itertools import pairwise

import pytest
import torch
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
    weights = torch.zeros(len(windows), length)
    for chosen in range(len(windows)):
        target = torch.full((1, 1, length), torch.nan)
        for index, window in enumerate(windows):
            value = torch.full((1, 1, window.stop - window.start), float(index == chosen))
            lay(target, value, window, dim=2)
        weights[chosen] = target[0, 0]
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(0), torch.ones(length), atol=1e-6, rtol=0)


@given(axes(), st.floats(0, 1, width=32))
@settings(max_examples=60, deadline=None)
def test_windows_that_agree_are_laid_without_any_rounding(
    axis: tuple[int, int, int, int], value: float
) -> None:
    length, tile, overlap, multiple = axis
    target = torch.full((3, length, 2), torch.nan)
    for window in spans(length, tile, overlap, multiple):
        lay(target, torch.full((3, window.stop - window.start, 2), value), window, dim=1)
    assert torch.equal(target, torch.full_like(target, value))


def test_the_outer_part_of_an_overlap_is_thrown_away() -> None:
    first, second = spans(192, 128, 64, 8)
    assert (first.stop, second.start) == (128, 64)
    assert second.fade_start - second.start == first.stop - first.keep_stop == 24
    target = torch.zeros(1, 1, 192)
    dirty = torch.ones(1, 1, 128)
    dirty[..., -24:] = torch.nan
    lay(target, dirty, first, dim=2)
    dirty = dirty.flip(2)
    lay(target, dirty, second, dim=2)
    assert torch.equal(target, torch.ones_like(target))


def test_padding_is_cropped() -> None:
    (window,) = spans(8, 64, 16, 8)
    target = torch.zeros(1, 5, 1)
    lay(target, torch.arange(8.0).view(1, 8, 1), window, dim=1)
    assert target.flatten().tolist() == [0, 1, 2, 3, 4]


def test_ramp_is_symmetric_and_strictly_inside() -> None:
    weights = ramp(16)
    assert bool((weights.diff() > 0).all())
    assert 0 < float(weights[0]) < float(weights[-1]) < 1
    torch.testing.assert_close(weights + weights.flip(0), torch.ones(16))


@pytest.mark.parametrize("positions", [[0], [2, 3, 4], [3, 4, 3, 2], [4, 3], [0, 0]])
def test_what_is_taken_is_what_stands_there(positions: list[int]) -> None:
    image = torch.arange(2.0 * 5 * 5).view(2, 5, 5)
    for dim in (1, 2):
        found = taken(image, torch.tensor(positions), dim)
        assert torch.equal(found, image.index_select(dim, torch.tensor(positions)))


def test_neighbours_are_taken_without_a_copy() -> None:
    image = torch.zeros(3, 6, 6)
    assert taken(image, mirror(6, 4)[1:6], 1).data_ptr() == image[:, 1:].data_ptr()
