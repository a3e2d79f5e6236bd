"""Everything that moves during a run: how it begins, and how checkpoints hold it."""

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import nn

from restore_cli.errors import RestoreError
from restore_cli.methods import Objective
from restore_cli.networks import NETWORKS
from restore_cli.recipe import Recipe, construct
from restore_cli.training.optim import build_optimizers
from restore_cli.training.runs import Clock


@dataclass
class State:
    """What a step changes.

    Attributes:
        objective: its players are prepared (device, precision, DDP).
        optimizers: of each player.
        average: moving average (EMA) of the exported player's weights.
        step: steps done.
        skipped: steps left out because a loss or a gradient was not finite.
        skipped_in_a_row: of these, the ones since the last good step.
        hardware: the machines that the run has been on, in words.
    """

    objective: Objective
    optimizers: dict[str, list[torch.optim.Optimizer]]
    average: nn.Module
    step: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    clock: Clock = field(default_factory=Clock)
    hardware: list[str] = field(default_factory=list[str])


def begin(objective: Objective, recipe: Recipe, accelerator: Accelerator) -> State:
    """Prepare the players of a fresh objective, in place, and build what goes with them."""
    network = objective.players[objective.exported]
    # Built anew rather than copied: hooks and wrappers of the prepared network stay out of it.
    average = construct(recipe.network, NETWORKS, section="network")
    average.load_state_dict(network.state_dict())
    average.requires_grad_(requires_grad=False).to(accelerator.device)
    _to_channels_last(average)
    optimizers: dict[str, list[torch.optim.Optimizer]] = {}
    for name, player in list(objective.players.items()):
        _to_channels_last(player)
        objective.players[name] = accelerator.prepare_model(player)
        optimizers[name] = build_optimizers(player, recipe.optim)
        for optimizer in optimizers[name]:
            # Registered, so that fp16 gradients are unscaled. The wrapper itself is of no use
            # here: its `step` ends the scaler's round after the first of several optimisers.
            accelerator.prepare_optimizer(optimizer)
    return State(objective=objective, optimizers=optimizers, average=average)


def _to_channels_last(network: nn.Module) -> None:
    """Lay out the weights for fast convolutions.

    Not the buffers: gloo cannot broadcast one of a single channel in this layout (torch 2.13).
    """
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def update_average(state: State, ema: float, accelerator: Accelerator) -> None:
    """Move the average towards the weights; a young average follows faster."""
    decay = min(ema, (1 + state.step) / (10 + state.step))
    network = accelerator.unwrap_model(state.objective.players[state.objective.exported])
    with torch.no_grad():
        for mean, value in zip(state.average.parameters(), network.parameters(), strict=True):
            mean.lerp_(value.to(mean.dtype), 1 - decay)
        for mean, value in zip(state.average.buffers(), network.buffers(), strict=True):
            mean.copy_(value)


def snapshot(state: State, accelerator: Accelerator) -> dict[str, Any]:
    """What a checkpoint holds: tensors and plain numbers, so that it loads without pickled code."""
    scaler = accelerator.scaler
    return {
        "step": state.step,
        "skipped": state.skipped,
        "skipped_in_a_row": state.skipped_in_a_row,
        "seconds": state.clock.seconds,
        "hardware": state.hardware,
        "players": {
            name: accelerator.unwrap_model(player).state_dict()
            for name, player in state.objective.players.items()
        },
        "optimizers": {
            name: [optimizer.state_dict() for optimizer in optimizers]
            for name, optimizers in state.optimizers.items()
        },
        "average": state.average.state_dict(),
        "scaler": scaler.state_dict() if scaler is not None else {},
    }


def restore(state: State, saved: dict[str, Any], accelerator: Accelerator) -> None:
    """Put a snapshot back into a state that `begin` made from the same recipe.

    Raises:
        RestoreError: the snapshot does not fit.
    """
    try:
        for name, player in state.objective.players.items():
            accelerator.unwrap_model(player).load_state_dict(saved["players"][name])
        for name, optimizers in state.optimizers.items():
            for optimizer, values in zip(optimizers, saved["optimizers"][name], strict=True):
                optimizer.load_state_dict(values)
        state.average.load_state_dict(saved["average"])
        if accelerator.scaler is not None and saved["scaler"]:
            accelerator.scaler.load_state_dict(cast("dict[str, Any]", saved["scaler"]))
        state.step, state.skipped = saved["step"], saved["skipped"]
        state.skipped_in_a_row = saved["skipped_in_a_row"]
        state.clock = Clock(saved["seconds"])
        # Checkpoints of 0.1.0 do not say where they were made.
        state.hardware = list(saved.get("hardware", []))
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise RestoreError(
            f"the checkpoint does not fit this recipe: {error}",
            hint="give another folder with -o, or delete the checkpoint to start again",
        ) from error
