"""What is wrong with a picture, by windows of it: with torch, and where possible without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from restore_cli.engine.compiled import LEAST_SIDE, Compiled
from restore_cli.engine.global_context import whole_of
from restore_cli.engine.said import degradation
from restore_cli.engine.tiling import mirror, taken
from restore_cli.engine.windows import Pixels
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from torch import Tensor

    from restore_cli.engine.warm import Known
    from restore_cli.networks.base import Network

WINDOW = 256
"""px; side of the windows that are looked at, as in training."""
GRID = 3
"""At most this many windows along each side: looking at a large picture costs no more."""

Look = Callable[[Pixels], "dict[str, float]"]
"""Confidence of each degradation (and of "clean") in (3, H, W); they sum to 1."""


class Looker:
    """Tells what is wrong with pictures, with how much confidence.

    Args:
        network: an all-in-one network that has learnt to tell degradations.
        device: see `Restorer`.

    Raises:
        RestoreError: the network tells none.
    """

    def __init__(self, network: Network, device: str = "auto") -> None:
        from restore_cli.engine.backend import TorchBackend
        from restore_cli.engine.degradation_classifier import trained_classifier
        from restore_cli.engine.device import choose_device
        from restore_cli.networks.guided_unet import GuidedUNet

        self._guided = network if isinstance(network, GuidedUNet) else None
        guided = self._guided
        classifier = guided.trained_classifier() if guided else trained_classifier(network)
        if classifier is None:
            raise RestoreError(
                "this model does not tell what is wrong with a picture",
                hint="the shipped model auto does: leave --model out",
            )
        self.device = choose_device(device)
        self._classifier, self._network = classifier, network.eval()
        self._backend = TorchBackend(network)

    def __call__(self, image: Pixels) -> dict[str, float]:
        """See `Look`."""
        import torch

        self._backend.move(self.device)
        seen: list[Pixels] = []
        with torch.inference_mode():
            context = self._backend.context(torch.from_numpy(whole_of(image)))
            for window in windows_of(image, self._network.info.multiple):
                given = torch.from_numpy(window[None]).to(self.device)
                seen.append(self._told(given, context).float().cpu().numpy())
        return _shares(self._classifier.names, seen)

    def _told(self, window: Tensor, context: Tensor | None) -> Tensor:
        """How likely each degradation of a window (1, 3, h, w) is, (1, K)."""
        if self._guided is not None:
            told = self._guided.sources(self._guided.global_context(window))
        else:
            told = self._backend(window, None, context, "fp32").degradations
        assert told is not None
        return told


class WarmLooker:
    """The same by a guided network that an earlier process has left for OpenVINO; no torch.

    Args:
        known: of the network, see `can_look`.
        build: makes the `Looker` for pictures that are too small, once.
    """

    def __init__(self, known: Known, build: Callable[[], Look]) -> None:
        self._known, self._build = known, build
        self._compiled = Compiled(known.parts, lambda: known.threads)
        self._full: Look | None = None

    def __call__(self, image: Pixels) -> dict[str, float]:
        """See `Look`."""
        windows = windows_of(image, self._known.info.multiple)
        if min(windows[0].shape[1:]) < LEAST_SIDE:
            self._full = self._full or self._build()
            return self._full(image)
        contexts = (self._compiled.contexts(window[None]) for window in windows)
        told = [said for one in contexts if (said := self._compiled.said(one)) is not None]
        return _shares(self._known.names, [one.sources for one in told if one.sources is not None])


def can_look(known: Known | None) -> bool:
    """Whether what is known of a model is enough for a `WarmLooker`."""
    return known is not None and bool(known.names) and known.parts.said is not None


def windows_of(image: Pixels, multiple: int) -> list[Pixels]:
    """Evenly spread windows (3, h, w) of a picture, padded by reflection to the multiple."""
    rows, columns = (mirror(size, multiple) for size in image.shape[1:])
    side = -(-WINDOW // multiple) * multiple
    return [
        taken(taken(image, rows[top : top + side], 1), columns[left : left + side], 2)
        for top in _starts(len(rows), side)
        for left in _starts(len(columns), side)
    ]


def _starts(length: int, side: int) -> list[int]:
    last = max(0, length - side)
    count = min(GRID, -(-length // side))
    return sorted({round(last * k / max(1, count - 1)) for k in range(count)})


def _shares(names: Sequence[str], seen: Sequence[Pixels]) -> dict[str, float]:
    return cast("dict[str, float]", degradation(names, np.concatenate(seen))["degradations"])
