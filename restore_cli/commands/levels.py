"""Levels that options tell: whether models take them, and which."""

from typing import TYPE_CHECKING

from restore_cli.commands.console import Console
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.commands.restoring import How
    from restore_cli.models.entries import Described
    from restore_cli.networks.info import NetworkInfo


def own_level(how: "How", name: str, *, alone: bool) -> float | None:
    """The level for one step: in a chain, only noise can be told, to the denoiser.

    Args:
        how: what the options say.
        name: the task of the step.
        alone: whether it is the only one.

    Raises:
        RestoreError: a level that is not of noise, for several tasks.
    """
    if how.level is None or alone:
        return how.level
    if not how.is_sigma:
        raise RestoreError(
            "--level is of one task, and there are several",
            hint="leave it out; --sigma tells the denoiser its noise",
        )
    return how.level if name == "denoise" else None


def check_fit(
    console: Console, model: "Described", info: "NetworkInfo", task: str, how: "How"
) -> None:
    """Refuse or question options that do not fit the model, once and not for every picture.

    Args:
        console: for questions.
        model: what runs.
        info: of its network.
        task: that it runs for.
        how: what the options say.

    Raises:
        RestoreError: the model takes no such level.
    """
    if how.level is not None:
        from restore_cli.engine.level import check_level, quantity_of

        quantity = quantity_of(info)
        if not quantity:
            raise RestoreError(
                f"the model {model.name} takes no level",
                hint="leave --level and --sigma out; --strength 0.5 does half of what it does",
            )
        if how.is_sigma and quantity != "sigma":
            raise RestoreError(
                f"--sigma is of noise, and the model {model.name} takes a level of {quantity}",
                hint="say it by --level, or leave it out",
            )
        check_level(info, how.level)
    if task != model.task:
        console.warn(f"the model {model.name} was trained for {model.task}, not for {task}")
