"""What the training loop knows of a method: modules, and steps that move them on their losses."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from torch import Tensor, nn

from restore_cli.data.sample import Batch
from restore_cli.networks.base import Network
from restore_cli.recipe import DataSection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """One move of one or more modules.

    Attributes:
        module: name of the module whose optimiser steps.
        loss: scalar with a gradient.
        terms: parts of the loss to log, detached scalars.
        together: further modules that step on the same loss.
    """

    module: str
    loss: Tensor
    terms: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    together: tuple[str, ...] = ()

    @property
    def modules(self) -> tuple[str, ...]:
        """All modules that step."""
        return (self.module, *self.together)


class Trained(nn.Module):
    """A network as training calls it: whatever it is asked passes through `forward`.

    The loop wraps modules for several processes and number formats, and these wrappers see nothing
    but `forward`. So an objective hands it what to compute, see `within`.

    Args:
        network: what learns.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, compute: Callable[[], T]) -> T:
        """Run `compute`, which calls methods of the network."""
        return compute()


def within(module: nn.Module, compute: Callable[[], T]) -> T:
    """Run `compute` inside a `Trained`, wrapped or not.

    Args:
        module: a `Trained` as the loop prepared it.
        compute: calls methods of its network.

    Returns:
        What `compute` returns, as the wrappers hand it on.
    """
    return cast("T", module(compute))


class Objective(ABC):
    """A network and its losses as one trainable thing.

    Attributes:
        modules: what learns, by name; the loop replaces them by their prepared (device, DDP)
            versions. "network" is the `Trained` around `network`.
        network: what becomes the model.
        single_step: whether `steps` yields exactly once, so that gradients may be accumulated.
        needs_pairs: whether `image` and `target` must show the same thing.

    Args:
        network: see there.
    """

    single_step: bool
    needs_pairs: bool

    def __init__(self, network: Network) -> None:
        self.network = network
        self.modules: dict[str, nn.Module] = {"network": Trained(network)}

    @abstractmethod
    def steps(self, batch: Batch) -> Iterator[Step]:
        """Yield moves; the loop steps the modules before it resumes the generator."""

    def on_fit_start(self, data: DataSection) -> None:  # noqa: B027
        """Learn of the data, before the modules are prepared.

        Args:
            data: the recipe's section.

        Raises:
            RestoreError: it does not fit the objective.
        """

    @property
    def steps_after(self) -> float:
        """How many steps' time `on_train_end` takes, about: training by the clock leaves that."""
        return 0.0

    def on_train_end(self, network: Network, batches: Iterable[Batch]) -> None:  # noqa: B027
        """Measure the averaged network after the last step.

        Args:
            network: the averaged weights of what becomes the model; its buffers may be changed.
            batches: more of what it was trained on; drawn only as far as they are read.
        """
