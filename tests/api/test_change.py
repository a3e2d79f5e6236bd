"""What changed in a picture, in numbers and words."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from restore_cli.api.change import Measured, change, in_words
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels


def test_pixels_that_differ_visibly_are_counted() -> None:
    before = np.full((3, 600, 10), 0.5, np.float32)
    after = before.copy()
    after[1, :60] += 3 / 255
    after[2, 300:] += 1 / 255
    assert change(before, after) == {"share": 0.1, "largest": round(3 / 255, 4)}
    assert change(before, before) == {"share": 0.0, "largest": 0.0}


def test_a_restorer_is_measured() -> None:
    told = Restored(
        np.ones((3, 2, 2), np.float32), None, "cpu", "fp32", details={"steps": ["derain"]}
    )
    restored = Measured(lambda _: told)(np.zeros((3, 2, 2), np.float32))
    assert restored.details == {"steps": ["derain"], "change": {"share": 1.0, "largest": 1.0}}


def test_what_was_compared_already_is_not_compared_again() -> None:
    told = Restored(np.ones((3, 2, 2), np.float32), None, "cpu", "fp32", details={"change": {}})
    black = np.zeros((3, 2, 2), np.float32)
    assert Measured(lambda _: told, trusts=True)(black).details == {"change": {}}
    assert Measured(lambda _: told)(black).details == {"change": {"share": 1.0, "largest": 1.0}}


def test_pictures_restored_together_are_measured_each() -> None:
    class Both:
        def __call__(self, image: Pixels) -> Restored[Pixels]:
            return Restored(image + 0.5, None, "cpu", "fp32")

        def several(self, images: Sequence[Pixels]) -> list[Restored[Pixels]]:
            return [replace(self(image), notes=("together",)) for image in images]

    images = [np.zeros((3, 2, 2), np.float32), np.full((3, 2, 2), 0.25, np.float32)]
    for one in Measured(Both()).several(images):
        assert one.notes == ("together",)
        assert one.details == {"change": {"share": 1.0, "largest": 0.5}}
    (alone,) = Measured(Both().__call__).several(images[:1])
    assert alone.notes == ()


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({}, ""),
        ({"change": {"share": 0.0, "largest": 0.0}}, "left as is"),
        ({"change": {"share": 0.0, "largest": 0.001}}, "changed 0 % of pixels by more than 2/255"),
        (
            {
                "degradations": {"clean": 0.05, "rain": 0.93},
                "steps": ["derain"],
                "change": {"share": 0.123, "largest": 0.5},
            },
            "rain 0.93, ran derain, changed 12 % of pixels by more than 2/255",
        ),
        (
            {"degradations": {"clean": 1.0}, "steps": [], "change": {"share": 0, "largest": 0}},
            "clean 1.00, ran nothing, left as is",
        ),
    ],
)
def test_words_for_people(details: dict[str, object], words: str) -> None:
    assert in_words(details) == words


def test_what_an_upscaler_made_is_not_compared_with_its_input() -> None:
    image = np.zeros((3, 4, 5), np.float32)
    restored = Restored(np.zeros((3, 8, 10), np.float32), None, "cpu", "fp32", details={"scale": 2})
    assert Measured(lambda _: restored)(image).details == {"scale": 2}
