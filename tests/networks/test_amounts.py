import math

import pytest
import torch

from restore_cli.networks.amounts import QUANTITIES, amount_of, amounts, amounts_error, level_of


@pytest.mark.parametrize(
    ("quantity", "level", "amount"),
    [
        ("rain", 0.05, 0.5),
        ("haze", 0.4, 0.4),
        ("stops", 6.0, 1.5),
        ("blur", 2.0, 0.5),
        ("sigma", 25.0, 0.5),
        ("quality", 75.0, 0.5),
    ],
)
def test_usual_levels_are_amounts_of_order_one_and_come_back(
    quantity: str, level: float, amount: float
) -> None:
    assert amount_of(quantity, level) == pytest.approx(amount)
    assert level_of(quantity, amount) == pytest.approx(level)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_nothing_is_zero_of_everything(quantity: str) -> None:
    assert amount_of(quantity, 0.0) == 0.0
    assert level_of(quantity, 0.0) == 0.0


def test_worse_files_have_larger_amounts() -> None:
    found = [amount_of("quality", quality) for quality in (100, 80, 40, 10)]
    assert found == sorted(found)
    assert found[0] == 0


def test_of_an_untouched_picture_all_is_known() -> None:
    assert torch.equal(amounts("", 0.0), torch.zeros(len(QUANTITIES)))


def test_noise_and_compression_of_other_kinds_are_unknown() -> None:
    known = dict(zip(QUANTITIES, amounts("rain", 0.05).tolist(), strict=True))
    assert known["rain"] == pytest.approx(0.5)
    assert known["haze"] == known["stops"] == known["blur"] == 0
    assert math.isnan(known["sigma"])
    assert math.isnan(known["quality"])
    noisy = dict(zip(QUANTITIES, amounts("sigma", 25.0).tolist(), strict=True))
    assert noisy["sigma"] == pytest.approx(0.5)
    assert noisy["quality"] == 0


def test_an_unknown_level_stays_unknown() -> None:
    assert math.isnan(float(amounts("haze", math.nan)[QUANTITIES.index("haze")]))


def test_the_error_is_of_roots_and_its_slope_at_nothing_is_finite() -> None:
    estimated = torch.tensor([0.0, 0.25, -0.04], requires_grad=True)
    truth = torch.tensor([0.25, 0.25, 0.0])
    error = amounts_error(estimated, truth)
    root = (0.26**0.5 - 0.1) ** 2
    expected = torch.tensor([root, 0.0, (0.05**0.5 - 0.1) ** 2])
    torch.testing.assert_close(error.detach(), expected)
    error.sum().backward()
    assert estimated.grad is not None
    assert estimated.grad.isfinite().all()
    assert float(estimated.grad[0]) < 0 < -float(estimated.grad[2])
