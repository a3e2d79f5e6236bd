"""What of a network must keep all its digits, apart from the rest: the filters before it.

Filters before the first convolution are matrix products here (`networks.fourier`), whose large sums
bf16 ruins: of a network that filters first nothing could be computed in it.
"""

from typing import Any, NamedTuple

from restore_cli.models.openvino_core import library

SEEN = "seen"
_CONVOLUTIONS = ("Convolution", "GroupConvolution")


class Apart(NamedTuple):
    """OpenVINO's model of `models.graph.Graph` in one or two.

    Attributes:
        rest: what may be computed in bf16; "seen" stands for the picture where there is a `front`.
        front: the filters before the first convolution, which make "seen"; None without any.
    """

    rest: Any
    front: Any = None


def apart(model: Any) -> Apart:  # noqa: ANN401 - the package ships no types
    """Cut off what must be computed in fp32."""
    firsts = _first_convolutions(model)
    if len(firsts) != 1 or "MatMul" not in firsts[0][1]:
        return Apart(model)
    first = firsts[0][0]
    front, body = model.clone(), model.clone()
    openvino = library()
    made = openvino.opset13.result(_named(front, first).input_value(0))
    front = openvino.Model([made], _used(front, [made]), "front")
    _feed(_named(body, first), seen := _parameter(_named(body, first), SEEN))
    results = body.get_results()
    inputs = [seen, *_used(body, results)]
    return Apart(openvino.Model(results, inputs, "rest"), front)


def _parameter(convolution: Any, name: str) -> Any:  # noqa: ANN401
    """An input to stand for what a convolution is given."""
    shape = convolution.input_value(0).get_partial_shape()
    parameter = library().opset13.parameter(shape, library().Type.f32)
    parameter.output(0).get_tensor().set_names({name})
    return parameter


def _feed(convolution: Any, parameter: Any) -> None:  # noqa: ANN401
    convolution.input(0).replace_source_output(parameter.output(0))


def _used(model: Any, nodes: list[Any]) -> list[Any]:  # noqa: ANN401
    """The inputs of a model, as it was made, of which nodes are computed."""
    above = _above(nodes)
    return [one for one in model.get_parameters() if one.get_friendly_name() in above]


def _first_convolutions(model: Any) -> list[tuple[str, set[str]]]:  # noqa: ANN401
    """Names of those that are given nothing of another, and what kinds of nodes they are."""
    found: list[tuple[str, set[str]]] = []
    for node in model.get_ordered_ops():
        if node.get_type_name() in _CONVOLUTIONS:
            kinds = set(_above([node.input_value(0).get_node()]).values())
            if kinds.isdisjoint(_CONVOLUTIONS):
                found.append((node.get_friendly_name(), kinds))
    return found


def _above(nodes: list[Any]) -> dict[str, str]:
    """Kinds of all that nodes are computed of, by name; their own too."""
    kinds: dict[str, str] = {}
    ahead = list(nodes)
    while ahead:
        one = ahead.pop()
        if one.get_friendly_name() not in kinds:
            kinds[one.get_friendly_name()] = one.get_type_name()
            ahead += [source.get_node() for source in one.input_values()]
    return kinds


def _named(model: Any, name: str) -> Any:  # noqa: ANN401
    return next(one for one in model.get_ops() if one.get_friendly_name() == name)
