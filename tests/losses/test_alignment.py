"""Closed-form colour alignment and PAL: METHODS' claims, gradients, and singular pictures."""

import pytest
import torch
from torch import Tensor

from restore_cli.losses.alignment import (
    affine_alignment,
    apply_affine,
    photometric_alignment_loss,
    photometric_structural_split,
)
from restore_cli.losses.pixel import PIXEL_LOSSES

MATRIX = torch.tensor([[[0.7, 0.1, -0.05], [0.05, 1.2, 0.0], [0.0, -0.1, 0.5]]]).double()
OFFSET = torch.tensor([[0.05, -0.1, 0.2]]).double()


def _pair(
    *, seed: int = 0, batch: int = 2, channels: int = 3, size: tuple[int, int] = (13, 17)
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(2, batch, channels, *size, generator=generator, dtype=torch.float64)
    return images[0], 0.6 * images[0] + 0.3 * images[1]


@pytest.mark.parametrize("rho", ["l1", "charbonnier", "psnr"])
def test_any_affine_colour_map_of_the_prediction_costs_nothing(rho: str) -> None:
    prediction, _ = _pair()
    target = apply_affine(prediction, MATRIX, OFFSET)
    loss = photometric_alignment_loss(prediction, target, eps=0, rho=rho)
    floor = 1e-3 if rho == "charbonnier" else 0.0
    assert loss.item() == pytest.approx(floor, abs=1e-12)
    matrix, offset = affine_alignment(prediction, target, eps=0)
    torch.testing.assert_close(matrix, MATRIX.expand(2, 3, 3), rtol=0, atol=1e-12)
    torch.testing.assert_close(offset, OFFSET.expand(2, 3), rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_energies_add_up_to_the_total(channels: int, masked: bool) -> None:
    for seed in range(10):
        prediction, target = _pair(seed=seed, channels=channels)
        weights = torch.ones(2, 1, 13, 17, dtype=torch.float64)
        if masked:
            weights[:, :, ::3] = 0
            weights[:, :, :, ::4] = 0.5
        parts = photometric_structural_split(
            prediction, target, eps=0, mask=weights if masked else None
        )
        shares = weights / weights.sum(dim=(2, 3), keepdim=True)
        total = ((prediction - target).square() * shares).sum(dim=(2, 3)).mean(dim=1)
        torch.testing.assert_close(parts[0] + parts[1], total, rtol=1e-10, atol=0)
        assert (parts[0] > 0).all()
        assert (parts[1] > 0).all()


def test_the_fit_is_least_squares() -> None:
    prediction, target = _pair(batch=1)
    matrix, offset = affine_alignment(prediction, target, eps=0)
    pixels, goal = (image[0].flatten(1).T for image in (prediction, target))
    design = torch.cat([pixels, torch.ones(len(pixels), 1, dtype=torch.float64)], dim=1)
    solution = torch.linalg.lstsq(design, goal).solution
    torch.testing.assert_close(matrix[0], solution[:3].T, rtol=0, atol=1e-11)
    torch.testing.assert_close(offset[0], solution[3], rtol=0, atol=1e-11)


def test_the_ridge_is_the_papers() -> None:
    prediction, target = _pair(batch=1)
    pixels, goal = (image[0].flatten(1) for image in (prediction, target))
    pixels, goal = (p - p.mean(dim=1, keepdim=True) for p in (pixels, goal))
    count, eps = pixels.shape[1], 0.03
    covariance = pixels @ pixels.T / count + eps * torch.eye(3, dtype=torch.float64)
    expected = (goal @ pixels.T / count) @ torch.linalg.inv(covariance)
    matrix, offset = affine_alignment(prediction, target, eps=eps)
    torch.testing.assert_close(matrix[0], expected, rtol=1e-12, atol=0)
    means = prediction.mean(dim=(2, 3))[0], target.mean(dim=(2, 3))[0]
    torch.testing.assert_close(offset[0], means[1] - expected @ means[0], rtol=1e-12, atol=1e-14)


def test_statistics_belong_to_each_picture() -> None:
    prediction, target = _pair(batch=3)
    together = affine_alignment(prediction, target, eps=1e-4)
    for i in range(3):
        one = affine_alignment(prediction[i : i + 1], target[i : i + 1], eps=1e-4)
        torch.testing.assert_close(together[0][i], one[0][0], rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(together[1][i], one[1][0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rho", ["l1", "charbonnier", "psnr"])
def test_without_a_map_to_fit_it_is_the_plain_loss(rho: str) -> None:
    # A huge ridge makes the matrix 0, so the aligned picture is the target's mean.
    prediction, target = _pair()
    flat = target.mean(dim=(2, 3), keepdim=True).expand_as(target)
    loss = photometric_alignment_loss(prediction, target, eps=1e12, rho=rho)
    plain = PIXEL_LOSSES[rho](flat, target)
    assert loss.item() == pytest.approx(plain.item(), rel=1e-9)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("detach", [False, True])
def test_gradcheck(detach: bool, masked: bool) -> None:
    prediction, target = _pair(size=(4, 5))
    mask = (torch.arange(40, dtype=torch.float64).view(2, 1, 4, 5) % 3) if masked else None
    if detach:
        # The map is a constant then: compare with the loss under a map that was fitted before.
        matrix, offset = affine_alignment(prediction, target, eps=1e-3, mask=mask)
        leaf = prediction.clone().requires_grad_()
        loss = photometric_alignment_loss(leaf, target, eps=1e-3, rho="charbonnier", mask=mask)
        (gradient,) = torch.autograd.grad(loss, leaf)
        other = prediction.clone().requires_grad_()
        distance = torch.sqrt((apply_affine(other, matrix, offset) - target).square() + 1e-6)
        shares = torch.full((2, 1, 4, 5), 1 / 20).double() if mask is None else mask
        shares = shares / shares.sum(dim=(2, 3), keepdim=True)
        (expected,) = torch.autograd.grad((distance * shares).sum(dim=(2, 3)).mean(), other)
        torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-14)
    else:

        def loss_of(image: Tensor) -> Tensor:
            return photometric_alignment_loss(
                image, target, eps=1e-3, rho="charbonnier", detach=False, mask=mask
            )

        assert torch.autograd.gradcheck(loss_of, prediction.requires_grad_())


def test_envelope_theorem_the_maps_own_gradient_vanishes_for_squared_error() -> None:
    prediction, target = _pair()
    leaf = prediction.clone().requires_grad_()
    _, structural = photometric_structural_split(leaf, target, eps=0)
    (through,) = torch.autograd.grad(structural.sum(), leaf)
    matrix, offset = affine_alignment(prediction, target, eps=0)
    constant = prediction.clone().requires_grad_()
    error = (apply_affine(constant, matrix, offset) - target).square().mean(dim=(1, 2, 3))
    (detached,) = torch.autograd.grad(error.sum(), constant)
    torch.testing.assert_close(through, detached, rtol=1e-9, atol=1e-13)
    assert detached.abs().max() > 1e-4


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["black", "constant", "grey", "one channel", "equal", "no pixel"])
def test_singular_pictures_stay_finite(kind: str, dtype: torch.dtype, detach: bool) -> None:
    target = _pair()[1].to(dtype)
    prediction = target.clone()
    mask = None
    if kind == "black":
        prediction = torch.zeros_like(target)
    elif kind == "constant":
        prediction = torch.full_like(target, 0.7)
    elif kind == "grey":
        prediction = target[:, :1].expand(-1, 3, -1, -1).clone()
    elif kind == "one channel":
        prediction[:, 1:] = 0.5
    elif kind == "no pixel":
        mask = torch.zeros(2, 1, 13, 17, dtype=dtype)
    prediction.requires_grad_()
    loss = photometric_alignment_loss(prediction, target, eps=1e-5, detach=detach, mask=mask)
    loss.backward()
    assert loss.isfinite()
    assert prediction.grad is not None
    assert prediction.grad.isfinite().all()


def test_pixels_that_the_mask_leaves_out_do_not_matter() -> None:
    prediction, target = _pair()
    mask = torch.ones(2, 1, 13, 17, dtype=torch.float64)
    mask[..., 3:5, 2:9] = 0
    before = photometric_alignment_loss(prediction, target, eps=1e-4, mask=mask)
    prediction[..., 3:5, 2:9] = 1.0
    assert photometric_alignment_loss(prediction, target, eps=1e-4, mask=mask) == before
    assert photometric_alignment_loss(prediction, target, eps=1e-4) != before


def test_half_precision_and_autocast_compute_in_float32() -> None:
    prediction, target = (image.float() for image in _pair())
    exact = photometric_alignment_loss(prediction, target, eps=1e-4)
    assert exact.dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert photometric_alignment_loss(prediction, target, eps=1e-4) == exact
        rough = photometric_alignment_loss(prediction.bfloat16(), target, eps=1e-4)
    assert rough.dtype == torch.float32
    assert rough.item() == pytest.approx(exact.item(), rel=0.02)
    assert affine_alignment(prediction.bfloat16(), target, eps=1e-4)[0].dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": torch.zeros(1, 3, 4, 5)}, "shapes differ"),
        ({"mask": torch.ones(1, 3, 4, 4)}, "mask"),
        ({"eps": -1e-3}, "at least 0"),
        ({"rho": "l2"}, "'l1', 'charbonnier' or 'psnr'"),
    ],
)
def test_wrong_arguments_are_refused(change: dict[str, object], message: str) -> None:
    image = torch.rand(1, 3, 4, 4)
    arguments: dict[str, object] = {"target": image, "eps": 1e-3, **change}
    with pytest.raises(ValueError, match=message):
        photometric_alignment_loss(image, **arguments)  # type: ignore[arg-type]
