"""Looks: what they do to tone and colour, of the target alone, and that leaving them out shows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from restore_cli.degradations.sample import Sample
from restore_cli.degradations.style import LOOKS, Look, Style
from restore_cli.evaluation.delta_e import mean_ciede2000
from restore_cli.evaluation.fidelity import psnr
from restore_cli.images.picture import Picture

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "photos").glob("*.jpg"))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", [(1, 1), (7, 13)])
def test_contract(look: str, keeps_contract: Callable[..., Sample], size: tuple[int, int]) -> None:
    keeps_contract(Style(look=look, strength=(0.5, 1.0)), size)


def test_the_tone_curve_is_an_s_that_keeps_its_ends_and_its_middle() -> None:
    ramp = torch.linspace(0, 1, 101).expand(3, 1, -1)
    made = Look(contrast=0.6)(ramp)[0, 0]
    assert made[[0, 50, 100]].tolist() == pytest.approx([0, 0.5, 1])
    assert (made.diff() > 0).all()
    assert (made[1:50] < ramp[0, 0, 1:50]).all()
    assert (made[51:100] > ramp[0, 0, 51:100]).all()
    assert float(made[25]) == pytest.approx(0.25 + 0.6 * (3 * 0.0625 - 2 * 0.015625 - 0.25))


def test_saturation_tint_and_black() -> None:
    colour = torch.tensor([0.6, 0.4, 0.2]).view(3, 1, 1)
    luma = 0.299 * 0.6 + 0.587 * 0.4 + 0.114 * 0.2
    made = Look(saturation=1.5)(colour).flatten()
    assert made.tolist() == pytest.approx([luma + 1.5 * (v - luma) for v in (0.6, 0.4, 0.2)])
    grey = Look(saturation=0.0)(colour).flatten()
    assert grey.tolist() == pytest.approx([luma] * 3)
    tinted = Look(gains=(1.0, 0.9, 0.8), black=0.1)(torch.ones(3, 1, 1)).flatten()
    assert tinted.tolist() == pytest.approx([1.0, 0.91, 0.82])
    assert float(Look(black=0.1)(torch.zeros(3, 1, 1))[0]) == pytest.approx(0.1)
    assert float(Look(gamma=0.5)(torch.full((3, 1, 1), 0.25))[0]) == pytest.approx(0.5)


def test_the_input_stays_and_strength_blends(make: Callable[..., Sample]) -> None:
    sample = make(9, 9)
    whole, half = (Style(strength=(s, s))(sample, rng()) for s in (1.0, 0.5))
    assert torch.equal(whole.image, sample.image)
    torch.testing.assert_close(whole.target, LOOKS["vivid"](sample.target))
    torch.testing.assert_close(half.target, (sample.target + whole.target) / 2)
    assert torch.equal(Style(strength=(0.0, 0.0))(sample, rng()).target, sample.target)


@pytest.mark.parametrize("look", LOOKS)
def test_a_photo_without_its_look_is_measurably_wrong(look: str) -> None:
    assert EXAMPLES
    for path in EXAMPLES:
        photo = torch.from_numpy(Picture.read(path).to_srgb()).permute(2, 0, 1)[None, :, ::4, ::4]
        styled = LOOKS[look](photo[0])[None]
        assert float(psnr(photo, styled)) < 27
        assert float(mean_ciede2000(photo, styled)) > 4


@pytest.mark.parametrize(
    "options", [{"look": "sepia"}, {"strength": (0.5, 1.5)}, {"strength": (-0.5, 0.5)}]
)
def test_what_cannot_be_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown look 'sepia'; known: vivid|must lie between"):
        Style(**options)
