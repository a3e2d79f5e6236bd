"""Running means of residuals against a plain loop, and what they recognise."""

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.latents import DegradationClassifier, degradation_classifier, discriminant
from restore_cli.networks.unet import UNet

NAMES = ("noise", "rain", "haze")


def batch(seed: int = 0, count: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(2, (count,), generator=generator)
    return torch.randn(count, 4, 3, 5, generator=generator), label


def test_means_run_towards_each_sources_own_and_leave_absent_sources() -> None:
    means, by_hand = DegradationClassifier(NAMES, 4), torch.zeros(3, 4)
    for seed in range(5):
        residual, label = batch(seed)
        means.follow(residual, label)
        for k in range(3):
            own = [r.mean(dim=(1, 2)) for r, j in zip(residual, label, strict=True) if j == k]
            if own:
                by_hand[k] = 0.99 * by_hand[k] + 0.01 * torch.stack(own).mean(dim=0)
    torch.testing.assert_close(means.means, by_hand)
    assert not means.means[2].any()


def test_values_that_are_not_finite_spoil_nothing() -> None:
    clean, spoilt = DegradationClassifier(NAMES, 4), DegradationClassifier(NAMES, 4)
    residual, label = batch()
    clean.follow(residual[1:], label[1:])
    residual[0, 2, 1, 1] = torch.nan
    spoilt.follow(residual, label)
    torch.testing.assert_close(spoilt.means, clean.means)


def test_what_all_sources_share_is_taken_off() -> None:
    means, shared = DegradationClassifier(NAMES, 3), torch.tensor([50.0, -20.0, 8.0])
    eye = torch.eye(3) + shared
    means.means.copy_(eye)
    apart = means.apart(eye[:, :, None, None].expand(3, 3, 2, 2))
    torch.testing.assert_close(apart, torch.eye(3) - 1 / 3, atol=1e-5, rtol=0.0)


def gaussians(count: int = 3000) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Points of three Gaussians of one covariance, their labels, means, and that covariance."""
    generator = torch.Generator().manual_seed(1)
    root = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    means = 2 * torch.randn(3, 4, generator=generator, dtype=torch.float64) + 30
    label = torch.randint(3, (count,), generator=generator)
    noise = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    return means[label] + noise @ root.mT, label, means, root @ root.mT


def test_likelihoods_are_those_of_the_gaussians() -> None:
    points, label, means, covariance = gaussians(200_000)
    weight, bias = discriminant(points, label, 3, floor=0.0)
    likely = torch.stack(
        [MultivariateNormal(mean, covariance).log_prob(points[:500]) for mean in means], dim=1
    )
    found = (points[:500] @ weight.mT + bias).softmax(dim=1)
    torch.testing.assert_close(found, likely.softmax(dim=1), atol=0.02, rtol=0.0)
    torch.testing.assert_close(weight.mean(dim=0), torch.zeros(4).double(), atol=1e-9, rtol=0.0)


def test_below_the_floor_nothing_is_told_apart() -> None:
    points, label, _, _ = gaussians()
    weight, bias = discriminant(1e-6 * points, label, 3, floor=1.0)
    found = (1e-6 * points @ weight.mT + bias).softmax(dim=1)
    torch.testing.assert_close(found, torch.full_like(found, 1 / 3), atol=1e-6, rtol=0.0)
    with pytest.raises(ValueError, match="no points of class 2"):
        discriminant(points, label.clamp(max=1), 3, floor=1.0)


def test_residuals_are_named_once_it_has_been_fitted() -> None:
    points, label, means, _ = gaussians()
    named = DegradationClassifier(NAMES, 4)
    residual = points.float()[:, :, None, None].expand(-1, -1, 2, 3)
    assert torch.equal(named(residual), torch.full((len(points), 3), 1 / 3))
    spoilt = torch.cat([points, torch.full((1, 4), torch.nan)])
    named.fit(spoilt.float(), torch.cat([label, torch.zeros(1, dtype=torch.long)]))
    torch.testing.assert_close(named.means, means.float(), atol=0.2, rtol=0.0)
    share = named(residual)
    torch.testing.assert_close(share.sum(dim=1), torch.ones(len(points)))
    weight, bias = discriminant(points, label, 3, floor=0.0)
    best = ((points @ weight.mT + bias).argmax(dim=1) == label).double().mean()
    assert (share.argmax(dim=1) == label).double().mean() > best - 0.05
    # A source that always leaves the same has no spread.
    plain = DegradationClassifier(("one", "other"), 2)
    plain.fit(torch.eye(2), torch.arange(2))
    assert plain(torch.eye(2)[:, :, None, None]).argmax(dim=1).tolist() == [0, 1]


def test_a_name_stands_once() -> None:
    with pytest.raises(ValueError, match="name one twice"):
        DegradationClassifier(("rain", "haze", "rain"), 4)


def test_a_networks_means_are_found_where_it_has_some() -> None:
    shape = {"widths": (4, 4), "depths": (1, 1)}
    found = degradation_classifier(BarycenterUNet(**shape, sources=NAMES))
    assert found is not None
    assert found.names == NAMES
    assert degradation_classifier(BarycenterUNet(**shape)) is None
    assert degradation_classifier(UNet(**shape)) is None


def test_calibrated_certainty_is_right_as_often_as_it_says() -> None:
    generator = torch.Generator().manual_seed(0)
    classifier = DegradationClassifier(("left", "right"), 1)
    label = torch.randint(2, (6000,), generator=generator)
    points = (2.0 * label - 1)[:, None] + torch.randn(6000, 1, generator=generator)
    classifier.fit(points[:2000], label[:2000])
    classifier.weight.mul_(5)  # far too sure
    classifier.bias.mul_(5)
    classifier.calibrate(points[2000:4000], label[2000:4000])
    likely = classifier(points[4000:, :, None, None])
    sure = likely.max(dim=1)
    right = (sure.indices == label[4000:]).float()
    assert abs(float(sure.values.mean() - right.mean())) < 0.02
