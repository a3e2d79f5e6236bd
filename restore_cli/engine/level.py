"""The one number that a user may say: how much of the degradation there is."""

import math

from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.networks.amounts import QUANTITIES, amount_of
from restore_cli.networks.base import NetworkInfo

RANGES = {
    "sigma": (0.0, 255.0),
    "rain": (0.0, 1.0),
    "haze": (0.0, 1.0),
    "stops": (0.0, 10.0),
    "blur": (0.0, 50.0),
    "quality": (0.0, 100.0),
}
"""Of levels, by quantity (`MEANINGS`)."""
MEANINGS = {
    "sigma": "the standard deviation of the noise, on the 0..255 scale",
    "rain": "the mean light that streaks add, on the 0..1 scale",
    "haze": "1 - the mean transmission",
    "stops": "how many stops of exposure lack",
    "blur": "the width of the blur in px",
    "quality": "the quality at which the JPEG file was written",
}
"""What a level counts, by quantity."""


def quantity_of(info: NetworkInfo) -> str:
    """What a level that is told to this network counts; empty where it takes none."""
    return "sigma" if info.takes_sigma else info.quantity


def is_told_by_context(info: NetworkInfo) -> bool:
    """Whether a level that is told changes the global context, and nothing beside the picture."""
    return bool(info.quantity) and info.level in (None, "blur")


def check_level(info: NetworkInfo, level: float | None) -> None:
    """Refuse a level that a network cannot be told.

    Raises:
        RestoreError: it takes none, or the value is out of its range.
    """
    if level is None or level == 0.0:
        return
    quantity = quantity_of(info)
    if not quantity:
        raise RestoreError(
            "this model takes no level", hint="leave the level out, or use a model that takes one"
        )
    low, high = RANGES[quantity]
    if not low <= level <= high:
        raise RestoreError(
            f"{quantity} {level:g} is outside {low:g}..{high:g}",
            hint=f"the level of this model is {MEANINGS[quantity]}",
        )


def told_level(info: NetworkInfo, level: float, windows: Tensor) -> Tensor:
    """A level as the network takes it, for windows (B, 3, H, W): (B,) or (B, N)."""
    if info.level != "amounts":
        return windows.new_full((len(windows),), level / 255)
    told = windows.new_full((len(windows), len(QUANTITIES)), math.nan)
    told[:, QUANTITIES.index(info.quantity)] = amount_of(info.quantity, level)
    return told
