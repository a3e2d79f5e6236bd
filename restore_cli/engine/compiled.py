"""Models as OpenVINO computes them on a CPU, told and answering in arrays; no torch.

What lies in the cache is made by `engine.openvino`.
"""

import importlib.util
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from restore_cli.engine.fingerprint import versions
from restore_cli.engine.front import SEEN
from restore_cli.engine.said import Said
from restore_cli.images.leftovers import temporary_folder
from restore_cli.models.openvino_core import core, library

LEAST_SIDE = 64
"""px; smaller windows are torch's: some networks pad by more than such a picture has."""
_FIXED = 2**17
"""px of a window from which, in fp32, it is compiled for its very shape: faster, 0.1 s once."""
_FORM = "filters of 32 px apart, windows side by side, what is read from the context"
"""Of what is kept: changed with the code that makes it, where versions are the same."""
_SHAPES = 8  # compiled and kept at once
_INPUTS = ("image", "level", "context")
_MADE = "made"
_HINTS = {"fp32": "f32", "bf16": "bf16"}
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found when a model met this machine.

    Attributes:
        trouble: why its results in fp32 are not torch's; empty where they are.
        half: whether bf16 is faster and gives the same picture.
        alike: whether windows come out the same to the last bit, computed together or alone.
    """

    trouble: str = ""
    half: bool = False
    alike: bool = False


class Parts(NamedTuple):
    """OpenVINO's models of one network.

    Attributes:
        windows: of `models.graph.Graph`, without its front.
        front: what is computed in fp32 whatever the format, see `engine.front`; None where it is in
            `windows`.
        context: of `models.graph.ContextGraph`; None for a network that asks nothing of the whole.
        said: of `models.graph.SaidGraph`; None for a network that reads nothing from the context.
    """

    windows: Any
    front: Any = None
    context: Any = None
    said: Any = None


class _Requests(NamedTuple):
    """What computes the parts of windows; None where they lack a front."""

    windows: Any
    front: Any


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
        self._core, self._tensor = core(), library().Tensor
        self._parts, self._threads = parts, threads
        asking = [parts.windows] if parts.front is None else [parts.front, parts.windows]
        ports = {name: port for model in asking for name, port in _ports(model).items()}
        ports.pop(SEEN, None)
        self._ports = {name: ports[name] for name in _INPUTS if name in ports}
        self.inputs = list(self._ports)
        self.tells = len(parts.windows.outputs) > 1
        self._whole: Any = None
        self._reader: Any = None
        self._ready: OrderedDict[tuple[object, ...], list[_Requests]] = OrderedDict()

    def __call__(
        self, windows: Array, level: Array | None, context: Array | None, precision: str
    ) -> tuple[Array, Array | None]:
        """Compute windows (B, 3, h, w) of one picture, whose context is (1, F), or each its own.

        Several go side by side, each on cores of its own: threads that share one wait for each
        other at every layer, the more so beside other work.

        Returns:
            Of the same shape, not clamped; and (B, K), how likely each degradation is.
        """
        given = {"image": windows}
        if "level" in self.inputs:
            given["level"] = self._unknown(len(windows)) if level is None else level
        if "context" in self.inputs:
            assert context is not None
            each = len(windows) if len(context) == 1 else 1
            given["context"] = np.repeat(context, each, axis=0)
        # In bf16 the two ways round differently: a window would differ from the whole by 3/255.
        fixed = precision == "fp32" and windows.shape[2] * windows.shape[3] >= _FIXED
        sides = math.gcd(len(windows), self._threads())
        requests = self._requests(precision, given, sides, fixed=fixed)
        shares = _shared(given, sides)
        tensors = [{name: self._tensor(one) for name, one in share.items()} for share in shares]
        try:
            if requests[0].front is not None:
                _infer([one.front for one in requests], tensors, SEEN)
            _infer([one.windows for one in requests], tensors, _MADE)
        except RuntimeError:
            self.forget()  # one may be under way yet
            raise
        # The next call overwrites what the requests hold.
        made = np.concatenate([one[_MADE].data for one in tensors])
        if not self.tells:
            return made, None
        told = [one.windows.get_output_tensor(1).data for one in requests]
        return made, np.concatenate(told)

    def context(self, patches: Array) -> Array:
        """What is said of a whole picture by its patches (N, 3, h, w), in fp32: (1, F)."""
        return self.contexts(patches).mean(axis=0, keepdims=True)

    def contexts(self, patches: Array) -> Array:
        """What is said of each of some patches (N, 3, h, w), in fp32: (N, F)."""
        if self._whole is None:
            (self._whole,) = self._made(self._parts.context, "fp32")
        self._whole.infer([np.ascontiguousarray(patches)])
        return self._whole.get_output_tensor(0).data.copy()

    def said(self, context: Array) -> Said | None:
        """What is read from the context (1, F) of a picture, in fp32; None where nothing is."""
        if self._parts.said is None:
            return None
        if self._reader is None:
            (self._reader,) = self._made(self._parts.said, "fp32")
        self._reader.infer([np.ascontiguousarray(context)])
        told = [one.data.copy() for one in self._reader.output_tensors]
        return Said(*told)

    def forget(self) -> None:
        """Give back what earlier windows took; it is compiled again when it is needed."""
        self._ready.clear()

    def _unknown(self, count: int) -> Array:
        """A level that says nothing."""
        shape = [axis.get_length() for axis in list(self._ports["level"].get_partial_shape())[1:]]
        return np.full((count, *shape), np.nan, np.float32)

    def _requests(
        self, precision: str, given: Mapping[str, Array], sides: int, *, fixed: bool
    ) -> list[_Requests]:
        """What computes shares of these shapes in this format; compiled at its first use."""
        key = (precision, sides, *(given["image"].shape if fixed else ()))
        if key not in self._ready:
            model, front = self._parts.windows, self._parts.front
            if fixed:
                shapes = {name: [len(one) // sides, *one.shape[1:]] for name, one in given.items()}
                if front is not None:
                    front = _shaped(front, shapes)
                    shapes[SEEN] = list(front.output(0).shape)
                model = _shaped(model, shapes)
            none = [None] * sides
            self._ready[key] = [
                _Requests(*each)
                for each in zip(
                    self._made(model, precision, sides),
                    none if front is None else self._made(front, "fp32", sides),
                    strict=True,
                )
            ]
            if len(self._ready) > _SHAPES:
                self._ready.popitem(last=False)
        self._ready.move_to_end(key)
        return self._ready[key]

    def _made(self, model: Any, precision: str, sides: int = 1) -> list[Any]:  # noqa: ANN401
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": self._threads(),
            "NUM_STREAMS": sides,
            # A thread that is tied to a core waits while other work has that one.
            "ENABLE_CPU_PINNING": False,
        }
        made = self._core.compile_model(model, "CPU", settings)
        return [made.create_infer_request() for _ in range(sides)]


def _ports(model: Any) -> dict[str, Any]:  # noqa: ANN401
    return {_name(port): port for port in model.inputs}


def _name(port: Any) -> str:  # noqa: ANN401
    """Of an input; one that the graph only cuts is also called as what that gives."""
    names = [str(name) for name in port.get_names()]
    return next((name for name in names if name in (*_INPUTS, SEEN)), names[0])


def _shaped(model: Any, shapes: Mapping[str, list[int]]) -> Any:  # noqa: ANN401
    """A model for inputs of these shapes alone."""
    shaped = model.clone()
    shaped.reshape({index: shapes[name] for index, name in enumerate(_ports(model))})
    return shaped


def _shared(given: Mapping[str, Array], sides: int) -> list[dict[str, Array]]:
    """What is given in equal shares, each in one piece of memory."""
    split = {name: np.split(np.ascontiguousarray(one), sides) for name, one in given.items()}
    return [{name: pieces[side] for name, pieces in split.items()} for side in range(sides)]


def _infer(requests: Sequence[Any], tensors: Sequence[dict[str, Any]], output: str) -> None:
    """Compute all at once; the first outputs, until the next call, join the tensors."""
    for request, told in zip(requests, tensors, strict=True):
        for index, port in enumerate(request.model_inputs):
            request.set_input_tensor(index, told[_name(port)])
    if len(requests) == 1:
        requests[0].infer()
    else:
        for request in requests:
            request.start_async()
        for request in requests:
            request.wait()
    for request, told in zip(requests, tensors, strict=True):
        told[output] = request.get_output_tensor(0)


def surroundings() -> list[object]:
    """What a compiled model depends on beside its network: versions and the processor."""
    processor = core().get_property("CPU", "FULL_DEVICE_NAME")
    abilities = sorted(core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return [_FORM, versions(), library().__version__, processor, abilities]


def packed(parts: Parts, verdict: Verdict) -> bytes:
    """Models and what was found of them, for the cache."""
    pieces: list[bytes] = []
    sizes: dict[str, tuple[int, int]] = {}
    with temporary_folder() as folder:
        graph, weights = folder / "model.xml", folder / "model.bin"
        for name, model in parts._asdict().items():
            if model is not None:
                library().serialize(model, graph, weights)
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
