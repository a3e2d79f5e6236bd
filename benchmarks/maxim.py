"""Run a MAXIM model of the npm packages @upscalerjs/maxim-* on pictures, with TensorFlow alone.

    PYTHON_WITH_TENSORFLOW maxim.py MODEL_JSON IN_FOLDER OUT_FOLDER

Called by `peers.py`, in an environment of its own: TensorFlow and torch need not live together.
Pictures are .npy files, (H, W, 3) float32 in [0, 1], and so are results, beside `facts.json` with
the seconds that each took and the number of parameters. MAXIM: Tu et al., CVPR 2022; the packages'
models are its authors' (Apache-2.0), converted by UpscalerJS.
"""

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

MULTIPLE = 64  # px; its blocks and grids divide the picture

_TYPES = {"float32": "DT_FLOAT", "int32": "DT_INT32", "bool": "DT_BOOL"}


def main(model: Path, given: Path, out: Path) -> None:
    """Restore every picture of a folder."""
    import tensorflow as tf

    function, parameters = loaded(tf, model)
    seconds: dict[str, float] = {}
    for path in sorted(given.glob("*.npy")):
        picture = np.load(path)
        height, width = picture.shape[:2]
        more = [(0, -size % MULTIPLE) for size in (height, width)]
        padded = np.pad(picture, [*more, (0, 0)], mode="reflect")[None]
        begun = time.perf_counter()
        result = function(tf.constant(padded)).numpy()
        seconds[path.stem] = time.perf_counter() - begun
        np.save(out / path.name, result[0, :height, :width].astype(np.float32))
    facts = {"seconds": seconds, "parameters": parameters}
    (out / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def loaded(tf: Any, model: Path) -> tuple[Any, int]:  # noqa: ANN401
    """A graph model of TensorFlow.js as a function of one tensor, and how many weights it has."""
    from google.protobuf import json_format

    description = json.loads(model.read_text(encoding="utf-8"))
    weights = _weights(description["weightsManifest"], model.parent)
    topology = description["modelTopology"]
    for node in topology["node"]:
        if node["op"] == "Const":
            value = weights[node["name"]]
            node["attr"]["value"] = {"tensor": _tensor(value)}
        # Numbers that JSON keeps as text; names that are bytes are base64 there already.
        node.pop("inputs", None)
    graph = json_format.ParseDict(topology, tf.compat.v1.GraphDef(), ignore_unknown_fields=True)
    signature = description["signature"]
    source = next(iter(signature["inputs"].values()))["name"]
    target = next(iter(signature["outputs"].values()))["name"]
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    pruned = wrapped.prune(
        wrapped.graph.get_tensor_by_name(source), wrapped.graph.get_tensor_by_name(target)
    )
    count = sum(
        value.size for value in weights.values() if value.dtype == np.float32 and value.ndim
    )
    return pruned, count


def _weights(manifest: list[dict[str, Any]], folder: Path) -> dict[str, np.ndarray]:
    """By name; the shards of a group follow each other without gaps."""
    found: dict[str, np.ndarray] = {}
    for group in manifest:
        data = b"".join((folder / name).read_bytes() for name in group["paths"])
        at = 0
        for entry in group["weights"]:
            kind = np.dtype(entry["dtype"])
            count = int(np.prod(entry["shape"], dtype=np.int64))
            value = np.frombuffer(data, kind, count, at).reshape(entry["shape"])
            found[entry["name"]] = value
            at += value.nbytes
    return found


def _tensor(value: np.ndarray) -> dict[str, Any]:
    """A TensorProto in JSON."""
    shape = {"dim": [{"size": str(size)} for size in value.shape]}
    content = base64.b64encode(value.tobytes()).decode()
    return {"dtype": _TYPES[str(value.dtype)], "tensorShape": shape, "tensorContent": content}


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
