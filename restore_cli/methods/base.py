"""What the training loop knows of a method: players, and turns that say who moves on which loss."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

Batch = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Turn:
    """One player's move.

    Attributes:
        player: name of the network whose optimiser steps.
        loss: scalar with a gradient.
        terms: parts of the loss to log, detached scalars.
        also: further players that step on the same loss.
    """

    player: str
    loss: Tensor
    terms: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    also: tuple[str, ...] = ()

    @property
    def movers(self) -> tuple[str, ...]:
        """All players that step."""
        return (self.player, *self.also)


class Objective(Protocol):
    """A network and its losses as one trainable thing.

    Attributes:
        players: networks by name; the loop replaces them by their prepared (device, DDP) versions.
        exported: name of the player that becomes the model.
        single_turn: whether `turns` yields exactly once, so that gradients may be accumulated.
        needs_pairs: whether `image` and `target` must show the same thing.
    """

    players: dict[str, nn.Module]
    exported: str
    single_turn: bool
    needs_pairs: bool

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield moves; the loop steps the player before it resumes the generator."""
        ...


@runtime_checkable
class KnowsSources(Protocol):
    """An objective that tells samples by the source of their degradation."""

    def meet(self, shares: Mapping[str, float]) -> None:
        """Get to know the sources that the data names, before the players are prepared.

        Args:
            shares: of the samples by source, in the order of the labels; empty where none is named.
        """
        ...

    def settle(self, network: nn.Module, batches: Iterable[Batch]) -> None:
        """Measure, after the last step, what the averaged network makes of the sources.

        Args:
            network: the averaged weights of the player that is exported; its buffers are changed.
            batches: more of what it was trained on.
        """
        ...
