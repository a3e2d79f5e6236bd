"""Numbers and texts of one tag directory, bounded: what a damaged file claims costs no memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.ifd import Directory, Field, TagReader

_TYPES = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 11: "f4", 12: "f8", 13: "u4"}
_RATIOS = {5: "u4", 10: "i4"}
_WHOLE = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 18: "u8"}
MOST_VALUES = 4_000_000
"""No field that is read here has more: a profile's table of 90 x 30 x 30 has 243,000."""


def reals(reader: TagReader, field: Field | None) -> NDArray[np.float64]:
    """A field's numbers, whatever their type; empty where there are none or one is not finite."""
    if field is None or field.count > MOST_VALUES:
        return np.empty(0)
    if field.kind in _RATIOS:
        pairs = np.frombuffer(field.raw, reader.order + _RATIOS[field.kind]).astype(np.float64)
        with np.errstate(all="ignore"):
            values = pairs[::2] / pairs[1::2]
    elif field.kind in _TYPES:
        values = np.frombuffer(field.raw, reader.order + _TYPES[field.kind]).astype(np.float64)
    else:
        return np.empty(0)
    return values if np.isfinite(values).all() else np.empty(0)


@dataclass(frozen=True, slots=True)
class Fields:
    """A directory's fields by their numbers.

    Attributes:
        reader: of the block that holds it.
        page: the directory.
    """

    reader: TagReader
    page: Directory

    def __contains__(self, tag: int) -> bool:
        return tag in self.page.fields

    def reals(self, tag: int, count: int | None = None) -> NDArray[np.float64]:
        """Its numbers; empty where it is absent, damaged, or has not `count` of them."""
        values = reals(self.reader, self.page.fields.get(tag))
        return values if count is None or len(values) == count else np.empty(0)

    def real(self, tag: int, default: float) -> float:
        """Its first number."""
        values = self.reals(tag)
        return float(values[0]) if len(values) else default

    def integers(self, tag: int) -> tuple[int, ...]:
        """Its whole numbers; empty where it is absent or of another type."""
        field = self.page.fields.get(tag)
        if field is None or field.count > MOST_VALUES or field.kind not in _WHOLE:
            return ()
        values = np.frombuffer(field.raw, self.reader.order + _WHOLE[field.kind])
        return tuple(int(value) for value in values)

    def integer(self, tag: int, default: int) -> int:
        """Its first whole number."""
        return next(iter(self.integers(tag)), default)

    def text(self, tag: int) -> str:
        """Its text, up to the first zero byte."""
        field = self.page.fields.get(tag)
        if field is None or field.kind not in (1, 2):
            return ""
        return field.raw.split(b"\0")[0].decode("utf-8", "replace").strip()

    def bytes(self, tag: int) -> bytes | None:
        """Its bytes as they stand."""
        field = self.page.fields.get(tag)
        return None if field is None else field.raw
