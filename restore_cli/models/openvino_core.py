"""OpenVINO, loaded once, and telling nobody."""

import contextlib
import os
import sys
from collections.abc import Generator
from functools import cache
from typing import Any, cast

_CONVERTER = "openvino.tools.ovc"
"""Of models of other libraries. OpenVINO imports it along, and does without where it is missing."""


@cache
def library() -> Any:  # noqa: ANN401 - the package ships no types
    """The package `openvino` without its converter.

    The converter takes longer to import than all the rest, and reports each import to its makers,
    from a process of its own.
    """
    modules = cast("dict[str, object]", sys.modules)
    left_out = _CONVERTER not in modules
    if left_out:
        modules[_CONVERTER] = None  # as Python says of a module that must not be imported
    try:
        import openvino
    finally:
        if left_out:
            del modules[_CONVERTER]
    return openvino


@contextlib.contextmanager
def converter() -> Generator[Any]:
    """What converts models, inside the block: it reports its use, except where it is tested."""
    library()
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        from openvino.tools.ovc import convert_model

        yield convert_model
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before


@cache
def core() -> Any:  # noqa: ANN401 - openvino's Core
    """OpenVINO's one core of this process, which is never given back.

    On processors with matrix units its CPU plugin gives the thread that loads it a stack for
    signals, and frees that when the last core goes: in another thread, the first one keeps an
    address where nothing is, and its next signal (Ctrl-C, the end of a child) is its end.
    """
    return library().Core()
