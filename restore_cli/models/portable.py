"""Models in the formats of other runtimes: ONNX and OpenVINO, checked against torch."""

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.folders import make_folder
from restore_cli.images.atomic import write_together
from restore_cli.images.leftovers import temporary_folder
from restore_cli.models.graph import Graph, Traced, unknown_level
from restore_cli.models.openvino_core import converter, core, library
from restore_cli.models.zoo import Model

OPSET = 18
_LARGEST = 1e-3
"""Difference to torch in fp32 at any place, on the scale 0 to 1: a quarter of a step of 8 bits."""
_SIZES = ((96, 160), (192, 128))
Run = Callable[[list[Tensor]], Tensor]


def export_onnx(model: Model, path: Path) -> None:
    """Write an ONNX file of opset `OPSET` that takes pictures of any size.

    Inputs are `image` (B, 3, H, W) in [0, 1], and `level` for networks that take one, NaN where
    it is unknown; the picture is taken for the whole one. The output is `restored`, not clamped,
    and `degradations` of networks that tell them. The metadata says what else must be known.

    Raises:
        RestoreError: the extra `[onnx]` is missing, the network cannot be exported, the result
            differs from torch's, or the file cannot be written.
    """
    _need("onnx", "onnx")
    _need("onnxruntime", "onnx")
    import onnx
    import onnxruntime

    graph, outputs = _graph(model)
    axes = {name: {0: "batch"} for name in (*graph.inputs, *outputs)}
    for name in ("image", "restored"):
        axes[name] |= {2: "height", 3: "width"}
    with temporary_folder() as folder:
        file = folder / "model.onnx"
        traced, example = graph.traced(), graph.example()
        # The exporter prints graphs; standard output is for results.
        quiet = contextlib.redirect_stdout(io.StringIO())
        with quiet, warnings.catch_warnings(), torch.inference_mode(mode=False), torch.no_grad():
            warnings.simplefilter("ignore")
            try:
                torch.onnx.export(
                    traced,
                    example,
                    str(file),
                    input_names=graph.inputs,
                    output_names=outputs,
                    dynamic_axes=axes,
                    opset_version=OPSET,
                    dynamo=False,
                )
            except Exception as error:  # The exporter raises its own zoo of errors.
                reason = str(error).partition("\n")[0]
                raise RestoreError(f"{model.name} cannot be exported to ONNX: {reason}") from error
        made = onnx.load(str(file))
    for key, value in _metadata(model).items():
        made.metadata_props.add(key=key, value=value)
    data = made.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def run(told: list[Tensor]) -> Tensor:
        given = {n: t.numpy() for n, t in zip(graph.inputs, told, strict=True)}
        return torch.from_numpy(session.run(["restored"], given)[0])

    _check(model, graph, run)
    _write({path: data})


def export_openvino(model: Model, folder: Path) -> None:
    """Write `model.xml` and `model.bin`; inputs, outputs and checks as in `export_onnx`.

    Raises:
        RestoreError: as `export_onnx`, the extra is `[fast]`.
    """
    _need("openvino", "fast")
    graph, outputs = _graph(model)
    made = openvino_model(graph)
    for port, name in zip(made.outputs, outputs, strict=True):
        port.get_tensor().set_names({name})
    for key, value in _metadata(model).items():
        made.set_rt_info(value, ["restore", key])
    compiled = core().compile_model(made, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(told: list[Tensor]) -> Tensor:
        return torch.from_numpy(compiled([t.numpy() for t in told])[0].copy())

    _check(model, graph, run)
    with temporary_folder() as temporary:
        files = [temporary / name for name in ("model.bin", "model.xml")]
        library().serialize(made, files[1], files[0])
        _write({folder / file.name: file.read_bytes() for file in files})


def openvino_model(graph: Traced) -> Any:  # noqa: ANN401 - the package ships no types
    """A graph as OpenVINO's model, of free batch, height and width, inputs named as the graph's."""
    example = graph.example()
    shapes = [[-1, *([3, -1, -1] if e.ndim == 4 else e.shape[1:])] for e in example]
    traced = graph.traced()
    with converter() as convert_model:
        model = convert_model(traced, example_input=example, input=shapes)
    for port, name in zip(model.inputs, graph.inputs, strict=True):
        port.get_tensor().set_names({name})
    return model


def _graph(model: Model) -> tuple[Graph, list[str]]:
    if model.network.info.foreign:
        raise RestoreError(
            f"{model.name} cannot be exported: its network is spandrel's, and its graph may change "
            "with the size of the picture",
            hint="networks of this program can: `restore models list`",
        )
    graph = Graph(model.network, context=False)
    return graph, ["restored", *graph.outputs[1:]]


def _metadata(model: Model) -> dict[str, str]:
    info = model.network.info
    licence = model.recipe.model.licence if model.recipe else ""
    return {
        "name": model.name,
        "task": model.task,
        "multiple": str(info.multiple),
        "range": "0..1, sRGB" if info.input == "srgb" else "0..1, Bayer mosaic RGGB",
        "level": info.level or "",
        "licence": licence,
        "sha256": model.sha256,
    }


def _check(model: Model, graph: Graph, run: Run) -> None:
    """Compare with torch on two sizes, neither of them the one that was traced."""
    multiple = model.network.info.multiple
    generator = torch.Generator().manual_seed(0)
    for size in _SIZES:
        height, width = (-(-side // multiple) * multiple for side in size)
        told = [torch.rand(1, 3, height, width, generator=generator)]
        level = unknown_level(model.network.info, 1)
        told += [] if level is None else [level]
        with torch.inference_mode():
            expected = graph(*told)[0]
        worst = float((run(told) - expected).abs().max())
        if not worst <= _LARGEST:
            raise RestoreError(
                f"the exported {model.name} differs from torch by {worst:.2g} at {height} x {width}"
                " px: nothing written"
            )


def _need(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise RestoreError(
            f"{module} is not installed", hint=f'`pip install "restore-cli[{extra}]"` installs it'
        )


def _write(files: dict[Path, bytes]) -> None:
    """All of them or none, in folders that are made where they are missing."""
    try:
        for path in files:
            make_folder(path.parent)
    except OSError as error:
        raise RestoreError(
            f"cannot write {next(iter(files))}: {error.strerror}", hint="choose another place"
        ) from error
    write_together(files)
