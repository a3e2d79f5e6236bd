"""Labelled pictures on white."""

import numpy as np

from restore_cli.images.sheet import GAP, Labelled, drawn, reduced


def test_pictures_are_made_to_fit_and_small_ones_stay() -> None:
    assert reduced(np.full((100, 400, 3), 0.5, np.float32), 200, 200).shape == (50, 200, 3)
    small = reduced(np.full((10, 20, 3), 0.5, np.float32), 200, 200)
    assert small.shape == (10, 20, 3)
    assert (small == 128).all()
    assert reduced(np.ones((1, 5000, 3), np.float32), 100, 100).shape == (1, 100, 3)


def test_pictures_stand_side_by_side_with_words_below() -> None:
    red, blue = (np.full((50, 150, 3), colour, np.uint8) for colour in ([255, 0, 0], [0, 0, 255]))
    sheet = drawn([("my photo.jpg", [Labelled(red, "before"), Labelled(blue, "after " * 99)])])
    width = 3 * GAP + 2 * 150
    assert sheet.shape[1] == width
    row = sheet[sheet.shape[0] // 2]
    assert tuple(row[GAP + 75]) == (255, 0, 0)
    assert tuple(row[2 * GAP + 150 + 75]) == (0, 0, 255)
    # Ink above, for the title, and below, for the labels; the border stays white.
    tops = np.flatnonzero((sheet == [255, 0, 0]).all(axis=2).any(axis=1))
    assert (sheet[: tops[0]] < 128).any()
    assert (sheet[tops[-1] + 1 :] < 200).any()
    assert (sheet[:, -GAP // 2 :] == 255).all()


def test_names_with_line_ends_and_of_other_scripts_are_drawn_apart() -> None:
    dot = np.zeros((30, 300, 3), np.uint8)
    names = ("a\nb.png", "\u5c71.png", "\u5ddd.png")
    sheets = [drawn([(name, [Labelled(dot, "before")])]) for name in names]
    assert len({sheet.tobytes() for sheet in sheets}) == len(names)


def test_narrow_pictures_have_room_for_their_words_and_none_overlap() -> None:
    dot = np.zeros((1, 1, 3), np.uint8)
    alone = drawn([("", [Labelled(dot, "before")])])
    both = drawn([("", [Labelled(dot, "before"), Labelled(dot, "before")])])
    cell = alone.shape[1] - GAP
    # Each half is what one picture alone looks like.
    assert (both[:, :cell] == alone[:, :cell]).all()
    assert (both[:, cell : 2 * cell] == alone[:, :cell]).all()


def test_long_labels_are_wrapped_and_cut_only_behind_their_third_line() -> None:
    dot = np.zeros((1, 1, 3), np.uint8)
    heights = [
        drawn([("", [Labelled(dot, "sixteen letters " * count)])]).shape[0]
        for count in (1, 2, 3, 9)
    ]
    assert heights[0] < heights[1] < heights[2] == heights[3]
