"""What the map to a barycenter of latents is asked for: short ways, and residuals that tell apart.

Tang et al., "Learning Continuous Wasserstein Barycenter Space for Generalized All-in-One Image
Restoration", arXiv 2602.23169 (BaryIR), whose published code loops over samples; here each loss is
one matrix product. All are computed in float32 or better, also under autocast.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_EPS = 1e-12  # below the square of any distance that matters; keeps the root's slope finite at 0


def transport_cost(source: Tensor, barycenter: Tensor) -> Tensor:
    """How far each latent is moved: the root mean square of z_k - z_b.

    The mean instead of the sum, as in the published code: the number does not depend on the
    latents' size.

    Args:
        source: (B, C, h, w), z_k.
        barycenter: the same shape, z_b.

    Returns:
        (B,), 0 or more; with gradient 0 where nothing is moved.

    Raises:
        ValueError: the shapes differ.
    """
    _check(source, barycenter)
    with torch.autocast(source.device.type, enabled=False):
        moved = _rows(source) - _rows(barycenter)
        return (moved.square().mean(dim=1) + _EPS).sqrt()


def orthogonality(barycenter: Tensor, residual: Tensor) -> Tensor:
    """How much of each barycenter latent lies along the residuals: mean_j cos(z_b_i, r_j)^2.

    Of the whole batch, not only of its own residual: what one degradation leaves must not be in
    another's content. The published code sums over j; the mean does not depend on the batch's size.

    Args:
        barycenter: (B, C, h, w), z_b.
        residual: the same shape, z_k - z_b.

    Returns:
        (B,), within [0, 1].

    Raises:
        ValueError: the shapes differ.
    """
    _check(barycenter, residual)
    with torch.autocast(barycenter.device.type, enabled=False):
        cosines = _directions(barycenter) @ _directions(residual).mT
        return cosines.square().mean(dim=1)


def residual_contrast(
    residual: Tensor, label: Tensor, *, temperature: float = 0.07, own: bool = False
) -> Tensor:
    """Residuals of one source attract each other, those of others repel (InfoNCE).

        -log( sum_{j of k_i} exp(r_i.r_j / tau) / sum_j exp(r_i.r_j / tau) )

    with residuals of length one. Without `own`, j leaves out i itself, and a sample that is alone
    with its source has the loss 0; with it, as published, every sample is its own best company
    (exp(1 / tau)), which weakens both forces.

    Args:
        residual: (B, ...), z_k - z_b or what is made of it.
        label: (B,) integers, the source of each.
        temperature: tau, above 0.
        own: count a sample among those of its source.

    Returns:
        (B,), 0 or more.

    Raises:
        ValueError: as many labels as residuals are needed.
    """
    if label.shape != residual.shape[:1]:
        raise ValueError(f"labels {tuple(label.shape)} for residuals {tuple(residual.shape)}")
    with torch.autocast(residual.device.type, enabled=False):
        directions = _directions(residual)
        logits = directions @ directions.mT / temperature
        same = label[:, None] == label[None, :]
        itself = torch.eye(len(label), dtype=torch.bool, device=label.device)
        if not own:
            same = same & ~itself
        # Who is alone is compared with all twice over: loss and gradient are exactly 0.
        alone = ~same.any(dim=1, keepdim=True)
        if not own:
            logits = logits.masked_fill(itself & ~alone, -torch.inf)
        company = logits.masked_fill(~(same | alone), -torch.inf)
        return logits.logsumexp(dim=1) - company.logsumexp(dim=1)


def source_weights(shares: Sequence[float], rule: str | Sequence[float]) -> Tensor:
    """The weights lambda_k of the sources, which sum to 1.

    Args:
        shares: of the samples of each source, above 0, sum 1.
        rule: "inverse" (1 / share, as published: rare sources count more), "shares" (each sample
            counts the same), "equal", or a number for each source, above 0.

    Returns:
        (K,) float64.

    Raises:
        ValueError: an unknown rule, not as many numbers as sources, or one that is not above 0.
    """
    drawn = torch.tensor(shares, dtype=torch.float64)
    if isinstance(rule, str):
        rules = {"inverse": drawn.reciprocal(), "shares": drawn, "equal": torch.ones_like(drawn)}
        if rule not in rules:
            raise ValueError(f"unknown source weights {rule!r}; known: {', '.join(rules)}")
        weights = rules[rule]
    else:
        weights = torch.tensor(rule, dtype=torch.float64)
    if weights.shape != drawn.shape or not bool((weights > 0).all()):
        raise ValueError(
            f"source weights {rule}: {len(drawn)} numbers above 0 are needed, one for each source"
        )
    return weights / weights.sum()


def _rows(latent: Tensor) -> Tensor:
    """(B, D), float32 or better."""
    flat = latent.flatten(1)
    return flat if flat.dtype == torch.float64 else flat.float()


def _directions(latent: Tensor) -> Tensor:
    """(B, D), each of length one; 0 stays 0."""
    return F.normalize(_rows(latent), dim=1)


def _check(one: Tensor, other: Tensor) -> None:
    if one.shape != other.shape:
        raise ValueError(f"latents of the shapes {tuple(one.shape)} and {tuple(other.shape)}")
