"""Tensors as the bytes of a safetensors file: the same bytes for the same content."""

import json
import struct
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor

_LENGTH = struct.Struct("<Q")


def to_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Serialise tensors with their metadata.

    The library writes metadata in an order that changes from run to run, so that two equal
    trainings would have two hashes. Here keys are sorted; readers do not care.
    """
    data = save(dict(tensors), metadata=dict(metadata))
    (length,) = _LENGTH.unpack_from(data)
    start = _LENGTH.size + length
    header = json.loads(data[_LENGTH.size : start])
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the format aligns what follows
    return _LENGTH.pack(len(text)) + text + data[start:]
