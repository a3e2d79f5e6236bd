"""How much of each degradation there is in a picture: the numbers that networks are told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    # Levels are told and named where no torch is needed.
    import torch
    from torch import Tensor

QUANTITIES = ("rain", "haze", "stops", "blur", "sigma", "quality")
"""What is counted, in the order of an amounts vector (N = 6)."""

_UNITS = {"rain": 0.1, "haze": 1.0, "stops": 4.0, "blur": 4.0, "sigma": 50.0, "quality": 50.0}
"""What an amount of 1 stands for: usual ones are of order one."""

_SOFT = 0.01  # keeps the slope of the root finite at 0

_NUISANCES = ("sigma", "quality")


@overload
def amount_of(quantity: str, level: float) -> float: ...
@overload
def amount_of(quantity: str, level: float | Tensor) -> float | Tensor: ...
def amount_of(quantity: str, level: float | Tensor) -> float | Tensor:
    """The amount for a level in its own unit, 0 for none.

    Args:
        quantity: one of `QUANTITIES`.
        level: rain: mean light that streaks add, 0 to 1; haze: 1 - mean transmission; stops:
            missing exposure, EV; blur: px; sigma: deviation of the noise, 0 to 255; quality: of
            JPEG, 1 to 100, and 0 where it was never compressed.
    """
    if quantity == "quality":
        return (100.0 - level) / _UNITS[quantity] if level > 0 else 0.0
    return level / _UNITS[quantity]


def level_of(quantity: str, amount: float) -> float:
    """The inverse of `amount_of`."""
    if quantity == "quality":
        return 100.0 - amount * _UNITS[quantity] if amount > 0 else 0.0
    return amount * _UNITS[quantity]


def amounts(quantity: str, level: float | Tensor, *, device: torch.device | None = None) -> Tensor:
    """What is known of a sample, of which one quantity was counted.

    Noise and compression are added to samples of every kind without being counted there: they are
    unknown unless they are what was counted, or nothing was done.

    Args:
        quantity: what was counted; empty where nothing was done.
        level: how much, in its own unit; NaN where it is unknown. A number, or () on the device.
        device: of the result; None is the CPU.

    Returns:
        (N,), NaN where unknown.
    """
    import torch

    known = torch.zeros(len(QUANTITIES), device=device)
    if not quantity:
        return known
    if quantity not in _NUISANCES:
        for name in _NUISANCES:
            known[QUANTITIES.index(name)] = math.nan
    known[QUANTITIES.index(quantity)] = amount_of(quantity, level)
    return known


def amounts_error(estimated: Tensor, truth: Tensor) -> Tensor:
    """Squared differences of the roots of amounts, which training makes small.

    Most pictures have none of a quantity: the likeliest amount is 0 wherever a network is unsure,
    and an absolute error would leave it there. The squared one makes it say the mean; the root
    makes a little of something differ from nothing.

    Args:
        estimated: any shape; values below 0 count as a little less than nothing.
        truth: the same shape.

    Returns:
        The same shape.
    """
    return (_root(estimated) - _root(truth)).square()


def _root(amounts: Tensor) -> Tensor:
    """The signed sqrt(|a| + s) - sqrt(s), written so that it has a slope at 0."""
    return amounts / ((amounts.abs() + _SOFT).sqrt() + math.sqrt(_SOFT))
