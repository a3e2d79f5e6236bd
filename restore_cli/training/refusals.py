"""What cannot be trained, refused before the first step."""

import os

import torch

from restore_cli.engine.memory import free_bytes
from restore_cli.errors import RestoreError
from restore_cli.methods import Objective
from restore_cli.networks.base import Network
from restore_cli.recipe import Recipe

_MOST_WORKERS = 1024


def check_fit(recipe: Recipe, network: Network, objective: Objective) -> int:
    """Refuse what would fail in the first step; returns the least side of a picture, px."""
    if recipe.optim.accumulate > 1 and not objective.single_step:
        raise RestoreError(
            f"objective {recipe.objective.name!r} takes several steps a batch:"
            " optim.accumulate must be 1",
            hint="raise data.batch instead",
        )
    share = recipe.data.pairs
    if share < 1 and objective.needs_pairs:
        others = f"with data.paired_share = {share} there are others"
        raise RestoreError(
            f"objective {recipe.objective.name!r} needs pairs, and "
            + (others if share else f"data.kind = {recipe.data.kind!r} draws none"),
            hint="objective.name = 'eguot' learns from both, or --set data.paired_share=1.0"
            if share
            else "objective.name = 'cut' or 'odcr' learns without, or --set data.kind=paired",
        )
    _check_affordable(recipe)
    _check_layers(objective)
    multiple = network.info.multiple
    if recipe.data.crop % multiple:
        raise RestoreError(
            f"data.crop = {recipe.data.crop} is not a multiple of {multiple},"
            f" which the network {recipe.network.name!r} needs",
            hint=f"for example --set data.crop={multiple * (recipe.data.crop // multiple + 1)}",
        )
    if recipe.data.validation_crop < multiple:
        raise RestoreError(
            f"data.validation_crop = {recipe.data.validation_crop} is less than the {multiple} px"
            f" that the network {recipe.network.name!r} needs"
        )
    return multiple


def _check_layers(objective: Objective) -> None:
    """Refuse networks with a layer of no channels, which torch builds and cannot compute."""
    for name, module in objective.modules.items():
        for place, weights in module.named_parameters():
            if weights.numel() == 0:
                raise RestoreError(
                    f"the {name} has a layer without channels: {place}",
                    hint="numbers of channels (width, widths) are 1 or more",
                )


def _check_affordable(recipe: Recipe) -> None:
    """Refuse batches and workers that no machine like this one has room for."""
    data = recipe.data
    need = data.batch * data.crop**2 * 3 * 4 * 2  # inputs and targets in float32
    free = free_bytes(torch.device("cpu"))
    if need > free:
        raise RestoreError(
            f"data.batch = {data.batch} crops of {data.crop} px take {need / 2**30:.0f} GiB, and"
            f" {free / 2**30:.0f} GiB are free",
            hint="a smaller data.batch or data.crop; optim.accumulate makes up for it",
        )
    if data.workers != "auto" and data.workers > _MOST_WORKERS:
        raise RestoreError(
            f"data.workers = {data.workers} processes are more than a machine can run",
            hint=f"as many as it has cores: --set data.workers={os.cpu_count() or 1}",
        )
