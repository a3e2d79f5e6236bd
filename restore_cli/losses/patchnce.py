"""Contrast of patches: PatchNCE (CUT) and its weighted form (ODCR)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def patch_nce(
    query: Tensor,
    key: Tensor,
    *,
    temperature: float = 0.07,
    all_negatives: bool = False,
    external: Tensor | None = None,
) -> Tensor:
    """Contrast each place of the output with the same place of the input, the positive.

        -log( exp(q.k+ / tau) / (exp(q.k+ / tau) + sum_n exp(q.k-_n / tau)) )

    Park et al., ECCV 2020, eq. 3 and 4; a cross-entropy over the P x P products of each picture.

    Args:
        query: (B, P, C) unit vectors, of the output.
        key: (B, P, C) unit vectors, of the input at the same places; takes no gradient.
        temperature: tau, above 0.
        all_negatives: negatives are the other places of all pictures of the batch; otherwise of
            the same picture.
        external: (N, C) unit vectors of further pictures, negatives for every place (eq. 4 of the
            paper's external variant); takes no gradient.

    Returns:
        (B, P), the loss of each place.

    Raises:
        ValueError: the shapes differ.
    """
    _check(query, key)
    shape = query.shape[:2]
    if all_negatives:
        query, key = query.flatten(0, 1)[None], key.flatten(0, 1)[None]
    products = query @ key.detach().mT
    if external is not None:
        products = torch.cat([products, query @ external.detach().mT], dim=-1)
    logits = products / temperature
    positive = torch.arange(logits.shape[1], device=logits.device).repeat(logits.shape[0])
    return F.cross_entropy(logits.flatten(0, 1), positive, reduction="none").view(shape)


def weighted_patch_nce(
    query: Tensor,
    key: Tensor,
    key_weight: Tensor,
    clear: Tensor,
    clear_weight: Tensor,
    *,
    temperature: float = 0.07,
    repel_clear: bool = True,
) -> Tensor:
    """Contrast with weighted channels: clear places attract too (ODCR, Wang et al., CVPR 2024).

    With l(w, z1, z2) = exp((w * z2).z1 / tau), q a query, k+ its own place in the hazy input, k-
    the other places of it, c the places of clear pictures:

        P = l(w_k, q, k+) + sum_c l(w_c, q, c)
        N = l(1 - w_k, q, k+) + sum_k- l(1, q, k-) + sum_c l(1 - w_c, q, c)
        loss = -log(P / (P + N))

    As printed. There `w_k` are the weights of haze-*related* channels, although the text wants
    agreement with the input in the haze-unrelated ones; hand over 1 - w_k for that reading. With
    all weights 1 and no clear places it is PatchNCE with exp(0) = 1 added to the denominator.

    Args:
        query: (B, P, C) unit vectors, of the output.
        key: (B, P, C) unit vectors, of the input at the same places; takes no gradient.
        key_weight: (B, P, C) of the keys; takes no gradient.
        clear: (B, N, C) unit vectors of clear pictures, N may be 0; takes no gradient.
        clear_weight: (B, N, C); takes no gradient.
        repel_clear: keep the last sum of N, in which clear places repel in the channels that do
            not speak of clarity; without it they only attract (ours).
        temperature: tau, above 0.

    Returns:
        (B, P), the loss of each place.

    Raises:
        ValueError: the shapes do not fit.
    """
    _check(query, key)
    _check(key, key_weight)
    _check(clear, clear_weight)
    key, key_weight = key.detach(), key_weight.detach()
    clear, clear_weight = clear.detach(), clear_weight.detach()
    places = query.shape[1]
    own = ((key_weight * key) * query).sum(dim=-1, keepdim=True)
    rest = (((1 - key_weight) * key) * query).sum(dim=-1, keepdim=True)
    towards = query @ (clear_weight * clear).mT
    against = query @ ((1 - clear_weight) * clear).mT
    same = torch.eye(places, dtype=torch.bool, device=query.device)
    others = (query @ key.mT).masked_fill(same, -torch.inf)
    positive = torch.cat([own, towards], dim=-1) / temperature
    repelling = [rest, others, against] if repel_clear else [rest, others]
    negative = torch.cat(repelling, dim=-1) / temperature
    everything = torch.cat([positive, negative], dim=-1)
    return everything.logsumexp(dim=-1) - positive.logsumexp(dim=-1)


def _check(one: Tensor, other: Tensor) -> None:
    if one.shape != other.shape or one.ndim != 3:
        raise ValueError(f"shapes {tuple(one.shape)} and {tuple(other.shape)}, not (B, P, C) twice")
