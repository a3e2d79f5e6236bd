"""Running means of residuals against a plain loop, and what they recognise."""

import pytest
import torch
from torch import Tensor

from restore_cli.networks.baryir import BaryIR
from restore_cli.networks.latents import ResidualMeans, source_means
from restore_cli.networks.unet import UNet

NAMES = ("noise", "rain", "haze")


def batch(seed: int = 0, count: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(2, (count,), generator=generator)
    return torch.randn(count, 4, 3, 5, generator=generator), label


def test_means_run_towards_each_sources_own_and_leave_absent_sources() -> None:
    means, by_hand = ResidualMeans(NAMES, 4), torch.zeros(3, 4)
    for seed in range(5):
        residual, label = batch(seed)
        means.note(residual, label)
        for k in range(3):
            own = [r.mean(dim=(1, 2)) for r, j in zip(residual, label, strict=True) if j == k]
            if own:
                by_hand[k] = 0.99 * by_hand[k] + 0.01 * torch.stack(own).mean(dim=0)
    torch.testing.assert_close(means.means, by_hand)
    assert not means.means[2].any()


def test_values_that_are_not_finite_spoil_nothing() -> None:
    clean, spoilt = ResidualMeans(NAMES, 4), ResidualMeans(NAMES, 4)
    residual, label = batch()
    clean.note(residual[1:], label[1:])
    residual[0, 2, 1, 1] = torch.nan
    spoilt.note(residual, label)
    torch.testing.assert_close(spoilt.means, clean.means)


def test_a_residual_is_recognised_by_the_direction_of_what_sets_it_apart() -> None:
    means, shared = ResidualMeans(NAMES, 3), torch.tensor([50.0, -20.0, 8.0])
    eye = (torch.eye(3) + shared)[:, :, None, None].expand(3, 3, 2, 2)
    assert torch.equal(means(eye), torch.full((3, 3), 1 / 3))
    means.means.copy_(torch.eye(3) + shared)
    share = means(eye)
    torch.testing.assert_close(share.sum(dim=1), torch.ones(3))
    # Corners of a triangle as seen from its middle: cosines 1 and -1/2.
    expected = 1 / (1 + 2 * torch.tensor(-1.5 / 0.07).exp())
    torch.testing.assert_close(share.diagonal(), expected.expand(3))
    torch.testing.assert_close(means.apart(eye), torch.eye(3) - 1 / 3, atol=1e-5, rtol=0.0)
    assert means(torch.zeros(1, 3, 2, 2)).isfinite().all()


def test_a_name_stands_once() -> None:
    with pytest.raises(ValueError, match="name one twice"):
        ResidualMeans(("rain", "haze", "rain"), 4)


def test_a_networks_means_are_found_where_it_has_some() -> None:
    shape = {"widths": (4, 4), "depths": (1, 1)}
    found = source_means(BaryIR(**shape, sources=NAMES))
    assert found is not None
    assert found.names == NAMES
    assert source_means(BaryIR(**shape)) is None
    assert source_means(UNet(**shape)) is None
