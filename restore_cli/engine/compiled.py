"""Models as OpenVINO computes them on a CPU, told and answering in arrays; no torch.

What lies in the cache is made by `engine.openvino`.
"""

import importlib.util
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from restore_cli.engine.fingerprint import versions
from restore_cli.engine.tail import FEATURES
from restore_cli.images.leftovers import temporary_folder
from restore_cli.models.openvino_core import core

LEAST_SIDE = 64
"""px; smaller windows are torch's: some networks pad by more than such a picture has."""
_FIXED = 2**17
"""px of a window from which, in fp32, it is compiled for its very shape: faster, 0.1 s once."""
_SHAPES = 8  # compiled and kept at once
_HINTS = {"fp32": "f32", "bf16": "bf16"}
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found when a model met this machine.

    Attributes:
        trouble: why its results in fp32 are not torch's; empty where they are.
        half: whether bf16 is faster and gives the same picture.
    """

    trouble: str = ""
    half: bool = False


class Parts(NamedTuple):
    """OpenVINO's models of one network.

    Attributes:
        windows: of `models.graph.Graph`, up to what `tail` is given.
        tail: what is computed in fp32 whatever the format, see `engine.tail`; None where all is in
            `windows`.
        context: of `models.graph.ContextGraph`; None for a network that asks nothing of the whole.
    """

    windows: Any
    tail: Any = None
    context: Any = None


def is_installed() -> bool:
    """Whether the extra `[fast]` is there; imports nothing."""
    return importlib.util.find_spec("openvino") is not None


class Compiled:
    """A network, compiled for each shape and number format at its first use.

    Args:
        parts: of the network.
        threads: how many compute, asked when something is compiled.

    Attributes:
        inputs: of windows, by name, in order: "image" and, as the network has them, "level" and
            "context".
        tells: whether it tells degradations.
    """

    def __init__(self, parts: Parts, threads: Callable[[], int]) -> None:
        import openvino

        self._core, self._tensor = core(), openvino.Tensor
        self._parts, self._threads = parts, threads
        self.inputs = [str(port.get_any_name()) for port in parts.windows.inputs]
        self.tells = len(parts.windows.outputs) > 1
        self._whole: Any = None
        self._ready: OrderedDict[tuple[object, ...], tuple[Any, Any]] = OrderedDict()

    def __call__(
        self, windows: Array, level: Array | None, context: Array | None, precision: str
    ) -> tuple[Array, Array | None]:
        """Compute windows (B, 3, h, w), all of one picture, whose context is (1, F).

        Returns:
            Of the same shape, not clamped; and (B, K), how likely each degradation is.
        """
        given = {"image": windows}
        if "level" in self.inputs:
            given["level"] = self._unknown(len(windows)) if level is None else level
        if "context" in self.inputs:
            assert context is not None
            given["context"] = np.repeat(context, len(windows), axis=0)
        # In bf16 the two ways round differently: a window would differ from the whole by 3/255.
        fixed = precision == "fp32" and windows.shape[2] * windows.shape[3] >= _FIXED
        request, tail = self._requests(precision, given, fixed=fixed)
        request.infer([np.ascontiguousarray(given[name]) for name in self.inputs])
        # The next call overwrites what the requests hold.
        told = request.get_output_tensor(1).data.copy() if self.tells else None
        if tail is None:
            return request.get_output_tensor(0).data.copy(), told
        tail.set_tensor(FEATURES, request.get_output_tensor(0))
        if len(self._parts.tail.inputs) > 1:
            tail.set_tensor("image", self._tensor(np.ascontiguousarray(given["image"])))
        tail.infer()
        return tail.get_output_tensor(0).data.copy(), told

    def context(self, patches: Array) -> Array:
        """What is said of a whole picture by its patches (N, 3, h, w), in fp32: (1, F)."""
        if self._whole is None:
            self._whole = self._made(self._parts.context, "fp32")
        self._whole.infer([np.ascontiguousarray(patches)])
        return self._whole.get_output_tensor(0).data.copy()

    def _unknown(self, count: int) -> Array:
        """A level that says nothing."""
        port = self._parts.windows.inputs[self.inputs.index("level")]
        shape = [axis.get_length() for axis in list(port.get_partial_shape())[1:]]
        return np.full((count, *shape), np.nan, np.float32)

    def _requests(
        self, precision: str, given: Mapping[str, Array], *, fixed: bool
    ) -> tuple[Any, Any]:
        """What computes these shapes in this format; compiled at its first use."""
        key = (precision, *(given["image"].shape if fixed else ()))
        if key not in self._ready:
            model, tail = self._parts.windows, self._parts.tail
            if fixed:
                model = model.clone()
                model.reshape({i: list(given[n].shape) for i, n in enumerate(self.inputs)})
                if tail is not None:
                    tail = tail.clone()
                    shapes = {FEATURES: model.output(0).shape, "image": given["image"].shape}
                    ports = [str(port.get_any_name()) for port in tail.inputs]
                    tail.reshape({i: list(shapes[name]) for i, name in enumerate(ports)})
            last = None if tail is None else self._made(tail, "fp32")
            self._ready[key] = self._made(model, precision), last
            if len(self._ready) > _SHAPES:
                self._ready.popitem(last=False)
        self._ready.move_to_end(key)
        return self._ready[key]

    def _made(self, model: Any, precision: str) -> Any:  # noqa: ANN401
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": self._threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        return self._core.compile_model(model, "CPU", settings).create_infer_request()


def surroundings() -> list[object]:
    """What a compiled model depends on beside its network: versions and the processor."""
    import openvino

    processor = core().get_property("CPU", "FULL_DEVICE_NAME")
    abilities = sorted(core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return [versions(), openvino.__version__, processor, abilities]


def packed(parts: Parts, verdict: Verdict) -> bytes:
    """Models and what was found of them, for the cache."""
    import openvino

    pieces: list[bytes] = []
    sizes: dict[str, tuple[int, int]] = {}
    with temporary_folder() as folder:
        graph, weights = folder / "model.xml", folder / "model.bin"
        for name, model in parts._asdict().items():
            if model is not None:
                openvino.serialize(model, graph, weights)
                pieces += [graph.read_bytes(), weights.read_bytes()]
                sizes[name] = len(pieces[-2]), len(pieces[-1])
    head = {**asdict(verdict), "sizes": sizes}
    return json.dumps(head).encode() + b"\n" + b"".join(pieces)


def unpacked(data: bytes) -> tuple[Parts, Verdict]:
    """The inverse of `packed`."""
    head, _, rest = data.partition(b"\n")
    told = json.loads(head)
    models, start = dict[str, Any](), 0
    sizes: dict[str, tuple[int, int]] = told.pop("sizes")
    for name, (graph, weights) in sizes.items():
        middle, stop = start + graph, start + graph + weights
        models[name] = core().read_model(rest[start:middle], rest[middle:stop])
        start = stop
    return Parts(**models), Verdict(**told)
