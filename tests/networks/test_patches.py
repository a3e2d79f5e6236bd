import pytest
import torch
from torch import nn

from restore_cli.networks.patches import (
    FeatureClassifier,
    KeyBank,
    PatchHeads,
    draw_patch_ids,
    gather_patches,
)

MAPS_OF_EIGHT = torch.randn(2, 5, 8)
MAPS = [torch.randn(2, 3, 7, 5), torch.randn(2, 8, 3, 4)]


def test_places_are_drawn_without_repetition_from_torchs_generator() -> None:
    torch.manual_seed(3)
    places = draw_patch_ids(MAPS, 20)
    assert [len(place) for place in places] == [20, 12]
    for place, size in zip(places, (35, 12), strict=True):
        assert len(set(place.tolist())) == len(place)
        assert 0 <= int(place.min()) <= int(place.max()) < size
    torch.manual_seed(3)
    for one, other in zip(places, draw_patch_ids(MAPS, 20), strict=True):
        assert torch.equal(one, other)


def test_gathered_features_are_those_of_the_places() -> None:
    places = draw_patch_ids(MAPS, 6)
    for found, feature, place in zip(gather_patches(MAPS, places), MAPS, places, strict=True):
        for index, where in enumerate(place.tolist()):
            row, column = divmod(where, feature.shape[-1])
            assert torch.equal(found[:, index], feature[:, :, row, column])


@pytest.mark.parametrize("orthogonal", [False, True])
def test_heads_give_unit_vectors_for_each_layer(orthogonal: bool) -> None:
    heads = PatchHeads((3, 8), features=6, orthogonal=orthogonal)
    vectors = heads([torch.randn(2, 5, 3), torch.randn(2, 4, 8)])
    assert [tuple(vector.shape) for vector in vectors] == [(2, 5, 6), (2, 4, 6)]
    for vector in vectors:
        torch.testing.assert_close(vector.norm(dim=-1), torch.ones(vector.shape[:2]))


def test_orthogonal_heads_are_born_orthonormal_and_without_bias() -> None:
    heads = PatchHeads((3, 80), features=16, orthogonal=True)
    assert all(name.endswith("weight") for name, _ in heads.named_parameters())
    for weight in heads.parameters():
        tall = weight if weight.shape[0] >= weight.shape[1] else weight.T
        torch.testing.assert_close(tall.T @ tall, torch.eye(tall.shape[1]), atol=1e-5, rtol=0)


def test_the_classifier_scores_and_weighs_as_the_formula_says() -> None:
    classifier = FeatureClassifier((4, 3), temperature=0.7)
    features = [torch.randn(3, 5, 4, requires_grad=True), torch.randn(3, 2, 3)]
    heads = [nn.init.orthogonal_(torch.empty(6, count)) for count in (4, 3)]
    for layer, (scores, weights) in enumerate(classifier(features, heads)):
        x, head = features[layer].detach(), heads[layer]
        x = x / x.square().mean().sqrt()
        hazy, clear = classifier.theta[layer]
        torch.testing.assert_close(scores, torch.stack([x @ hazy, x @ clear], dim=-1))
        for weight, theta, score in zip(weights, (hazy, clear), scores.unbind(-1), strict=True):
            parts = (head @ theta) * (x @ head.T)
            # What the channels of the head give to the score is all of it.
            torch.testing.assert_close(parts.sum(dim=-1), score)
            size = parts.abs()
            even = (size - size.mean(-1, keepdim=True)) / size.std(-1, keepdim=True)
            torch.testing.assert_close(weight, (even / 0.7).softmax(dim=-1))
        scores.sum().backward()
    assert features[0].grad is None


def test_weights_speak_however_small_the_features_are() -> None:
    torch.manual_seed(0)
    classifier = FeatureClassifier((8,))
    head = torch.eye(8)
    weights = [classifier([scale * MAPS_OF_EIGHT], [head])[0][1] for scale in (1e-3, 1.0, 1e3)]
    for found in weights:
        torch.testing.assert_close(found, weights[1], rtol=1e-3, atol=1e-5)
        assert float(found.amax(-1).mean()) > 3 / 8
    with pytest.raises(ValueError, match="above 0"):
        FeatureClassifier((8,), temperature=0.0)


def test_the_bank_keeps_the_latest_keys() -> None:
    bank = KeyBank(2, size=5, features=3)
    assert bank.of(0).shape == (0, 3)
    first, second, third = ([torch.randn(1, 2, 3) for _ in range(2)] for _ in range(3))
    bank.push(first)
    torch.testing.assert_close(bank.of(1), first[1][0])
    bank.push(second)
    bank.push(third)
    expected = torch.cat([third[1][0], second[1][0], first[1][0, :1]])
    torch.testing.assert_close(bank.of(1), expected)
    again = KeyBank(2, size=5, features=3)
    again.load_state_dict(bank.state_dict())
    assert torch.equal(again.of(0), bank.of(0))


def test_a_heads_matrix_is_the_product_of_its_layers() -> None:
    heads = PatchHeads((3, 8), features=6, orthogonal=True)
    for index, count in enumerate((3, 8)):
        assert heads.linear(index).shape == (6, count)
    # Columns stay orthonormal as long as the head is at least as wide as the layer.
    torch.testing.assert_close(heads.linear(0).T @ heads.linear(0), torch.eye(3))


def test_the_classifier_learns_which_side_a_feature_is_from() -> None:
    torch.manual_seed(0)
    classifier = FeatureClassifier((6,))
    head = [torch.eye(6)]
    optimizer = torch.optim.Adam(classifier.parameters(), lr=0.05)
    hazy = torch.randn(1, 200, 6) + torch.tensor([2.0, 0, 0, 0, 0, 0])
    clear = torch.randn(1, 200, 6) - torch.tensor([2.0, 0, 0, 0, 0, 0])
    labels = torch.eye(2).repeat_interleave(200, dim=0)
    for _ in range(150):
        ((scores, _weights),) = classifier([torch.cat([hazy, clear], dim=1)], head)
        loss = nn.functional.binary_cross_entropy_with_logits(scores[0], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ((scores, weights),) = classifier([torch.cat([hazy, clear], dim=1)], head)
    assert float(((scores[0] > 0) == (labels > 0.5)).float().mean()) > 0.95
    assert int(weights.mean(dim=(1, 2)).argmax(dim=-1)[0]) == 0
