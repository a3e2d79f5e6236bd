"""Opcodes as bytes, and what comes of a picture that they are applied to."""

import struct

import numpy as np
from dng_cases import listed, op

from restore_cli.raw.opcodes import apply, parse

FLAT = np.full((24, 32), 0.25, np.float32)


def region(top: int = 0, left: int = 0, bottom: int = 24, right: int = 32, plane: int = 0,
           planes: int = 1, down: int = 1, across: int = 1) -> bytes:  # fmt: skip
    return struct.pack(">4i4I", top, left, bottom, right, plane, planes, down, across)


def done(image: np.ndarray, *ops: bytes, **options: object) -> np.ndarray:
    return apply(parse(listed(*ops)), image, **options).image


def gain_map(values: np.ndarray, where: bytes, *, origin: float = 0.0) -> bytes:
    down, across = values.shape
    steps = [1 / max(n - 1, 1) for n in (down, across)]
    head = struct.pack(">2I4dI", down, across, *steps, origin, origin, 1)
    return op(9, where + head + values.astype(">f4").tobytes())
