"""Closed-form affine colour alignment, and the loss that does not punish global colour.

Source: Li, Du, Wang, Hu, Guo, "On the Global Photometric Alignment for Low-Level Vision", arXiv
2604.08172 (2026). Per picture, with the pixels p_i of the prediction and t_i of the target, their
means m, and their covariances S:

    C = S_tp (S_pp + eps I)^-1        b = m_t - C m_p        aligned_i = C p_i + b

The least-squares residual splits into a photometric part, which such a map explains, and a
structural one, which none does. With eps = 0 the two are orthogonal, so their energies add up.

Statistics belong to each picture alone, never to the batch. They are taken in float32 or better,
also under autocast, and as sums of products: a matrix product may run in TF32, whose three digits
are too few for a covariance.
"""

import math

import torch
from torch import Tensor

CHARBONNIER_EPS = 1e-3


def affine_alignment(
    prediction: Tensor, target: Tensor, *, eps: float, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The affine colour map that brings a prediction nearest to its target, by least squares.

    Args:
        prediction: (B, C, H, W), any range; C is 3, or 1 for grey.
        target: the same shape.
        eps: ridge on the covariance, in squared units of the pictures. Above 0 the map is finite
            for constant and for grey pictures too (their covariance is singular); at 0 the
            channels must vary independently.
        mask: (B, 1, H, W), at least 0: weight of each pixel, 0 where it is not valid (saturated).

    Returns:
        The matrices (B, C, C) and the offsets (B, C), float32, or float64 for float64 pictures.

    Raises:
        ValueError: shapes that do not fit, or a negative eps.
    """
    _check(prediction, target, mask, eps)
    with torch.autocast(prediction.device.type, enabled=False):
        return _fit(_pixels(prediction), _pixels(target), eps, _weights(mask, prediction))


def apply_affine(image: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Map every pixel p of each picture to matrix p + offset.

    Args:
        image: (B, C, H, W).
        matrix: (B, C, C).
        offset: (B, C).

    Returns:
        (B, C, H, W) in the matrix's dtype; values are not clipped.
    """
    pixels = image.flatten(2).to(matrix.dtype)
    return _map(pixels, matrix, offset).unflatten(2, image.shape[-2:])


def photometric_structural_split(
    prediction: Tensor, target: Tensor, *, eps: float, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Energies of the part of the error that a global colour map explains, and of the rest.

    photometric = mean |aligned - prediction|^2, structural = mean |target - aligned|^2, means
    over pixels and channels. Each is measured on its own; with eps = 0 their sum is the mean
    squared error, to rounding.

    Args:
        prediction: (B, C, H, W).
        target: the same shape.
        eps: as in `affine_alignment`.
        mask: as in `affine_alignment`; weights the energies too, or they would not add up.

    Returns:
        Photometric and structural energy, (B,) each.

    Raises:
        ValueError: as `affine_alignment`.
    """
    _check(prediction, target, mask, eps)
    with torch.autocast(prediction.device.type, enabled=False):
        weights = _weights(mask, prediction)
        pixels, goal = _pixels(prediction), _pixels(target)
        aligned = _map(pixels, *_fit(pixels, goal, eps, weights))
        photometric = _mean((aligned - pixels).square(), weights).mean(dim=1)
        structural = _mean((goal - aligned).square(), weights).mean(dim=1)
    return photometric, structural


def photometric_alignment_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    eps: float,
    rho: str = "l1",
    floor: float = 1e-4,
    detach: bool = True,
    mask: Tensor | None = None,
) -> Tensor:
    """PAL: the distance that is left after the best affine colour map, rho(aligned, target).

    It is meant as an addition to a loss on the prediction itself: alone it leaves global
    brightness and colour free.

    Args:
        prediction: (B, C, H, W).
        target: the same shape.
        eps: ridge of the fit, as in `affine_alignment`; above 0 in training.
        rho: "l1", |x|; "charbonnier", sqrt(x^2 + 0.001^2); or "psnr", 10 log10(1 + MSE / floor).
        floor: mean squared error at the floor of "psnr", as in `losses.pixel.psnr_loss`.
        detach: take the map as a constant (ours). For squared error and eps -> 0 its gradient
            vanishes anyway, by the envelope theorem.
        mask: as in `affine_alignment`; pixels of weight 0 count neither in the fit nor here.

    Returns:
        Scalar, the mean over pictures; float32, or float64 for float64 pictures.

    Raises:
        ValueError: as `affine_alignment`, or an unknown rho.

    Example:
        >>> photo = torch.rand(2, 3, 32, 32)
        >>> photometric_alignment_loss(0.5 * photo + 0.1, photo, eps=1e-8) < 1e-4
        tensor(True)
    """
    return photometric_alignment_losses(
        prediction, target, eps=eps, rho=rho, floor=floor, detach=detach, mask=mask
    ).mean()


def photometric_alignment_losses(
    prediction: Tensor,
    target: Tensor,
    *,
    eps: float,
    rho: str,
    floor: float,
    detach: bool,
    mask: Tensor | None,
) -> Tensor:
    """`photometric_alignment_loss` of each picture, (B,); arguments and errors as there."""
    _check(prediction, target, mask, eps)
    with torch.autocast(prediction.device.type, enabled=False):
        weights = _weights(mask, prediction)
        pixels, goal = _pixels(prediction), _pixels(target)
        matrix, offset = _fit(pixels.detach() if detach else pixels, goal, eps, weights)
        difference = _map(pixels, matrix, offset) - goal
        match rho:
            case "l1":
                distance = difference.abs()
            case "charbonnier":
                distance = torch.sqrt(difference.square() + CHARBONNIER_EPS**2)
            case "psnr":
                error = _mean(difference.square(), weights).mean(dim=1)
                return 10 / math.log(10) * torch.log1p(error / floor)
            case _:
                raise ValueError(f"rho is {rho!r}; it may be 'l1', 'charbonnier' or 'psnr'")
        return _mean(distance, weights).mean(dim=1)


def _fit(pixels: Tensor, goal: Tensor, eps: float, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Matrices (B, C, C) and offsets (B, C) for pixels and goal (B, C, N)."""
    mean, goal_mean = _mean(pixels, weights), _mean(goal, weights)
    centred, goal_centred = pixels - mean[..., None], goal - goal_mean[..., None]
    ridge = eps * torch.eye(pixels.shape[1], dtype=pixels.dtype, device=pixels.device)
    own = _covariance(centred, centred, weights) + ridge
    cross = _covariance(goal_centred, centred, weights)
    matrix = torch.linalg.solve(own, cross, left=False)  # X own = cross
    return matrix, goal_mean - (matrix * mean[:, None]).sum(dim=2)


def _covariance(first: Tensor, second: Tensor, weights: Tensor | None) -> Tensor:
    """(B, C, C) of two centred (B, C, N); one row at a time, to hold no (B, C, C, N)."""
    rows = [_mean(first[:, channel, None] * second, weights) for channel in range(first.shape[1])]
    return torch.stack(rows, dim=1)


def _map(pixels: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    mapped = offset[..., None]
    for channel in range(pixels.shape[1]):
        mapped = mapped + matrix[:, :, channel, None] * pixels[:, channel, None]
    return mapped


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Weighted mean over pixels, (B, C, N) -> (B, C)."""
    return values.mean(dim=2) if weights is None else (values * weights).sum(dim=2)


def _weights(mask: Tensor | None, image: Tensor) -> Tensor | None:
    """(B, 1, N) with a sum of 1; of a mask that leaves no pixel, all 0, so the loss is 0 too."""
    if mask is None:
        return None
    weights = _pixels(mask.to(image.dtype))
    total = weights.sum(dim=2, keepdim=True)
    return weights / total.clamp(min=torch.finfo(total.dtype).tiny)


def _pixels(image: Tensor) -> Tensor:
    """(B, C, N) in float32 or better."""
    pixels = image.flatten(2)
    return pixels if pixels.dtype == torch.float64 else pixels.float()


def _check(prediction: Tensor, target: Tensor, mask: Tensor | None, eps: float) -> None:
    if prediction.shape != target.shape or prediction.ndim != 4:
        raise ValueError(f"shapes differ: {tuple(prediction.shape)} and {tuple(target.shape)}")
    if mask is not None and mask.shape != (len(prediction), 1, *prediction.shape[-2:]):
        raise ValueError(f"mask {tuple(mask.shape)} does not fit {tuple(prediction.shape)}")
    if eps < 0:
        raise ValueError(f"eps is {eps}; it must be at least 0")
