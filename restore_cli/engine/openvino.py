"""OpenVINO computes networks on CPUs, faster than torch; only where the pictures are the same."""

import json
import time
from collections.abc import Sequence
from typing import overload

import torch
from torch import Tensor

from restore_cli.engine.agreement import disagreement, probes, results
from restore_cli.engine.backend import Backend, Computed
from restore_cli.engine.cache import Cache, cache_folder
from restore_cli.engine.compiled import (
    LEAST_SIDE,
    Array,
    Compiled,
    Parts,
    Verdict,
    is_installed,
    packed,
    surroundings,
    unpacked,
)
from restore_cli.engine.device import Precision
from restore_cli.engine.fingerprint import fingerprint
from restore_cli.engine.front import apart
from restore_cli.engine.said import Said
from restore_cli.engine.tiling import round_up
from restore_cli.models.graph import ContextGraph, Graph, SaidGraph
from restore_cli.models.portable import openvino_model
from restore_cli.networks.base import Network
from restore_cli.networks.guided_unet import GuidedUNet

__all__ = ["OpenVINOBackend", "UnsuitableError", "Verdict", "is_installed", "key_of", "load"]

_CORNERS = range(0, 128, 16)  # of windows of the probe
_OF_FILTERS = 1.5  # matrices of waves, in fp32, where torch transforms in place
_GAIN = 0.8  # bf16 must take less than this share of fp32's time


class UnsuitableError(Exception):
    """OpenVINO cannot compute this network, or computes something else; the message says why."""


class OpenVINOBackend:
    """Computes one network on the CPU.

    Args:
        fallback: torch's backend of the same network, for the windows that are too small.
        parts: OpenVINO's models of it.
    """

    name = "openvino"

    def __init__(self, fallback: Backend, parts: Parts) -> None:
        self._fallback, self._parts = fallback, parts
        self._compiled = Compiled(parts, torch.get_num_threads)
        self.appetite = _OF_FILTERS if parts.front is not None else 1.0

    def __call__(
        self, windows: Tensor, level: Tensor | None, context: Tensor | None, precision: Precision
    ) -> Computed:
        """See `Backend`."""
        if min(windows.shape[2:]) < LEAST_SIDE:
            return self._fallback(windows, level, context, precision)
        image, told = self._compiled(_array(windows), _array(level), _array(context), precision)
        degradations = None if told is None else torch.from_numpy(told)
        return Computed(torch.from_numpy(image), degradations, self.name)

    def context(self, patches: Tensor) -> Tensor | None:
        """See `Backend`."""
        if self._parts.context is None or min(patches.shape[2:]) < LEAST_SIDE:
            return self._fallback.context(patches)
        return torch.from_numpy(self._compiled.context(_array(patches)))

    def said(self, context: Tensor) -> Said | None:
        """See `Backend`."""
        return self._compiled.said(_array(context))

    def forget(self) -> None:
        """See `Backend`."""
        self._compiled.forget()


@overload
def _array(tensor: Tensor) -> Array: ...
@overload
def _array(tensor: Tensor | None) -> Array | None: ...
def _array(tensor: Tensor | None) -> Array | None:
    return None if tensor is None else tensor.detach().numpy()


def load(network: Network, exact: Backend) -> tuple[OpenVINOBackend, Verdict, str]:
    """A network for OpenVINO, from the cache or made and put there.

    Args:
        network: in eval mode, on the CPU.
        exact: torch's backend of it.

    Returns:
        The backend, what is known of it, and a note about the cache for the user, mostly empty.

    Raises:
        UnsuitableError: it cannot compute this network, or gives another picture than torch.
    """
    cache = Cache(cache_folder())
    key = key_of(network)
    note = ""
    try:
        kept = cache.get(key)
        if kept is None:
            # As later processes read it, which may round otherwise than what was just converted.
            parts, _ = unpacked(packed(_converted(network), Verdict()))
            backend = OpenVINOBackend(exact, parts)
            verdict = _judged(network, backend, exact)
            backend.forget()
            note = cache.put(key, packed(parts, verdict))
        else:
            parts, verdict = unpacked(kept)
            backend = OpenVINOBackend(exact, parts)
    except UnsuitableError:
        raise
    except Exception as error:  # OpenVINO raises its own zoo of errors
        reason = str(error).strip().partition("\n")[0]
        raise UnsuitableError(f"it cannot take this model ({reason})") from error
    if verdict.trouble:
        raise UnsuitableError(verdict.trouble)
    return backend, verdict, note


def key_of(network: Network) -> str:
    """Everything that the compiled model and the verdict depend on."""
    return json.dumps([fingerprint(network), *surroundings()])


def _converted(network: Network) -> Parts:
    windows = apart(openvino_model(Graph(network, context=True)))
    context = openvino_model(ContextGraph(network)) if network.info.context else None
    said = openvino_model(SaidGraph(network)) if isinstance(network, GuidedUNet) else None
    return Parts(*windows, context, said)


def _judged(network: Network, backend: OpenVINOBackend, exact: Backend) -> Verdict:
    """Compare with torch on the probes, and the formats with each other."""
    expected = results(exact, network, "fp32")
    trouble = disagreement(expected, results(backend, network, "fp32"))
    if trouble:
        return Verdict(trouble)
    if disagreement(expected, results(backend, network, "bf16")):
        return Verdict(alike=_alike(network, backend, ("fp32",)))
    picture = probes(network.info)[0]
    context = backend.context(picture)
    times: dict[Precision, float] = {"fp32": float("inf"), "bf16": float("inf")}
    for _ in range(3):
        for name, fastest in times.items():
            start = time.perf_counter()
            backend(picture, None, context, name)
            times[name] = min(fastest, time.perf_counter() - start)
    half = times["bf16"] < _GAIN * times["fp32"]
    return Verdict(half=half, alike=_alike(network, backend, ("fp32", "bf16")))


def _alike(network: Network, backend: OpenVINOBackend, formats: Sequence[Precision]) -> bool:
    """Whether windows come out the same, computed together or alone."""
    picture = probes(network.info)[0]
    side = round_up(LEAST_SIDE, network.info.multiple)
    windows = torch.cat([picture[..., at : at + side, at : at + side] for at in _CORNERS])
    context = backend.context(windows)

    def made(some: Tensor, precision: Precision) -> Tensor:
        return backend(some, None, context, precision).image

    for name in formats:
        alone = torch.cat([made(one[None], name) for one in windows])
        # Each number of them may go another way: so many side by side, so many in each.
        for count in (8, 5, 4, 2):
            if not torch.equal(made(windows[:count], name), alone[:count]):
                return False
    return True
