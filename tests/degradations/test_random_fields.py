"""Random fields: range, smoothness, and edges that follow a picture's."""

import numpy as np
import pytest
import torch

from restore_cli.degradations.random_fields import (
    borrowing_edges,
    depth,
    follow_edges,
    fractal,
    grey_of,
    region,
    room,
    segments,
)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (31, 64), (96, 96)])
def test_fields_fill_their_range_at_any_size(size: tuple[int, int]) -> None:
    for field in (fractal, depth):
        for seed in range(8):
            plane = field(*size, np.random.default_rng(seed))
            assert plane.shape == size
            assert plane.dtype == np.float32
            assert plane.min() >= 0
            assert plane.max() <= 1
            if plane.std() > 0:
                assert (plane.min(), plane.max()) == pytest.approx((0, 1), abs=1e-6)
            np.testing.assert_array_equal(plane, field(*size, np.random.default_rng(seed)))


def test_roughness_makes_neighbours_differ_more() -> None:
    steps = [
        np.abs(np.diff(fractal(96, 96, np.random.default_rng(1), roughness=r), axis=1)).mean()
        for r in (0.2, 0.5, 0.8)
    ]
    assert steps[0] < steps[1] < steps[2]


def test_no_two_scenes_are_alike() -> None:
    scenes = [depth(48, 64, np.random.default_rng(seed)).ravel() for seed in range(6)]
    correlation = np.corrcoef(scenes)
    assert np.abs(correlation[~np.eye(6, dtype=bool)]).max() < 0.98


def test_a_region_covers_its_share_and_may_prefer_the_top() -> None:
    tops: list[float] = []
    for seed in range(30):
        area = region(60, 80, np.random.default_rng(seed), cover=(0.2, 0.2), up=3)
        assert area.min() >= 0
        assert area.max() <= 1
        assert float((area > 0.5).mean()) == pytest.approx(0.2, abs=0.02)
        tops.append(float(area[:30].sum() / area.sum()))
    assert np.mean(tops) > 0.85
    sides = [region(60, 80, np.random.default_rng(s), cover=(0.2, 0.2)) for s in range(30)]
    assert np.mean([side[:30].sum() / side.sum() for side in sides]) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 2)])
def test_regions_come_in_any_size(size: tuple[int, int]) -> None:
    area = region(*size, np.random.default_rng(0), cover=(0.01, 0.9))
    assert area.shape == size
    assert np.isfinite(area).all()


def test_edges_are_borrowed_from_a_pictures_brightness() -> None:
    picture = torch.zeros(3, 40, 60)
    picture[:, :, 30:] = 1.0
    field = np.zeros((40, 60), np.float32)
    field[:, 33:] = 1.0
    moved = borrowing_edges(field, grey_of(picture.numpy()), np.random.default_rng(0))
    assert np.abs(np.diff(moved[20])).argmax() == 29
    assert moved.min() >= 0
    assert moved.max() <= 1


def test_edges_move_to_those_of_the_picture() -> None:
    guide = np.zeros((40, 60), np.float32)
    guide[:, 30:] = 1.0
    field = np.zeros_like(guide)
    field[:, 34:] = 1.0  # an edge four pixels beside the picture's
    moved = follow_edges(field, guide, radius=8)
    steps = np.abs(np.diff(moved[20]))
    assert steps.argmax() == 29
    assert moved[20, 20] < 0.2
    assert moved[20, 45] > 0.8


def test_without_edges_in_the_picture_the_field_is_only_smoothed() -> None:
    field = fractal(40, 60, np.random.default_rng(0))
    moved = follow_edges(field, np.full_like(field, 0.5), radius=2)
    assert np.corrcoef(field.ravel(), moved.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 2), (100, 130)])
def test_rooms_and_things_come_in_any_size(size: tuple[int, int]) -> None:
    grey = np.random.default_rng(1).random(size, dtype=np.float32)
    for seed in range(5):
        for field in (
            room(*size, np.random.default_rng(seed)),
            segments(grey, np.random.default_rng(seed)),
        ):
            assert field.shape == size
            assert np.isfinite(field).all()
            assert 0 <= field.min() <= field.max() <= 1


def test_things_of_one_brightness_lie_at_one_distance_more_or_less() -> None:
    grey = np.zeros((64, 64), np.float32)
    grey[:, 32:] = 0.9
    apart: list[float] = []
    for seed in range(30):
        field = segments(grey, np.random.default_rng(seed))
        apart.append(abs(float(field[:, :26].mean() - field[:, 38:].mean())))
    assert np.median(apart) > 0.15


def test_a_rooms_back_wall_is_farthest() -> None:
    for seed in range(10):
        field = room(60, 80, np.random.default_rng(seed))
        border = np.concatenate([field[0], field[-1], field[:, 0], field[:, -1]])
        assert border.mean() < field.max()
