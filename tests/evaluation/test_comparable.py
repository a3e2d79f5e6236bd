"""Pictures of unlike kinds are compared in one space, and the notes say so."""

from dataclasses import replace

import numpy as np
import pytest
from icc_profiles import ADOBE_RGB, SRGB

from restore_cli.evaluation import comparable
from restore_cli.evaluation.comparable import samples, unlikeness
from restore_cli.images.decoded import NAN_NOTE
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(6)
PLAIN = Picture(RNG.integers(0, 256, (6, 5, 3)).astype(np.uint8))
GREY = Picture(PLAIN.pixels[..., :1])
DEEP = Picture(PLAIN.pixels.astype(np.uint16) * 257)
ADOBE = replace(PLAIN, icc=ADOBE_RGB)
CLEAR = replace(PLAIN, alpha=np.full((6, 5), 100, np.uint8))
FLOATS = Picture(PLAIN.to_srgb())
TIMES_255 = Picture(PLAIN.pixels.astype(np.float32))
OPAQUE = replace(PLAIN, alpha=np.full((6, 5), 255, np.uint8))


@pytest.mark.parametrize(
    ("one", "other", "notes"),
    [
        (PLAIN, PLAIN, ()),
        (PLAIN, replace(PLAIN, icc=SRGB), ()),
        (ADOBE, ADOBE, ()),
        (PLAIN, DEEP, (comparable.DEPTH,)),
        (PLAIN, GREY, (comparable.GREY,)),
        (PLAIN, ADOBE, (comparable.PROFILE,)),
        (PLAIN, CLEAR, (comparable.ALPHA, comparable.ALPHA_ALONE)),
        (PLAIN, OPAQUE, (comparable.ALPHA_ALONE,)),
        (OPAQUE, CLEAR, (comparable.ALPHA,)),
        (ADOBE, GREY, (comparable.GREY,)),
        (PLAIN, FLOATS, (comparable.DEPTH,)),
        (FLOATS, TIMES_255, (comparable.BEYOND,)),
        (FLOATS, replace(FLOATS, notes=(NAN_NOTE,)), (NAN_NOTE,)),
    ],
)
def test_what_is_unlike_is_told_from_both_sides(
    one: Picture, other: Picture, notes: tuple[str, ...]
) -> None:
    assert unlikeness(one, other) == notes
    assert unlikeness(other, one) == notes


def test_the_same_colours_in_other_clothes_are_the_same_numbers() -> None:
    values = PLAIN.to_srgb()
    assert samples(PLAIN) is PLAIN.pixels
    np.testing.assert_array_equal(samples(DEEP) / np.float32(65535), values)
    np.testing.assert_array_equal(samples(OPAQUE), PLAIN.pixels)
    wide = Picture(np.zeros((6, 5, 3), np.uint16), icc=ADOBE_RGB).with_srgb(values)
    # A step of 16 bits in the shadows of a plain gamma is larger than one in sRGB.
    assert np.abs(samples(wide) - values).max() < 3e-4


def test_colours_are_premultiplied() -> None:
    np.testing.assert_allclose(samples(CLEAR), PLAIN.to_srgb() * np.float32(100 / 255), atol=1e-6)
