"""Splitting and laying together changes nothing; what is no picture is not taken for one."""

import numpy as np
import pytest

from restore_cli.engine.tiling import spans
from restore_cli.engine.windows import (
    Layout,
    NotFiniteError,
    Pixels,
    finished,
    in_windows,
    is_finite,
    is_flat,
    together,
)


def _image(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).random((3, height, width), np.float32)


@pytest.mark.parametrize("scale", [1, 2])
def test_windows_are_laid_where_they_were_taken(scale: int) -> None:
    image, told, seen = _image(100, 150), list[float](), list[tuple[int, ...]]()
    layout = Layout(
        spans(104, 64, 16, 8), spans(152, 64, 16, 8), multiple=8, scale=scale, batch=2
    )  # fmt: skip

    def compute(windows: Pixels) -> Pixels:
        seen.append(windows.shape)
        return windows.repeat(scale, 2).repeat(scale, 3)

    found = in_windows(image, layout, compute, told.append)
    np.testing.assert_array_equal(found, image.repeat(scale, 1).repeat(scale, 2))
    assert {shape[0] for shape in seen} == {1, 2}
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_pictures_go_through_together_as_alone() -> None:
    images = [_image(50, 70) + number for number in range(3)]
    layout = Layout(spans(64, 64, 0, 8), spans(72, 72, 0, 8), multiple=8, smallest=64)

    def compute(windows: Pixels) -> Pixels:
        assert windows.shape[1:] == (3, 64, 72)
        return windows * windows.mean(axis=(1, 2, 3), keepdims=True)

    for image, found in zip(images, together(images, layout, compute), strict=True):
        np.testing.assert_array_equal(found, in_windows(image, layout, compute))


def test_the_picture_stays_where_a_window_is_changed() -> None:
    image = _image(16, 16)
    before = image.copy()
    in_windows(image, Layout(spans(16, 16, 0, 8), spans(16, 16, 0, 8)), lambda w: np.negative(w, w))
    np.testing.assert_array_equal(image, before)


def test_results_are_limited_and_broken_ones_refused() -> None:
    made = finished(np.float32([[[-1, 0.5, 2]]]))
    np.testing.assert_array_equal(made, np.float32([[[0, 0.5, 1]]]))
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(NotFiniteError):
            finished(np.float32([[[0.5, bad]]]))
    assert not is_finite(np.float32([np.inf, -np.inf]))


def test_a_picture_is_flat_where_each_channel_has_one_value() -> None:
    flat = np.repeat(np.float32([0.1, 0.2, 0.3])[:, None, None], 4, axis=1)
    assert is_flat(flat)
    flat[1, 2] += 0.1
    assert not is_flat(flat)
