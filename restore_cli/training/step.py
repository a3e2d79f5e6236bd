"""One training step: every turn of the objective, each player moved on its own loss."""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.recipe import Recipe
from restore_cli.training.optim import learning_rate
from restore_cli.training.state import State, update_average

_MOST_SKIPS_IN_A_ROW = 10
_STEP_STREAM = 1  # apart from the stream of pictures, which has 0 there


class Outcome(NamedTuple):
    """What to log of a step; of several turns, the last.

    Attributes:
        norm: of the gradient before clipping.
        loss: averaged over the accumulated batches.
        terms: parts of the loss by name.
    """

    norm: float
    loss: float
    terms: dict[str, float]


def take_step(
    state: State, recipe: Recipe, accelerator: Accelerator, batches: Iterator[dict[str, Tensor]]
) -> Outcome:
    """Do one step, or leave it out where a loss or a gradient is not finite.

    Args:
        state: changed in place.
        recipe: what is trained.
        accelerator: holds the players and optimisers of `state`.
        batches: as many are taken as the recipe accumulates.

    Raises:
        RestoreError: the tenth step in a row was left out.
    """
    _set_learning_rate(state, learning_rate(state.step, recipe.optim))
    _seed(recipe.optim.seed, state.step, accelerator.process_index)
    parts = recipe.optim.accumulate
    norm, loss, finite = math.nan, 0.0, True
    terms: dict[str, float] = {}
    for part in range(parts):
        value = math.nan
        for turn in state.objective.turns(_channels_last(next(batches))):
            if part == 0:
                for optimizer in _optimizers(state, turn.movers):
                    optimizer.zero_grad()
            value = _backward(turn.loss, parts, accelerator)
            terms = {name: float(term) for name, term in turn.terms.items()}
            if part == parts - 1:
                norm = _move(state, turn.movers, recipe.optim.clip, accelerator)
                finite = finite and math.isfinite(norm)
        loss += value / parts
    state.step += 1
    if finite:
        update_average(state, recipe.optim.ema, accelerator)
    _count_skips(state, finite=finite)
    return Outcome(norm, loss, terms)


def _set_learning_rate(state: State, rate: float) -> None:
    for optimizer in itertools.chain.from_iterable(state.optimizers.values()):
        for group in optimizer.param_groups:
            group["lr"] = rate


def _seed(seed: int, step: int, process: int) -> None:
    """Let what an objective draws follow from the step, so that resuming needs no saved state."""
    words = np.random.SeedSequence([seed, _STEP_STREAM, step, process]).generate_state(1)
    torch.manual_seed(int(words[0]))


def _backward(loss: Tensor, parts: int, accelerator: Accelerator) -> float:
    """Add a loss's gradients; returns its value."""
    value = float(loss.detach())
    # A loss that is not finite may have finite gradients. Spoil them: processes share gradients,
    # so all of them leave the step out, whichever had the bad loss.
    accelerator.backward(loss / parts if math.isfinite(value) else loss * math.nan)
    return value


def _optimizers(state: State, players: tuple[str, ...]) -> Iterator[torch.optim.Optimizer]:
    return itertools.chain.from_iterable(state.optimizers[player] for player in players)


def _move(state: State, players: tuple[str, ...], clip: float, accelerator: Accelerator) -> float:
    """Clip and step players unless their gradient is not finite; returns the norm before."""
    networks = (state.objective.players[player] for player in players)
    parameters = list(itertools.chain.from_iterable(n.parameters() for n in networks))
    norm = float(cast(Tensor, accelerator.clip_grad_norm_(parameters, clip)))
    if math.isfinite(norm):
        for optimizer in _optimizers(state, players):
            optimizer.step()
    if accelerator.scaler is not None:
        # Once after all optimisers: it ends the round, and lowers fp16's scale after an overflow.
        accelerator.scaler.update()
    return norm


def _count_skips(state: State, *, finite: bool) -> None:
    if finite:
        state.skipped_in_a_row = 0
        return
    state.skipped += 1
    state.skipped_in_a_row += 1
    if state.skipped_in_a_row >= _MOST_SKIPS_IN_A_ROW:
        raise RestoreError(
            f"ten steps in a row had a non-finite loss or gradient (last: step {state.step})",
            hint="lower optim.lr, or use optim.precision = 'fp32'",
            exit_code=ExitCode.SOME_FAILED,
        )


def _channels_last(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
        for name, value in batch.items()
    }
