"""Views against their formulas: each sees its own failing and is blind to the others'."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.methods.eguot.ensemble import (
    VIEWS,
    DiscriminatorEnsemble,
    Potential,
    TwoPotentials,
    colour_view,
    frequency_view,
    overview,
    structure_view,
)


@pytest.fixture
def photo() -> Tensor:
    coarse = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, (48, 64), mode="bicubic").clamp(0.1, 0.9)


def change(view: str, photo: Tensor, other: Tensor) -> float:
    look = VIEWS[view][0]
    return float((look(photo) - look(other)).square().mean().sqrt() / look(photo).std())


def test_colour_is_means_and_chroma_by_hand(photo: Tensor) -> None:
    found = colour_view(photo)
    assert found.shape == (2, 5, 6, 8)
    mean = photo[1, :, 8:16, 16:24].mean(dim=(1, 2))
    luma = 0.299 * mean[0] + 0.587 * mean[1] + 0.114 * mean[2]
    expected = torch.stack([*mean, mean[0] - luma, mean[2] - luma])
    torch.testing.assert_close(found[1, :, 1, 2], expected)


def test_structure_is_contrast_and_differences_by_hand(photo: Tensor) -> None:
    found = structure_view(photo)
    luma = (photo * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=1)
    assert found.shape == (2, 3, 48, 64)
    around = luma[0, 16:25, 6:15].mean()
    torch.testing.assert_close(found[0, 0, 20, 10], luma[0, 20, 10] - around)
    torch.testing.assert_close(found[:, 1, :, :-1], luma[:, :, 1:] - luma[:, :, :-1])
    torch.testing.assert_close(found[:, 2, :-1], luma[:, 1:] - luma[:, :-1])
    assert (found[:, 1, :, -1] == 0).all()
    assert (found[:, 2, -1] == 0).all()


def test_frequency_is_log_haar_amplitudes_by_hand(photo: Tensor) -> None:
    found = frequency_view(photo)
    assert found.shape == (2, 9, 24, 32)
    a, b, c, d = (photo[0, 1, 10 + i, 20 + j] for i in (0, 1) for j in (0, 1))
    bands = torch.stack([a + b - c - d, a - b + c - d, a - b - c + d]) / 2
    expected = 0.5 * torch.log(1 + (bands / 1e-3) ** 2)
    torch.testing.assert_close(found[0, [1, 4, 7], 5, 10], expected)


@pytest.mark.parametrize(
    ("failing", "seen"), [("cast", "colour"), ("blur", "frequency"), ("noise", "frequency")]
)
def test_a_failing_is_seen_most_by_its_expert(failing: str, seen: str, photo: Tensor) -> None:
    sharp = (photo + 0.02 * torch.randn(photo.shape)).clamp(0, 1)
    other = {
        "cast": sharp * torch.tensor([1.1, 1.0, 0.8]).view(3, 1, 1),
        "blur": F.avg_pool2d(F.pad(sharp, (1, 1, 1, 1), mode="replicate"), 3, stride=1),
        "noise": sharp + 0.05 * torch.randn(photo.shape),
    }[failing]
    found = {view: change(view, sharp, other) for view in ("colour", "frequency")}
    assert max(found, key=found.__getitem__) == seen


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_differentiable_and_finite_on_flat_pictures(view: str) -> None:
    look, channels = VIEWS[view]
    flat = torch.full((1, 3, 17, 18), 0.5, requires_grad=True)
    found = look(flat)
    assert found.shape[1] == channels
    found.sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()
    picture = torch.rand(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(look, picture)


def test_a_potential_gives_each_picture_its_own_number() -> None:
    potential = Potential(width=4, layers=2)
    pictures = torch.rand(3, 3, 20, 28)
    together = potential(pictures)
    assert together.shape == (3,)
    for picture, score in zip(pictures, together, strict=True):
        torch.testing.assert_close(potential(picture[None])[0], score)


@pytest.mark.parametrize("names", [["colour"], ["structure", "frequency"], list(VIEWS)])
def test_a_committee_has_the_experts_asked_for(names: list[str]) -> None:
    scores = DiscriminatorEnsemble(names, width=4)(torch.rand(2, 3, 16, 24))
    assert list(scores) == names
    assert all(score.shape == (2,) for score in scores.values())


def test_an_unknown_expert_is_refused() -> None:
    with pytest.raises(ValueError, match="'sound'; known: colour, structure, frequency"):
        DiscriminatorEnsemble(["colour", "sound"])


def test_the_overview_is_the_whole_picture_small(photo: Tensor) -> None:
    for size in ((64, 96), (192, 128), (32, 32)):
        picture = F.interpolate(photo, size, mode="bicubic")
        small = overview(picture)
        assert small.shape == (2, 3, 32, 32)
        torch.testing.assert_close(small.mean(dim=(2, 3)), picture.mean(dim=(2, 3)))
    scores = DiscriminatorEnsemble(["overview"], width=4)(photo)
    assert scores["overview"].shape == (2,)


def test_two_potentials_see_the_patch_and_the_whole(photo: Tensor) -> None:
    torch.manual_seed(0)
    both = TwoPotentials(width=4)
    expected = both.near(photo) + both.whole(overview(photo))
    torch.testing.assert_close(both(photo), expected)
