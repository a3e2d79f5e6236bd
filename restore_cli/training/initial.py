"""Fine-tuning: the weights that a run starts from."""

from torch import nn

from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.models.checkpoints import fitting
from restore_cli.networks.levels import LevelTable
from restore_cli.networks.weights import put_weights
from restore_cli.recipe import NetworkChoice

_MOST_NAMED = 3


def load_initial(network: nn.Module, choice: NetworkChoice) -> None:
    """Put the weights that the recipe starts from into a fresh network; none, where it names none.

    Args:
        network: built from `choice`; changed in place.
        choice: its `weights` are a shipped model's name, a model folder, or a file of weights.

    Raises:
        RestoreError: nothing there, unreadable, or tensors that do not fit: the first are named.
    """
    if choice.weights is None:
        return
    path = zoo.weights_file(choice.weights)
    wanted = network.state_dict()
    # What is learnt after training may be missing: older models lack it.
    later = {
        f"{prefix}.{name}"
        for prefix, module in network.named_modules()
        if isinstance(module, LevelTable)
        for name in module.state_dict()
    }
    state = fitting(zoo.read_weights(path)[0], wanted.keys())
    problems = [
        *(f"{name}: missing" for name in wanted if name not in state and name not in later),
        *(f"{name}: not in the network" for name in state if name not in wanted),
        *(
            f"{name}: {tuple(value.shape)}, the network has {tuple(wanted[name].shape)}"
            for name, value in state.items()
            if name in wanted and value.shape != wanted[name].shape
        ),
    ]
    if problems:
        more = f"; and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        raise RestoreError(
            f"network.weights = {choice.weights!r}: {path} does not fit the network"
            f" {choice.name!r}: " + "; ".join(problems[:_MOST_NAMED]) + more,
            hint="copy the [network] of the model's own recipe.toml,"
            " or start anew with --set network.weights=",
        )
    own = {name: value for name, value in wanted.items() if name not in state}
    try:
        put_weights(network, own | state)
    except RuntimeError as error:
        raise RestoreError(
            f"network.weights = {choice.weights!r}: {path}: {error}",
            hint="begin from other weights",
        ) from error
