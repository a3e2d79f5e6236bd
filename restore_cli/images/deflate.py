"""Packing samples for PNG and TIFF: by ISA-L where it is there, which is many times as fast.

Its wheels are for x86 and ARM; elsewhere zlib does the same, slowly. Both write what all readers
take (RFC 1950, 1951).
"""

from __future__ import annotations

import importlib
import zlib
from functools import cache
from typing import Any, Protocol

_LEVEL = 3
"""Of zlib: above it photos take twice the time for a hundredth of their size."""


class Packer(Protocol):
    """Deflates what it is given piece by piece."""

    def compress(self, data: Any, /) -> bytes:  # noqa: ANN401 - of both modules: any buffer
        """What is ready of it, and of what came before."""
        ...

    def flush(self) -> bytes:
        """The rest."""
        ...


def packer(level: int | None = None) -> Packer:
    """Begin a zlib stream.

    Args:
        level: zlib's, 1 to 9; None for what is fast.
    """
    fast = _fast()
    if level is None and fast is not None:
        return fast.compressobj(1)
    return zlib.compressobj(level or _LEVEL)


def pack(data: Any) -> bytes:  # noqa: ANN401 - any buffer
    """A whole zlib stream of a buffer, fast."""
    fast = _fast()
    return zlib.compress(data, _LEVEL) if fast is None else fast.compress(data, 1)


def checksum(data: bytes | memoryview, before: int = 0) -> int:
    """CRC-32 of a buffer that follows on what has the checksum `before`."""
    fast = _fast()
    return zlib.crc32(data, before) if fast is None else fast.crc32(data, before)


@cache
def _fast() -> Any:  # noqa: ANN401 - its stubs are those of zlib
    """ISA-L's module in zlib's form; None where there is none."""
    try:
        return importlib.import_module("isal.isal_zlib")
    except ImportError:
        return None
