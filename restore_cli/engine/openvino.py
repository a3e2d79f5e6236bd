"""OpenVINO computes networks on CPUs, faster than torch; only where the pictures are the same."""

import importlib.util
import json
import tempfile
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore_cli.engine.agreement import disagreement, probes, results
from restore_cli.engine.backend import Backend, Computed, context_of
from restore_cli.engine.cache import Cache, cache_folder
from restore_cli.engine.device import Precision
from restore_cli.engine.fingerprint import fingerprint, versions
from restore_cli.models.graph import Graph, unknown_level
from restore_cli.models.portable import openvino_model
from restore_cli.networks.base import Network

LEAST_SIDE = 64
"""px; smaller windows are torch's: some networks pad by more than such a picture has."""
_FIXED = 2**17
"""px of a window from which it is compiled for its very shape: a quarter faster, 0.1 s once."""
_SHAPES = 8  # compiled and kept at once
_GAIN = 0.8  # bf16 must take less than this share of fp32's time
_HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16"}


class UnsuitableError(Exception):
    """OpenVINO cannot compute this network, or computes something else; the message says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found when a model met this machine.

    Attributes:
        trouble: why its results in fp32 are not torch's; empty where they are.
        half: whether bf16 is faster and gives the same picture.
    """

    trouble: str = ""
    half: bool = False


def is_installed() -> bool:
    """Whether the extra `[fast]` is there; imports nothing."""
    return importlib.util.find_spec("openvino") is not None


class OpenVINOBackend:
    """Computes one network on the CPU.

    Args:
        network: in eval mode, on the CPU.
        fallback: torch's backend of the same network, for the windows that are too small.
        model: OpenVINO's, as `load` gives it.
    """

    name = "openvino"

    def __init__(self, network: Network, fallback: Backend, model: Any) -> None:  # noqa: ANN401
        import openvino

        self._core = openvino.Core()
        self._network, self._fallback, self._model = network, fallback, model
        graph = Graph(network, context=True)
        self._inputs, self._tells = graph.inputs, len(graph.outputs) > 1
        self._ready: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    def __call__(
        self, windows: Tensor, level: Tensor | None, context: Tensor | None, precision: Precision
    ) -> Computed:
        """See `Backend`."""
        if min(windows.shape[2:]) < LEAST_SIDE:
            return self._fallback(windows, level, context, precision)
        given = {"image": windows}
        if "level" in self._inputs:
            told = unknown_level(self._network.info, len(windows)) if level is None else level
            assert told is not None
            given["level"] = told
        if "context" in self._inputs:
            assert context is not None
            given["context"] = context.expand(len(windows), -1)
        request = self._request(given, precision)
        request.infer([given[name].detach().contiguous().numpy() for name in self._inputs])
        # The next call overwrites what the request holds.
        image = torch.from_numpy(request.get_output_tensor(0).data.copy())
        if not self._tells:
            return Computed(image, by=self.name)
        told = torch.from_numpy(request.get_output_tensor(1).data.copy())
        return Computed(image, told, self.name)

    def _request(self, given: dict[str, Tensor], precision: Precision) -> Any:  # noqa: ANN401
        """What computes these shapes in this format; compiled at its first use."""
        image = given["image"]
        fixed = image.shape[2] * image.shape[3] >= _FIXED
        key = (precision, *(image.shape if fixed else ()))
        if key not in self._ready:
            model = self._model
            if fixed:
                model = model.clone()
                model.reshape({i: list(given[n].shape) for i, n in enumerate(self._inputs)})
            settings = {
                "INFERENCE_PRECISION_HINT": _HINTS[precision],
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "PERFORMANCE_HINT": "LATENCY",
            }
            self._ready[key] = self._core.compile_model(
                model, "CPU", settings
            ).create_infer_request()
            if len(self._ready) > _SHAPES:
                self._ready.popitem(last=False)
        self._ready.move_to_end(key)
        return self._ready[key]


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
    key = _key(network)
    note = ""
    try:
        kept = _unpacked(cache.get(key))
        if kept is None:
            model = _converted(network)
            backend = OpenVINOBackend(network, exact, model)
            verdict = _judged(network, backend, exact)
            note = cache.put(key, _packed(model, verdict))
        else:
            model, verdict = kept
            backend = OpenVINOBackend(network, exact, model)
    except UnsuitableError:
        raise
    except Exception as error:  # OpenVINO raises its own zoo of errors
        reason = str(error).strip().partition("\n")[0]
        raise UnsuitableError(f"it cannot take this model ({reason})") from error
    if verdict.trouble:
        raise UnsuitableError(verdict.trouble)
    return backend, verdict, note


def _key(network: Network) -> str:
    """Everything that the compiled model and the verdict depend on."""
    import openvino

    processor = openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    abilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return json.dumps([
        fingerprint(network), versions(), openvino.__version__, processor, sorted(abilities),
    ])  # fmt: skip


def _converted(network: Network) -> Any:  # noqa: ANN401
    return openvino_model(Graph(network, context=True))


def _judged(network: Network, backend: OpenVINOBackend, exact: Backend) -> Verdict:
    """Compare with torch on the probes, and the formats with each other."""
    expected = results(exact, network, "fp32")
    trouble = disagreement(expected, results(backend, network, "fp32"))
    if trouble or disagreement(expected, results(backend, network, "bf16")):
        return Verdict(trouble)
    picture = probes(network.info)[0]
    context = context_of(network, picture)
    times: dict[Precision, float] = {"fp32": float("inf"), "bf16": float("inf")}
    for _ in range(3):
        for name, fastest in times.items():
            start = time.perf_counter()
            backend(picture, None, context, name)
            times[name] = min(fastest, time.perf_counter() - start)
    return Verdict(half=times["bf16"] < _GAIN * times["fp32"])


def _packed(model: Any, verdict: Verdict) -> bytes:  # noqa: ANN401
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        graph, weights = Path(folder) / "model.xml", Path(folder) / "model.bin"
        openvino.serialize(model, graph, weights)
        texts = graph.read_bytes()
        head = json.dumps({**asdict(verdict), "graph": len(texts)}).encode()
        return head + b"\n" + texts + weights.read_bytes()


def _unpacked(data: bytes | None) -> tuple[Any, Verdict] | None:
    if data is None:
        return None
    import openvino

    head, _, rest = data.partition(b"\n")
    told = json.loads(head)
    size = told.pop("graph")
    model = openvino.Core().read_model(rest[:size], rest[size:])
    return model, Verdict(**told)
