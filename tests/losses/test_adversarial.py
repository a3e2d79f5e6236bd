import pytest
import torch

from restore_cli.losses.adversarial import ADVERSARIAL, r1_penalty

REAL = torch.tensor([[0.5, 2.0], [-1.0, 1.0]], dtype=torch.float64)
MADE = torch.tensor([[0.0, -2.0], [1.0, 0.5]], dtype=torch.float64)


def test_least_squares_by_hand() -> None:
    loss = ADVERSARIAL["least-squares"]
    critic = 0.5 * ((0.25 + 1 + 4 + 0) / 4 + (0 + 4 + 1 + 0.25) / 4)
    assert float(loss.discriminator(REAL, MADE)) == pytest.approx(critic)
    assert float(loss.generator(MADE)) == pytest.approx((1 + 9 + 0 + 0.25) / 4)


def test_hinge_by_hand() -> None:
    loss = ADVERSARIAL["hinge"]
    critic = 0.5 * ((0.5 + 0 + 2 + 0) / 4 + (1 + 0 + 2 + 1.5) / 4)
    assert float(loss.discriminator(REAL, MADE)) == pytest.approx(critic)
    assert float(loss.generator(MADE)) == pytest.approx(0.5 / 4)


@pytest.mark.parametrize("name", ["least-squares", "lsgan", "hinge"])
def test_a_perfect_critic_has_no_loss_left(name: str) -> None:
    made = -1.0 if name == "hinge" else 0.0
    scores = torch.ones(3), torch.full((3,), made)
    assert float(ADVERSARIAL[name].discriminator(*scores)) == 0


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_each_side_is_pulled_its_way(name: str) -> None:
    real, made = (torch.zeros(4, requires_grad=True) for _ in range(2))
    ADVERSARIAL[name].discriminator(real, made + 0.5).backward()
    assert real.grad is not None
    assert made.grad is not None
    assert (real.grad < 0).all()
    assert (made.grad > 0).all()
    made.grad = None
    ADVERSARIAL[name].generator(made).backward()
    assert (made.grad < 0).all()


def test_r1_is_half_the_squared_slope_at_real_samples() -> None:
    weights = torch.tensor([3.0, -4.0], dtype=torch.float64, requires_grad=True)
    real = torch.tensor([[1.0, 2.0], [0.0, 1.0], [2.0, 0.5]], dtype=torch.float64)
    real.requires_grad_()
    # Scores w.y^2: slope 2 w y at each sample.
    penalty = r1_penalty((real.square() * weights).sum(dim=1), real)
    slopes = 2 * real.detach() * weights.detach()
    expected = 0.5 * slopes.square().sum(dim=1).mean()
    torch.testing.assert_close(penalty.detach(), expected)
    (slope,) = torch.autograd.grad(penalty, weights)
    torch.testing.assert_close(slope, 4 * weights.detach() * real.detach().square().mean(dim=0))


def test_the_logistic_games_are_those_of_goodfellow() -> None:
    real, made = torch.randn(7), torch.randn(7)
    d_real, d_made = real.sigmoid(), made.sigmoid()
    for name, generator in (
        ("nonsaturating", -d_made.log().mean()),
        ("vanilla", (1 - d_made).log().mean()),
    ):
        pair = ADVERSARIAL[name]
        torch.testing.assert_close(pair.generator(made), generator)
        expected = -0.5 * (d_real.log().mean() + (1 - d_made).log().mean())
        torch.testing.assert_close(pair.discriminator(real, made), expected)
    assert ADVERSARIAL["lsgan"] is ADVERSARIAL["least-squares"]
