"""Steps on one picture: what is passed on, and what is told of it."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore_cli.api.chain import Chain, Step
from restore_cli.engine.restorer import Restored
from restore_cli.images.picture import Picture


def _add(amount: float, **told: object) -> Step:
    def restore(image: Tensor) -> Restored:
        details = {"level": amount}
        return Restored(image + amount, None, "cpu", "fp32", ("odd",), details, **told)  # type: ignore[arg-type]

    return Step(f"add-{amount}", restore)


def test_steps_follow_each_other_and_are_named() -> None:
    image = torch.full((3, 4, 5), 0.25)
    restored = Chain([_add(0.25), _add(0.125, backend="openvino")])(image)
    # Half a step of 16 bits is rounded up in between.
    assert torch.equal(restored.image, torch.full((3, 4, 5), 32768 / 65535 + 0.125))
    assert torch.equal(image, torch.full((3, 4, 5), 0.25))
    assert restored.details == {
        "steps": ["add-0.25", "add-0.125"],
        "levels": {"add-0.25": 0.25, "add-0.125": 0.125},
    }
    assert restored.notes == ("add-0.25: odd", "add-0.125: odd")
    assert restored.backend == "torch,openvino"
    assert restored.device == "cpu"


def test_a_chain_gives_what_its_steps_give_through_16_bit_files(tmp_path: Path) -> None:
    def curve(image: Tensor) -> Restored:
        return Restored((image * 1.3 - 0.1).clamp(0, 1).sqrt(), None, "cpu", "fp32")

    def coarse(image: Tensor) -> Restored:
        # As bf16 does: what is below a rounding may turn over what is above.
        return Restored(curve(image).image.bfloat16().float(), None, "cpu", "fp32")

    image = torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(0))
    steps = [Step("curve", curve), Step("coarse", coarse), Step("curve", curve)]
    file = Picture(np.zeros((40, 50, 3), np.uint16)).with_srgb(image.permute(1, 2, 0).numpy())
    image = torch.from_numpy(file.to_srgb()).permute(2, 0, 1)
    at_once = file.with_srgb(Chain(steps)(image).image.permute(1, 2, 0).numpy())
    for number, step in enumerate(steps):
        given = torch.from_numpy(file.to_srgb()).permute(2, 0, 1)
        file.with_srgb(step.restore(given).image.permute(1, 2, 0).numpy()).write(
            tmp_path / f"{number}.png"
        )
        file = Picture.read(tmp_path / f"{number}.png")
    np.testing.assert_array_equal(at_once.pixels, file.pixels)


def test_one_step_is_told_as_it_was_without_a_chain() -> None:
    restored = Chain([_add(0.5)])(torch.zeros(3, 2, 2))
    assert restored.details == {"level": 0.5, "steps": ["add-0.5"]}
    assert restored.notes == ("odd",)


def test_without_steps_a_picture_stays_as_it_is() -> None:
    image = torch.rand(3, 4, 4)
    restored = Chain([])(image)
    assert torch.equal(restored.image, image)
    assert restored.details == {"steps": []}


def test_strength_blends_the_whole_with_the_input() -> None:
    restored = Chain([_add(0.25), _add(0.25)], strength=0.5)(torch.zeros(3, 2, 2))
    assert torch.allclose(restored.image, torch.full((3, 2, 2), 0.25), atol=1 / 65535)


def test_a_grey_picture_is_grey_between_steps() -> None:
    def tint(image: Tensor) -> Restored:
        return Restored(image + torch.tensor([0.0, 0.1, 0.2]).view(3, 1, 1), None, "cpu", "fp32")

    restored = Chain([Step("tint", tint), Step("tint", tint)])(torch.full((3, 2, 2), 0.5))
    assert torch.allclose(restored.image, torch.full((3, 2, 2), 0.7), atol=1 / 65535)
