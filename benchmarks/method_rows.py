"""What every part of `methods.py` is given and gives back."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from restore_cli.recipe import Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run

CSV = "methods.csv"
_TIMED = 12  # steps that tell how long one takes


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes:
        method: a key of `methods.METHODS`.
        arm: how it was trained or fitted.
        case: what it was measured on.
        seed: of everything that is drawn.
        metric: with its unit.
        value: the number.
    """

    method: str
    arm: str
    case: str
    seed: int
    metric: str
    value: float


@dataclass(frozen=True)
class Settings:
    """What is to be measured.

    Attributes:
        data: holds photos/train and photos/val.
        runs: keeps what was trained.
        seeds: which.
        arms: which; empty for all.
        cases: which; empty for all.
        changes: to recipes.
        seconds: that all of it may take; None for the recipes' own steps.
    """

    data: Path
    runs: Path
    seeds: tuple[int, ...]
    arms: tuple[str, ...]
    cases: tuple[str, ...]
    changes: tuple[str, ...]
    seconds: float | None

    def chosen(self, known: Iterator[str] | dict[str, object] | tuple[str, ...]) -> list[str]:
        """Those of `known` arms that are wanted, in their order."""
        return [arm for arm in known if not self.arms or arm in self.arms]


def equal_steps(
    settings: Settings, arms: list[str], recipe_of: Callable[[str, int, tuple[str, ...]], Recipe]
) -> tuple[str, ...]:
    """The change that gives all arms as many steps as fit into the time.

    A few steps of every arm are timed, and three times as many: what a run takes before its first
    step, and after its last, is told from what its steps take.
    """
    if settings.seconds is None:
        return ()
    total = begin = 0.0
    for arm in arms:
        once, thrice = (_seconds(arm, count, settings, recipe_of) for count in (_TIMED, 3 * _TIMED))
        step = max(thrice - once, 1e-3) / (2 * _TIMED)
        total += step
        begin += max(once - _TIMED * step, 0.0)
    # A sixth is left for measuring.
    left = settings.seconds * 5 / 6 - begin * len(settings.seeds)
    steps = max(20, int(left / (total * len(settings.seeds))))
    print(f"{steps} steps for each of {len(arms)} arms and {len(settings.seeds)} seeds", flush=True)
    return (f"optim.steps={steps}", f"optim.warmup={steps // 20}", f"optim.cooldown={steps // 2}")


def _seconds(
    arm: str,
    count: int,
    settings: Settings,
    recipe_of: Callable[[str, int, tuple[str, ...]], Recipe],
) -> float:
    """How long a run of so many steps takes."""
    short = (f"optim.steps={count}", "optim.warmup=0", "optim.cooldown=0")
    recipe = recipe_of(arm, settings.seeds[0], short)
    begun = time.perf_counter()
    train(recipe, Run(settings.runs / "timing" / f"{arm}-{begun:.0f}", recipe, resume=False))
    return time.perf_counter() - begun
