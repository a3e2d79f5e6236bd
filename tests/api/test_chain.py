"""Steps on one picture: what is passed on, and what is told of it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from restore_cli.api.chain import Chain, Step
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.images.picture import Picture


def _add(amount: float, **told: object) -> Step:
    def restore(image: Pixels) -> Restored[Pixels]:
        details = {"level": amount}
        return Restored(image + amount, None, "cpu", "fp32", ("odd",), details, **told)  # type: ignore[arg-type]

    return Step(f"add-{amount}", restore)


def test_steps_follow_each_other_and_are_named() -> None:
    image = np.full((3, 4, 5), 0.25, np.float32)
    restored = Chain([_add(0.25), _add(0.125, backend="openvino")])(image)
    # Half a step of 16 bits is rounded up in between.
    assert np.array_equal(
        restored.image, np.full((3, 4, 5), np.float32(32768 / 65535) + np.float32(0.125))
    )
    assert np.array_equal(image, np.full((3, 4, 5), 0.25, np.float32))
    assert restored.details == {
        "steps": ["add-0.25", "add-0.125"],
        "levels": {"add-0.25": 0.25, "add-0.125": 0.125},
    }
    assert restored.notes == ("add-0.25: odd", "add-0.125: odd")
    assert restored.backend == "torch,openvino"
    assert restored.device == "cpu"


def test_one_step_alone_may_do_several_pictures_at_once() -> None:
    seen: list[int] = []

    def several(images: Sequence[Pixels]) -> list[Restored[Pixels]]:
        seen.append(len(images))
        return [_add(0.25).restore(image) for image in images]

    step = replace(_add(0.25), several=several)
    images = [np.full((3, 4, 5), value, np.float32) for value in (0.1, 0.2)]
    for chain, times in ((Chain([step]), [2]), (Chain([step, step]), []), (Chain([step], 0.5), [])):
        seen.clear()
        for one, image in zip(chain.several(images), images, strict=True):
            alone = chain(image)
            assert np.array_equal(one.image, alone.image)
            assert one.details == alone.details
        assert seen == times


def _coarse(image: Pixels) -> Pixels:
    """With the digits that bf16 has."""
    return (image.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def test_a_chain_gives_what_its_steps_give_through_16_bit_files(tmp_path: Path) -> None:
    def curve(image: Pixels) -> Restored[Pixels]:
        return Restored(np.sqrt((image * 1.3 - 0.1).clip(0, 1)), None, "cpu", "fp32")

    def coarse(image: Pixels) -> Restored[Pixels]:
        # As bf16 does: what is below a rounding may turn over what is above.
        return Restored(_coarse(curve(image).image), None, "cpu", "fp32")

    image = np.random.default_rng(0).random((3, 40, 50), np.float32)
    steps = [Step("curve", curve), Step("coarse", coarse), Step("curve", curve)]
    file = Picture(np.zeros((40, 50, 3), np.uint16)).with_srgb(image.transpose(1, 2, 0))
    image = file.to_srgb().transpose(2, 0, 1)
    at_once = file.with_srgb(Chain(steps)(image).image.transpose(1, 2, 0))
    for number, step in enumerate(steps):
        given = file.to_srgb().transpose(2, 0, 1)
        file.with_srgb(step.restore(given).image.transpose(1, 2, 0)).write(
            tmp_path / f"{number}.png"
        )
        file = Picture.read(tmp_path / f"{number}.png")
    np.testing.assert_array_equal(at_once.pixels, file.pixels)


def test_one_step_is_told_as_it_was_without_a_chain() -> None:
    restored = Chain([_add(0.5)])(np.zeros((3, 2, 2), np.float32))
    assert restored.details == {"level": 0.5, "steps": ["add-0.5"]}
    assert restored.notes == ("odd",)


def test_without_steps_a_picture_stays_as_it_is() -> None:
    image = np.random.default_rng(0).random((3, 4, 4), np.float32)
    restored = Chain([])(image)
    assert np.array_equal(restored.image, image)
    assert restored.details == {"steps": []}


def test_strength_blends_the_whole_with_the_input() -> None:
    restored = Chain([_add(0.25), _add(0.25)], strength=0.5)(np.zeros((3, 2, 2), np.float32))
    assert np.allclose(restored.image, 0.25, atol=1 / 65535)


def test_a_grey_picture_is_grey_between_steps() -> None:
    def tint(image: Pixels) -> Restored[Pixels]:
        return Restored(image + np.float32([0.0, 0.1, 0.2]).reshape(3, 1, 1), None, "cpu", "fp32")

    restored = Chain([Step("tint", tint), Step("tint", tint)])(np.full((3, 2, 2), 0.5, np.float32))
    assert np.allclose(restored.image, 0.7, atol=1 / 65535)
