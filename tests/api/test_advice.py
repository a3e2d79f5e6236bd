"""Advice on pictures that hardly changed."""

from collections.abc import Sequence

import numpy as np
import pytest

from restore_cli.api.advice import Advised, advice_on, advised
from restore_cli.api.chain import Step
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels


def brighter(image: Pixels, rows: int) -> Restored[Pixels]:
    out = image.copy()
    out[:, :rows] += 0.1
    return Restored(out, None, "cpu", "fp32", notes=("before",))


@pytest.mark.parametrize(("rows", "hardly"), [(0, True), (3, True), (4, False), (100, False)])
def test_only_pictures_that_hardly_change_get_it(rows: int, hardly: bool) -> None:
    restored = Advised(lambda image: brighter(image, rows), None, "say so")(
        np.zeros((3, 100, 8), np.float32)
    )
    assert restored.notes == (("before", "say so") if hardly else ("before",))
    change = {"share": rows / 100, "largest": 0.1 if rows else 0.0}
    assert restored.details == {"change": change}


def test_pictures_restored_together_get_it_each() -> None:
    def together(images: Sequence[Pixels]) -> list[Restored[Pixels]]:
        return [brighter(image, 50 * number) for number, image in enumerate(images)]

    images = [np.zeros((3, 100, 8), np.float32)] * 2
    both = Advised(lambda image: brighter(image, 0), together, "say so")
    assert [len(one.notes) for one in both.several(images)] == [2, 1]
    alone = Advised(both.restore, None, "say so")
    assert [len(one.notes) for one in alone.several(images)] == [2, 2]


@pytest.mark.parametrize("quantity", ["rain", "haze", "stops"])
def test_it_names_a_level_to_try(quantity: str) -> None:
    assert "--level" in advice_on(quantity)


@pytest.mark.parametrize("quantity", ["", "blur", "sigma"])
def test_nothing_is_said_where_nothing_is_known(quantity: str) -> None:
    assert advice_on(quantity) == ""


def test_a_step_is_advised_where_its_model_takes_a_level() -> None:
    step = Step("derain", lambda image: brighter(image, 0))
    image = np.zeros((3, 100, 8), np.float32)
    assert len(advised(step, "rain").restore(image).notes) == 2
    assert advised(step, "rain").several is None
    assert advised(step, "blur") is step
