"""Objectives with one habit each that the training loop has to bear."""

import math
from collections.abc import Iterator

import torch
from torch import nn

from restore_cli.data.sample import Batch
from restore_cli.methods.base import Objective, Step, within
from restore_cli.methods.supervised.objective import Supervised
from restore_cli.networks.base import Network


class Drawing(Supervised):
    """An objective that draws random numbers of its own."""

    def steps(self, batch: Batch) -> Iterator[Step]:
        for turn in super().steps(batch):
            yield Step(turn.module, turn.loss * (0.5 + torch.rand(())))


class Faulty(Supervised):
    """Supervised, but the loss of some calls is spoilt."""

    calls = 0
    spoilt: tuple[int, ...] = ()
    add: float = math.nan

    def steps(self, batch: Batch) -> Iterator[Step]:
        for turn in super().steps(batch):
            spoilt = Faulty.calls in Faulty.spoilt
            Faulty.calls += 1
            # A constant that is not finite leaves every gradient as it is.
            yield Step(turn.module, turn.loss + Faulty.add) if spoilt else turn


class Alternating(Objective):
    """A discriminator moves first, then the network, on a loss that both take part in."""

    single_step = False
    needs_pairs = True
    seen: list[tuple[float, float]]

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.modules["discriminator"] = nn.Conv2d(3, 1, 1)
        Alternating.seen = []

    def steps(self, batch: Batch) -> Iterator[Step]:
        self._note()
        for module in ("discriminator", "network"):
            output = within(self.modules["network"], lambda: self.network(batch.image, batch.sigma))
            score = self.modules["discriminator"](output).square().mean()
            yield Step(module, score + (output - batch.target).abs().mean())
            self._note()

    def _note(self) -> None:
        sums = [
            sum(float(value.detach().double().sum()) for value in self.modules[name].parameters())
            for name in ("network", "discriminator")
        ]
        Alternating.seen.append((sums[0], sums[1]))
