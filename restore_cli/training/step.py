"""One training step: every step of the objective, each module moved on its own loss.

Nothing here waits for the device where that can be avoided: losses stay tensors until somebody
reads them, and a step that is not finite is left out by the optimisers on the device.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from restore_cli.data.sample import Batch
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.recipe import Recipe
from restore_cli.training.state import State, update_average

_MOST_SKIPS_IN_A_ROW = 10
_STEP_STREAM = 1  # apart from the stream of pictures, which has 0 there


class Outcome(NamedTuple):
    """What to log of a step; of several of the objective, the last. All on the device, detached.

    Attributes:
        norm: () of the gradient before clipping.
        loss: () averaged over the accumulated batches and over the processes.
        terms: parts of the loss by name, (), averaged over the processes.
    """

    norm: Tensor
    loss: Tensor
    terms: dict[str, Tensor]


def take_step(
    state: State,
    recipe: Recipe,
    accelerator: Accelerator,
    batches: Iterator[Batch],
    *,
    rate: float,
) -> Outcome:
    """Do one step, or leave it out where a loss or a gradient is not finite.

    Args:
        state: changed in place.
        recipe: what is trained.
        accelerator: holds the modules and optimisers of `state`.
        batches: as many are taken as the recipe accumulates.
        rate: learning rate, before the factors of single modules.

    Raises:
        RestoreError: the tenth step in a row was left out.
    """
    _set_learning_rate(state, rate)
    _seed(recipe.optim.seed, state.step)
    parts = recipe.optim.accumulate
    norm = torch.full((), torch.nan, device=accelerator.device)
    loss, bad = torch.zeros_like(norm), torch.zeros_like(norm)
    terms: dict[str, Tensor] = {}
    for part in range(parts):
        value = norm
        for move in state.objective.steps(_channels_last(next(batches))):
            if part == 0:
                for optimizer in _optimizers(state, move.modules):
                    optimizer.zero_grad()
            value = move.loss.detach().float()
            _backward(move.loss, parts, accelerator)
            terms = {name: term.detach() for name, term in move.terms.items()}
            if part == parts - 1:
                norm, missed = _move(state, move.modules, recipe.optim.clip, accelerator)
                bad = torch.maximum(bad, missed)
        loss = loss + value / parts
    state.step += 1
    update_average(state, recipe.optim.ema, keep=bad)
    _count_skips(state, bad)
    return Outcome(norm, *_of_all_processes(loss, terms, accelerator))


def _of_all_processes(
    loss: Tensor, terms: dict[str, Tensor], accelerator: Accelerator
) -> tuple[Tensor, dict[str, Tensor]]:
    """The means; each process has its own share of the batch."""
    if accelerator.num_processes == 1:
        return loss, terms
    values = torch.stack([loss, *(term.float() for term in terms.values())])
    mean, *means = cast("Tensor", accelerator.reduce(values, reduction="mean")).unbind()
    return mean, dict(zip(terms, means, strict=True))


def _set_learning_rate(state: State, rate: float) -> None:
    for optimizer in itertools.chain.from_iterable(state.optimizers.values()):
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)


def _seed(seed: int, step: int) -> None:
    """Let what an objective draws follow from the step, so that resuming needs no saved state.

    Alike in all processes: what is drawn for each sample sees to it by itself, see
    `methods.processes`.
    """
    words = np.random.SeedSequence([seed, _STEP_STREAM, step, 0]).generate_state(1)
    torch.manual_seed(int(words[0]))


def _backward(loss: Tensor, parts: int, accelerator: Accelerator) -> None:
    """Add a loss's gradients."""
    # A loss that is not finite may have finite gradients. Spoil them: processes share gradients,
    # so all of them leave the step out, whichever had the bad loss.
    spoil = torch.where(torch.isfinite(loss.detach()), 1.0 / parts, torch.nan)
    accelerator.backward(loss * spoil)


def _optimizers(state: State, modules: tuple[str, ...]) -> Iterator[torch.optim.Optimizer]:
    return itertools.chain.from_iterable(state.optimizers[module] for module in modules)


def _move(
    state: State, modules: tuple[str, ...], clip: float, accelerator: Accelerator
) -> tuple[Tensor, Tensor]:
    """Clip and step modules unless their gradient is not finite.

    Each module is clipped by itself: a network's gradient may be hundreds of times that of a small
    head, and clipped together the head would stand still.

    Returns:
        The norm of all before clipping, and 1 where the step was left out, else 0.
    """
    networks = [state.objective.modules[module] for module in modules]
    accelerator.unscale_gradients()
    norms = [_clipped(network, clip) for network in networks]
    norm = torch.stack(norms).square().sum().sqrt()
    bad = (~torch.isfinite(norm)).float()
    for optimizer in _optimizers(state, modules):
        # As torch's own gradient scaler tells fused optimisers: leave the step out where it is 1.
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            optimizer.found_inf = bad  # pyright: ignore[reportAttributeAccessIssue]
            optimizer.step()
        elif not bool(bad):
            optimizer.step()
    if accelerator.scaler is not None:
        # Once after all optimisers: it ends the round, and lowers fp16's scale after an overflow.
        accelerator.scaler.update()
    return norm, bad


def _clipped(network: nn.Module, most: float) -> Tensor:
    """Scale the gradient of one module to a norm of at most this; its norm before, ()."""
    parameters = [p for p in network.parameters() if p.grad is not None]
    norm = get_total_norm([p.grad for p in parameters if p.grad is not None]).detach()
    # As clip_grad_norm_ does, but for reading a CPU's norm: most gradients are short enough.
    if norm.device.type != "cpu" or float(norm) + 1e-6 > most:
        clip_grads_with_norm_(parameters, most, norm)
    return norm.float()


def _count_skips(state: State, bad: Tensor) -> None:
    state.skipped = state.skipped + bad.to(state.skipped)
    state.skipped_in_a_row = (state.skipped_in_a_row + 1) * bad.to(state.skipped_in_a_row)
    # Reading makes a GPU's queue run dry; a few steps more that change nothing cost less.
    waits = bad.device.type == "cpu" or state.step % _MOST_SKIPS_IN_A_ROW == 0
    if waits and int(state.skipped_in_a_row) >= _MOST_SKIPS_IN_A_ROW:
        raise RestoreError(
            f"ten steps in a row had a non-finite loss or gradient (last: step {state.step})",
            hint="the run keeps the weights from before them: --set optim.precision=fp32 goes on;"
            " with a lower optim.lr it is another run, with its own -o",
            exit_code=ExitCode.SOME_FAILED,
        )


def _channels_last(batch: Batch) -> Batch:
    return batch.mapped(
        lambda t: t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t
    )
