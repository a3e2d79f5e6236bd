"""OpenVINO, loaded once."""

from functools import cache
from typing import Any


@cache
def core() -> Any:  # noqa: ANN401 - openvino's Core
    """OpenVINO's one core of this process, which is never given back.

    On processors with matrix units its CPU plugin gives the thread that loads it a stack for
    signals, and frees that when the last core goes: in another thread, the first one keeps an
    address where nothing is, and its next signal (Ctrl-C, the end of a child) is its end.
    """
    import openvino

    return openvino.Core()
