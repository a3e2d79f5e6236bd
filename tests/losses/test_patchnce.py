"""PatchNCE against explicit logits and against loops over places."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.losses.patchnce import patch_nce, weighted_patch_nce

TAU = 0.07


def vectors(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


def by_loop(query: Tensor, key: Tensor, *, all_negatives: bool) -> Tensor:
    batch, places, _ = query.shape
    losses = torch.zeros(batch, places, dtype=query.dtype)
    for b in range(batch):
        for s in range(places):
            positive = math.exp(float(query[b, s] @ key[b, s]) / TAU)
            negative = 0.0
            for other in range(batch) if all_negatives else [b]:
                for n in range(places):
                    if (other, n) != (b, s):
                        negative += math.exp(float(query[b, s] @ key[other, n]) / TAU)
            losses[b, s] = -math.log(positive / (positive + negative))
    return losses


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("all_negatives", [False, True])
def test_it_equals_the_formula_place_by_place(batch: int, all_negatives: bool) -> None:
    query, key = vectors(batch, 7, 6), vectors(batch, 7, 6, seed=1)
    found = patch_nce(query, key, temperature=TAU, all_negatives=all_negatives)
    torch.testing.assert_close(
        found, by_loop(query, key, all_negatives=all_negatives), atol=1e-9, rtol=0
    )


def test_it_is_a_cross_entropy_over_explicit_logits() -> None:
    query, key = vectors(2, 9, 5).float(), vectors(2, 9, 5, seed=1).float()
    for one, other, found in zip(query, key, patch_nce(query, key), strict=True):
        positive = (one * other).sum(dim=1, keepdim=True)
        rest = [torch.cat([other[:s], other[s + 1 :]]) @ one[s] for s in range(9)]
        logits = torch.cat([positive, torch.stack(rest)], dim=1) / TAU
        labels = torch.zeros(9, dtype=torch.long)
        expected = F.cross_entropy(logits, labels, reduction="none")
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_one_place_alone_costs_nothing() -> None:
    assert patch_nce(vectors(3, 1, 4), vectors(3, 1, 4, seed=1)).abs().max() == 0


@pytest.mark.parametrize("all_negatives", [False, True])
def test_the_gradient_flows_to_the_query_alone(all_negatives: bool) -> None:
    query, key = vectors(2, 5, 4).requires_grad_(), vectors(2, 5, 4, seed=1).requires_grad_()
    patch_nce(query, key, all_negatives=all_negatives).sum().backward()
    assert key.grad is None
    assert torch.autograd.gradcheck(lambda q: patch_nce(q, key, all_negatives=all_negatives), query)


def weights(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def weighted_by_loop(q: Tensor, k: Tensor, wk: Tensor, c: Tensor, wc: Tensor) -> Tensor:
    def similarity(weight: Tensor, one: Tensor, two: Tensor) -> float:
        return math.exp(float((weight * two) @ one) / TAU)

    losses = torch.zeros(q.shape[:2], dtype=q.dtype)
    for b in range(q.shape[0]):
        for s in range(q.shape[1]):
            positive = similarity(wk[b, s], q[b, s], k[b, s])
            negative = similarity(1 - wk[b, s], q[b, s], k[b, s])
            for n in range(k.shape[1]):
                if n != s:
                    negative += similarity(torch.ones_like(q[b, s]), q[b, s], k[b, n])
            for n in range(c.shape[1]):
                positive += similarity(wc[b, n], q[b, s], c[b, n])
                negative += similarity(1 - wc[b, n], q[b, s], c[b, n])
            losses[b, s] = -math.log(positive / (positive + negative))
    return losses


@pytest.mark.parametrize(("batch", "clear"), [(1, 3), (5, 4), (2, 0)])
def test_the_weighted_form_equals_the_formula_place_by_place(batch: int, clear: int) -> None:
    q, k, c = vectors(batch, 4, 6), vectors(batch, 4, 6, seed=1), vectors(batch, clear, 6, seed=2)
    wk, wc = weights(batch, 4, 6, seed=3), weights(batch, clear, 6, seed=4)
    found = weighted_patch_nce(q, k, wk, c, wc, temperature=TAU)
    torch.testing.assert_close(found, weighted_by_loop(q, k, wk, c, wc), atol=1e-9, rtol=0)


def test_with_weights_of_one_and_nothing_clear_it_is_patch_nce_and_the_one_of_the_formula() -> None:
    q, k, none = vectors(3, 6, 5), vectors(3, 6, 5, seed=1), torch.zeros(3, 0, 5).double()
    found = weighted_patch_nce(q, k, torch.ones_like(k), none, none)
    # The formula keeps l(1 - 1, ...) = exp(0) = 1 in the denominator: one more logit of zero.
    logits = torch.cat([q @ k.mT / TAU, torch.zeros(3, 6, 1).double()], dim=-1)
    positive = (q * k).sum(dim=-1) / TAU
    torch.testing.assert_close(found, logits.logsumexp(dim=-1) - positive, atol=1e-9, rtol=0)
    plain = patch_nce(q, k)
    torch.testing.assert_close(found, (plain.exp() + (-positive).exp()).log(), atol=1e-9, rtol=0)


def test_the_weighted_gradient_flows_to_the_query_alone() -> None:
    given = [vectors(2, 3, 4), vectors(2, 3, 4, seed=1), weights(2, 3, 4, seed=2)]
    given += [vectors(2, 5, 4, seed=3), weights(2, 5, 4, seed=4)]
    for tensor in given:
        tensor.requires_grad_()
    query, *others = given
    weighted_patch_nce(query, *others).sum().backward()
    assert all(tensor.grad is None for tensor in others)
    assert torch.autograd.gradcheck(lambda q: weighted_patch_nce(q, *others), query)


@pytest.mark.parametrize("shapes", [((2, 3, 4), (2, 4, 4)), ((3, 4), (3, 4))])
def test_shapes_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    one, other = (torch.rand(shape) for shape in shapes)
    with pytest.raises(ValueError, match="not \\(B, P, C\\) twice"):
        patch_nce(one, other)
    with pytest.raises(ValueError, match="not \\(B, P, C\\) twice"):
        weighted_patch_nce(one, other, other, other, other)


def test_external_keys_are_further_negatives() -> None:
    torch.manual_seed(0)
    query, key = (F.normalize(torch.randn(2, 4, 5), dim=-1) for _ in range(2))
    external = F.normalize(torch.randn(7, 5), dim=-1)
    found = patch_nce(query, key, temperature=0.5, external=external)
    for b in range(2):
        for p in range(4):
            products = torch.cat([key[b], external]) @ query[b, p] / 0.5
            expected = products.logsumexp(0) - products[p]
            torch.testing.assert_close(found[b, p], expected)
    torch.testing.assert_close(patch_nce(query, key, external=external[:0]), patch_nce(query, key))


def test_clear_places_need_not_repel() -> None:
    torch.manual_seed(0)
    query, key, clear = (F.normalize(torch.randn(1, 3, 4), dim=-1) for _ in range(3))
    weights = torch.rand(2, 1, 3, 4).softmax(dim=-1)
    both = [
        weighted_patch_nce(query, key, weights[0], clear, weights[1], repel_clear=repel)
        for repel in (True, False)
    ]
    assert bool((both[1] < both[0]).all())
