"""Everything that moves during a run: how it begins, and how checkpoints hold it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from restore_cli.errors import RestoreError
from restore_cli.methods import Objective
from restore_cli.networks import NETWORKS
from restore_cli.networks.base import Network
from restore_cli.recipe import Recipe, construct
from restore_cli.training import foreach
from restore_cli.training.optim import build_optimizers
from restore_cli.training.runs import Clock

_OLD_MODULES = {"critic": "discriminator", "experts": "ensemble"}


@dataclass
class Sitting:
    """One part of a run, on one machine.

    Attributes:
        hardware: the machine in words.
        precision: number format of the networks.
        batch: samples a step, of all processes.
        crop: px.
        start: steps that were done before it.
    """

    hardware: str
    precision: str
    batch: int
    crop: int
    start: int


@dataclass
class State:
    """What a step changes.

    Attributes:
        objective: its modules are prepared (device, precision, DDP).
        optimizers: of each module.
        average: moving average (EMA) of the network's weights.
        step: steps done.
        skipped: () int64, steps left out because a loss or a gradient was not finite.
        skipped_in_a_row: () of these, the ones since the last good step.
        sittings: what the run has been through, the last one now.
    """

    objective: Objective
    optimizers: dict[str, list[torch.optim.Optimizer]]
    average: Network
    skipped: Tensor
    skipped_in_a_row: Tensor
    step: int = 0
    clock: Clock = field(default_factory=Clock)
    sittings: list[Sitting] = field(default_factory=list[Sitting])


def begin(objective: Objective, recipe: Recipe, accelerator: Accelerator) -> State:
    """Prepare the modules of a fresh objective, in place, and build what goes with them.

    Raises:
        RestoreError: `optim.rates` names a module that the objective has not.
    """
    for name in recipe.optim.rates:
        if name not in objective.modules:
            raise RestoreError(
                f"optim.rates: the objective {recipe.objective.name!r} has no module {name!r}",
                hint="it has: " + ", ".join(objective.modules),
            )
    # Built anew rather than copied: hooks and wrappers of the prepared network stay out of it.
    average = construct(recipe.network, NETWORKS, section="network")
    average.load_state_dict(objective.network.state_dict())
    average.requires_grad_(requires_grad=False).to(accelerator.device)
    _to_channels_last(average)
    optimizers: dict[str, list[torch.optim.Optimizer]] = {}
    for name, module in list(objective.modules.items()):
        _to_channels_last(module)
        objective.modules[name] = accelerator.prepare_model(module)
        optimizers[name] = build_optimizers(
            module,
            recipe.optim,
            factor=recipe.optim.rates.get(name, 1.0),
            half=accelerator.mixed_precision == "bf16",
        )
        for optimizer in optimizers[name]:
            # Registered, so that fp16 gradients are unscaled. The wrapper itself is of no use
            # here: its `step` ends the scaler's round after the first of several optimisers.
            accelerator.prepare_optimizer(optimizer)
    none = torch.zeros((), dtype=torch.int64, device=accelerator.device)
    return State(objective, optimizers, average, skipped=none, skipped_in_a_row=none.clone())


def _to_channels_last(network: nn.Module) -> None:
    """Lay out the weights for fast convolutions.

    Not the buffers: gloo cannot broadcast one of a single channel in this layout (torch 2.13).
    """
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def update_average(state: State, ema: float, *, keep: Tensor) -> None:
    """Move the average towards the weights; a young average follows faster.

    Args:
        state: its `average` is changed.
        ema: decay of an old average.
        keep: () 1 to leave the average as it is, else 0.
    """
    decay = min(ema, (1 + state.step) / (10 + state.step))
    network = state.objective.network
    share = (1 - decay) * (1 - keep)
    with torch.no_grad():
        means = list(state.average.parameters())
        foreach.lerp_(means, list(network.parameters()), share)
        for mean, value in zip(state.average.buffers(), network.buffers(), strict=True):
            mean.copy_(value)


def snapshot(state: State, accelerator: Accelerator) -> dict[str, Any]:
    """What a checkpoint holds: tensors and plain numbers, so that it loads without pickled code."""
    scaler = accelerator.scaler
    return {
        "step": state.step,
        "skipped": int(state.skipped),
        "skipped_in_a_row": int(state.skipped_in_a_row),
        "seconds": state.clock.seconds,
        "sittings": [asdict(sitting) for sitting in state.sittings],
        "modules": {
            name: accelerator.unwrap_model(module).state_dict()
            for name, module in state.objective.modules.items()
        },
        "optimizers": {
            name: [optimizer.state_dict() for optimizer in optimizers]
            for name, optimizers in state.optimizers.items()
        },
        "average": state.average.state_dict(),
        "scaler": scaler.state_dict() if scaler is not None else {},
    }


def restore(
    state: State,
    saved: dict[str, Any],
    accelerator: Accelerator,
    *,
    source: Path,
) -> None:
    """Put a snapshot back into a state that `begin` made from the same recipe.

    Args:
        state: is changed.
        saved: what `snapshot` gave.
        accelerator: the one that prepared the state.
        source: the run folder, for errors.

    Raises:
        RestoreError: the snapshot does not fit.
    """
    try:
        named = _renamed(saved)
        for name, module in state.objective.modules.items():
            accelerator.unwrap_model(module).load_state_dict(named["modules"][name])
        if named["optimizers"] is not None:  # a portable state has none: they begin anew
            for name, optimizers in state.optimizers.items():
                for optimizer, values in zip(optimizers, named["optimizers"][name], strict=True):
                    _load_optimizer(optimizer, values)
        state.average.load_state_dict(saved["average"])
        if accelerator.scaler is not None and saved["scaler"]:
            accelerator.scaler.load_state_dict(cast("dict[str, Any]", saved["scaler"]))
        state.step = int(saved["step"])
        if state.step < 0:
            raise ValueError(f"step {state.step}")
        state.skipped = torch.full_like(state.skipped, int(saved["skipped"]))
        state.skipped_in_a_row = torch.full_like(state.skipped, int(saved["skipped_in_a_row"]))
        state.clock = Clock(float(saved["seconds"]))
        state.sittings = [Sitting(**one) for one in saved["sittings"]]
    except (KeyError, TypeError, RuntimeError, ValueError, AttributeError, IndexError) as error:
        raise RestoreError(
            f"the checkpoint in {source} does not fit this recipe: "
            + (f"it lacks {error}" if isinstance(error, KeyError) else str(error)),
            hint="give another folder with -o, or delete the checkpoint to start again",
        ) from error


def _load_optimizer(optimizer: torch.optim.Optimizer, values: dict[str, Any]) -> None:
    """Load what an optimiser remembers. Raises ValueError where its first step would fail on it."""
    fresh = [group.keys() for group in optimizer.param_groups]
    optimizer.load_state_dict(values)
    for group, keys in zip(optimizer.param_groups, fresh, strict=True):
        if not keys <= group.keys():
            raise ValueError(f"the optimiser lacks {', '.join(sorted(keys - group.keys()))}")
        for parameter in group["params"]:
            for name, value in optimizer.state.get(parameter, {}).items():
                fits = isinstance(value, Tensor) and value.shape in (parameter.shape, ())
                if not fits and not isinstance(value, int | float):
                    raise ValueError(f"the optimiser's {name} does not fit its parameter")


def _renamed(saved: Mapping[str, Any]) -> Mapping[str, Any]:
    """A checkpoint under the names of today; those of 0.1 called modules players."""
    if "players" not in saved:
        return saved
    modules = {_OLD_MODULES.get(name, name): value for name, value in saved["players"].items()}
    modules["network"] = {f"network.{name}": v for name, v in modules["network"].items()}
    optimizers = {_OLD_MODULES.get(name, name): v for name, v in saved["optimizers"].items()}
    return {**saved, "modules": modules, "optimizers": optimizers}
