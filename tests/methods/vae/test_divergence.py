"""The KL divergence against torch's own distributions."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from restore_cli.methods.vae.divergence import kl_standard_normal


def test_equals_torch_distributions() -> None:
    mean, log_variance = torch.randn(2, 3, 4, 5).double(), torch.randn(3).double()
    spread = (0.5 * log_variance).exp().view(1, 3, 1, 1).expand_as(mean)
    exact = kl_divergence(Normal(mean, spread), Normal(torch.zeros(()).double(), 1.0)).mean()
    assert float(kl_standard_normal(mean, log_variance)) == pytest.approx(float(exact), rel=1e-12)


def test_zero_only_for_the_standard_normal() -> None:
    assert float(kl_standard_normal(torch.zeros(1, 2, 3, 3), torch.zeros(2))) == 0.0
    assert float(kl_standard_normal(torch.zeros(1, 2, 3, 3), torch.full((2,), -1.0))) > 0.1


def test_gradient_is_right() -> None:
    mean = torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    log_variance = torch.randn(2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(kl_standard_normal, (mean, log_variance))
