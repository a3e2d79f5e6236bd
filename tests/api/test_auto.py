"""Looking, naming, and running what was named."""

from typing import cast

import numpy as np
import pytest

from restore_cli.api.auto import DARK, EARLIER, GRAIN, LACKING, SPECIALISTS, THRESHOLD, Auto
from restore_cli.api.chain import Step
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.models.shipped import TASKS


def _specialist(task: str) -> Step | None:
    def restore(image: Pixels) -> Restored[Pixels]:
        changed = image.round(1) if task == "denoise" else image * 0.5
        return Restored(changed, None, "cpu", "fp32")

    return None if task == "dejpeg" else Step(task, restore)


def _auto(seen: dict[str, float], **how: float) -> Restored[Pixels]:
    return Auto(lambda _: seen, _specialist, **how)(np.ones((3, 4, 4), np.float32))


def test_what_is_seen_is_mended_in_a_fixed_order() -> None:
    restored = _auto({"blur": 0.4, "rain": 0.35, "clean": 0.25}, threshold=0.3)
    assert restored.details["steps"] == ["derain", "deblur"]
    assert restored.details["degradation"] == "blur"
    # Rounded between the steps, as a 16-bit file is.
    assert np.allclose(restored.image, 0.25, atol=1 / 65535)


def test_a_clean_picture_stays_as_it_is() -> None:
    seen = {"clean": 1 - THRESHOLD / 3, "rain": THRESHOLD / 3}
    restored = _auto(seen)
    assert restored.details == {"degradation": "clean", "degradations": seen, "steps": []}
    assert (restored.image == 1).all()


def test_what_is_likely_but_not_sure_is_left_alone() -> None:
    seen = {"clean": 1.01 - THRESHOLD, "blur": THRESHOLD - 0.01}
    restored = _auto(seen)
    assert restored.details["degradation"] == "blur"
    assert restored.details["steps"] == []
    assert (restored.image == 1).all()


def test_the_threshold_itself_counts_and_strength_blends() -> None:
    restored = _auto({"rain": THRESHOLD, "clean": 1 - THRESHOLD}, strength=0.5)
    assert restored.details["steps"] == ["derain"]
    assert (restored.image == 0.75).all()


@pytest.mark.parametrize("name", EARLIER)
def test_some_are_mended_with_less_confidence(name: str) -> None:
    clean = {"clean": 1 - EARLIER[name], name: EARLIER[name]}
    assert _auto(clean).details["steps"] == [SPECIALISTS[name]]
    clean[name] -= 0.01
    assert _auto(clean).details["steps"] == []


def test_noise_that_hides_from_the_look_is_found_by_what_denoising_takes_away() -> None:
    flat = np.full((3, 10, 10), 0.5, np.float32)
    seen = {"clean": 1.0, "noise": 0.0}
    grainy, nearly = flat.copy(), flat.copy()
    grainy[:, : round(10 * GRAIN)] += 0.03
    nearly[:, : round(10 * GRAIN) - 1] += 0.03
    nearly[:, 5:] += 1 / 255  # nobody sees it
    for strength in (1.0, 0.5, 0.0):
        restored = Auto(lambda _: seen, _specialist, strength=strength)(grainy)
        assert restored.details["steps"] == ["denoise"]
        expected = grainy + np.float32(strength) * (flat - grainy)
        np.testing.assert_allclose(restored.image, expected, atol=1e-6)
    restored = Auto(lambda _: seen, _specialist)(nearly)
    assert restored.details["steps"] == []
    assert np.array_equal(restored.image, nearly)
    assert restored.image is not nearly
    # Where something else was named, it is mended, and nothing besides.
    restored = Auto(lambda _: {"rain": 1.0}, _specialist)(grainy)
    assert restored.details["steps"] == ["derain"]
    assert Auto(lambda _: seen, lambda _: None)(grainy).details["steps"] == []


