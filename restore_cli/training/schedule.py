"""Learning rates, and when a run ends: after a number of steps, or by the clock."""

import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Literal, Protocol

from restore_cli.errors import RestoreError
from restore_cli.recipe import OptimSection, Recipe

Knots = list[tuple[int, float]]
"""Steps and factors of the learning rate, linear between them."""

Keeps = Literal["checkpoint", "trunk", "nothing"]
"""What a state is good for: to go on with this run, to go on for longer, or not to be kept."""

LEAST_STEPS = 20
"""A run by the clock that has no time for these is refused: nothing would come of it."""

_WARM = 3  # steps whose time says nothing: kernels are compiled, caches filled
_WINDOW = 40  # steps over which the speed is measured,
_RECENT = 10.0  # and only the last seconds of them, beside others' work that comes and goes,
_FEWEST = 5  # but not fewer steps than these
_OFF = 1.5  # seconds by which the end may be missed before the cooldown is planned anew
# And only when this much of the time that was left at the last plan is left: speed wavers, and each
# new plan is a bend that the recipe has to tell.
_AGAIN = 0.8


def learning_rate(step: int, settings: OptimSection) -> float:
    """Learning rate of step 0 .. steps - 1: linear warm-up, then the recipe's schedule."""
    if settings.decay:
        return settings.lr * min(_warmed(step, settings), interpolated(step, settings.decay))
    if step < settings.warmup:
        return settings.lr * _warmed(step, settings)
    match settings.schedule:
        case "cosine":
            progress = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
            return settings.lr * 0.5 * (1 + math.cos(math.pi * progress))
        case "steps":
            return settings.lr * settings.gamma ** (step // settings.step_size)
        case "trapezoid":
            left = settings.steps - step
            return settings.lr * min(1.0, left / max(1, settings.cooldown))


def _warmed(step: int, settings: OptimSection) -> float:
    return min(1.0, (step + 1) / max(1, settings.warmup))


def interpolated(step: int, knots: Knots) -> float:
    """The factor at a step: that of the first knot before it, of the last behind it."""
    if step <= knots[0][0]:
        return knots[0][1]
    for (start, high), (end, low) in pairwise(knots):
        if step <= end:
            return high + (low - high) * (step - start) / max(1, end - start)
    return knots[-1][1]


class Schedule(Protocol):
    """Says how fast to learn and when to stop."""

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        ...

    def finished(self, step: int) -> bool:
        """Whether `step` steps are all; asked before every step."""
        ...

    @property
    def keeps(self) -> Keeps:
        """What the state is good for now."""
        ...

    def total(self, step: int) -> int:
        """How many steps there will be, as far as can be told after `step` of them."""
        ...

    def done(self, recipe: Recipe, step: int) -> Recipe:
        """The recipe that says what was done, so that it does the same again."""
        ...


class BySteps:
    """The recipe's own steps and schedule."""

    def __init__(self, settings: OptimSection) -> None:
        self._settings = settings

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        return learning_rate(step, self._settings)

    def finished(self, step: int) -> bool:
        """Whether the recipe's steps are done."""
        return step >= self._settings.steps

    @property
    def keeps(self) -> Keeps:
        """A checkpoint: the run is as long as its recipe says, and goes on to there."""
        return "checkpoint"

    def total(self, step: int) -> int:
        """The recipe's steps."""
        del step
        return self._settings.steps

    def done(self, recipe: Recipe, step: int) -> Recipe:
        """The recipe as it is."""
        del step
        return recipe


class ByClock:
    """A constant rate, then a cooldown to zero that ends when the time does.

    The cooldown is planned from the speed of the last steps, and planned anew when the speed
    changes: the bends are kept as `optim.decay`, so that the exported recipe repeats them.

    Args:
        settings: `lr`, `warmup` and `cooldown_share` count; `steps` and `schedule` do not.
        seconds: until the exported model must lie there.
        tail: estimate of the seconds between the last step and that; asked anew at each plan.
        after: how many steps' time what is learnt after the last step takes; asked anew as well.
        clock: seconds that have passed since the command began.

    Attributes:
        knots: the cooldown as it is planned; empty before it begins.
    """

    def __init__(
        self,
        settings: OptimSection,
        *,
        seconds: float,
        tail: Callable[[], float],
        clock: Callable[[], float],
        after: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._settings, self._seconds = settings, seconds
        self._tail, self._clock, self._after = tail, clock, after
        self._began: int | None = None
        self._last, self._planned = 0.0, seconds
        self._took: deque[float] = deque(maxlen=_WINDOW)
        self.knots: Knots = []

    def rate(self, step: int) -> float:
        """Learning rate of a step: the warm-up's, the constant one, or the cooldown's."""
        factor = interpolated(step, self.knots or [(0, 1.0)])
        return self._settings.lr * min(_warmed(step, self._settings), factor)

    @property
    def keeps(self) -> Keeps:
        """A trunk until the cooldown begins; what is half cooled down serves nobody."""
        return "nothing" if self.knots else "trunk"

    def total(self, step: int) -> int:
        """The cooldown's end as planned, or what would be done at this speed."""
        if self.knots:
            return self.knots[-1][0]
        each = self._seconds_a_step()
        return step + max(1, int(self._left() / each)) if each else step + 1

    def finished(self, step: int) -> bool:
        """Note that `step` steps are done, plan, and say whether they are all.

        Raises:
            RestoreError: there is no time for 20 steps.
        """
        now = self._clock()
        if self._began is None:
            self._began = step
        if step - self._began > _WARM:
            self._took.append(now - self._last)
        self._last = now
        each = self._seconds_a_step()
        if each is None:
            return self._refuse_if_late()
        left = self._left()
        if not self.knots:
            self._check_budget(step, each, left)
            if left > self._settings.cooldown_share * self._seconds:
                return False
            self.knots = [(step, 1.0), (step + max(1, int(left / each)), 0.0)]
            self._planned = left
        end = self.knots[-1][0]
        late = (end - step) * each - left
        due = left <= _AGAIN * self._planned
        if due and end > step and abs(late) > max(_OFF, 2 * each):
            factor = interpolated(step, self.knots)
            kept = [knot for knot in self.knots if knot[0] < step]
            ahead = step + max(1, int(left / each))
            self.knots = [*kept, (step, factor), (ahead, 0.0)]
            self._planned = left
        return step >= self.knots[-1][0]

    def done(self, recipe: Recipe, step: int) -> Recipe:
        """The recipe with the steps and the cooldown that were done."""
        start = self.knots[0][0] if self.knots else step
        changes = {
            "steps": step,
            "schedule": "trapezoid",
            "cooldown": step - start,
            "decay": self.knots,
        }
        optim = OptimSection.model_validate(recipe.optim.model_dump() | changes)
        return recipe.model_copy(update={"optim": optim})

    def _left(self) -> float:
        after = self._after() * (self._seconds_a_step() or 0.0)
        return self._seconds - self._clock() - self._tail() - after

    def _seconds_a_step(self) -> float | None:
        """Of the last steps, the median: one that was measured or saved in says little."""
        recent: list[float] = []
        for took in reversed(self._took):
            if len(recent) >= _FEWEST and sum(recent) > _RECENT:
                break
            recent.append(took)
        return statistics.median(recent) if recent else None

    def _refuse_if_late(self) -> bool:
        if self._left() <= 0:
            raise self._too_short()
        return False

    def _check_budget(self, step: int, each: float, left: float) -> None:
        assert self._began is not None
        if step - self._began + left / max(each, 1e-9) < LEAST_STEPS:
            raise self._too_short()

    def _too_short(self) -> RestoreError:
        each = self._seconds_a_step()
        took = f"a step takes {each:.1f} s" if each else "the time ran out before it could start"
        start = self._clock()
        # Where not one step was timed, as much again as it took to get here is a first guess.
        steps = LEAST_STEPS * each if each else start
        need = math.ceil(start + self._tail() + self._after() * (each or 0.0) + steps)
        return RestoreError(
            f"--for {self._seconds:.0f}s is too short for {LEAST_STEPS} steps: {took}",
            hint=f"--for {need}s or more, a smaller data.batch, or a smaller data.crop",
        )


def duration(text: str) -> float:
    """Seconds of `90s`, `9m`, `2h30m` or `1d`, as `--for` takes them.

    Raises:
        RestoreError: it is none, or not above zero.
    """
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    total, number, last = 0.0, "", math.inf
    for letter in text.strip().lower():
        if letter in units and number and units[letter] < last:
            last = units[letter]
            total += float(number) * last
            number = ""
        elif letter in "0123456789" or (letter == "." and "." not in number):
            number += letter
        else:
            break
    else:
        if total > 0 and not number:
            return total
    raise RestoreError(f"{text!r} is not a duration", hint="for example --for 9m, or 2h30m")


def since_start() -> float:
    """Seconds since this process began, imports included."""
    import psutil

    return time.time() - psutil.Process().create_time()