@pytest.mark.parametrize(
    ("share", "brightness", "lit"),
    [(0.89, DARK + 1, False), (0.9, 64, True), (1.0, 65, False)],
)
def test_only_dim_pictures_are_lit(share: float, brightness: int, lit: bool) -> None:
    picture = np.full((3, 5, 5), brightness / 255, np.float32)
    picture[:, 0] = 1.0  # a lamp
    restored = Auto(lambda _: {"low light": share}, _specialist)(picture)
    assert ("lowlight" in cast("list[str]", restored.details["steps"])) is lit
    noisy = Auto(lambda _: {"low light": share / 2, "noise": share / 2}, _specialist)(picture)
    assert ("lowlight" in cast("list[str]", noisy.details["steps"])) is lit


@pytest.mark.parametrize(
    ("seen", "level", "lit"),
    [
        ({"clean": 0.7, "low light": 0.1}, LACKING, True),
        ({"clean": 0.7, "low light": 0.1}, LACKING - 0.01, False),
        ({"low light": 1.0}, LACKING - 0.01, False),
        ({"low light": 0.2, "blur": 0.2, "noise": 0.3, "clean": 0.3}, 3.0, True),
        ({"rain": 0.6, "low light": 0.4}, 3.0, False),
    ],
)
def test_of_dark_pictures_the_specialist_says_whether_light_lacks(
    seen: dict[str, float], level: float, lit: bool
) -> None:
    asked: list[float] = []

    def lighten(image: Pixels) -> Restored[Pixels]:
        asked.append(float(image.max()))
        return Restored(image * 2, None, "cpu", "fp32", details={"level": level})

    def specialist(task: str) -> Step | None:
        return Step(task, lighten) if task == "lowlight" else _specialist(task)

    picture = np.full((3, 5, 5), DARK / 255, np.float32)
    restored = Auto(lambda _: seen, specialist)(picture)
    assert ("lowlight" in cast("list[str]", restored.details["steps"])) is lit
    if lit:
        np.testing.assert_array_equal(restored.image, picture * 2)
    assert len(asked) <= 1  # what was tried is not computed again


def test_dark_and_noisy_pictures_are_denoised_before_they_are_lit() -> None:
    lit: list[Pixels] = []

    def lighten(image: Pixels) -> Restored[Pixels]:
        lit.append(image)
        return Restored(image * 2, None, "cpu", "fp32", details={"level": 2.0})

    def specialist(task: str) -> Step | None:
        return Step(task, lighten) if task == "lowlight" else _specialist(task)

    picture = np.full((3, 5, 5), 38 / 255, np.float32)
    restored = Auto(lambda _: {"noise": 1.0}, specialist)(picture)
    assert restored.details["steps"] == ["denoise", "lowlight"]
    np.testing.assert_allclose(lit[-1], 0.1, atol=1e-4)


def test_a_missing_specialist_for_low_light_is_named_where_it_is_sure() -> None:
    picture = np.full((3, 5, 5), DARK / 255, np.float32)
    restored = Auto(lambda _: {"low light": 0.9}, lambda _: None)(picture)
    assert "low light was seen" in restored.notes[0]
    assert not Auto(lambda _: {"low light": 0.3, "clean": 0.7}, lambda _: None)(picture).notes


def test_a_specialist_that_is_missing_is_named() -> None:
    restored = _auto({"jpeg": 0.9})
    assert restored.details["steps"] == []
    assert "jpeg was seen" in restored.notes[0]


def test_every_specialist_is_a_task() -> None:
    assert set(SPECIALISTS.values()) == set(TASKS) - {"auto"}


def test_the_median_is_the_lower_of_two_middle_values() -> None:
    picture = np.full((3, 2, 2), 64 / 255, np.float32)
    picture[:, 0] = DARK / 255  # two of four pixels
    asked: list[str] = []

    def specialist(task: str) -> Step | None:
        asked.append(task)
        return Step(task, lambda image: Restored(image, None, "cpu", "fp32"))

    Auto(lambda _: {"low light": 1.0}, specialist)(picture)
    assert "lowlight" in asked
