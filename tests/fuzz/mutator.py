"""Seeded damage to bytes: what disks, networks and ill will do to files."""

import random
import struct
from collections.abc import Callable, Sequence

_ODD = (0, 1, 2, 3, 7, 8, 12, 127, 255, 1000, 65535, 2**20, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
"""Numbers that readers trip over, where a length, a count or an offset stood."""
_FIELDS = ("<H", ">H", "<I", ">I", "<Q")


def mutated(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """One to four changes; the same for the same state of `rng`.

    Args:
        data: a good file.
        rng: draws the changes.
        others: files to splice pieces from.
    """
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        rng.choice(_CHANGES)(out, rng, others or [data])
    return bytes(out)


def _truncate(out: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    del out[rng.randrange(len(out) + 1) :]


def _flip(out: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 3, 10))):
        if out:
            out[_place(out, rng)] ^= 1 << rng.randrange(8)


def _overwrite(out: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    at, size = _place(out, rng), rng.choice((1, 2, 4, 16, 64))
    fill = rng.choice((b"\0", b"\xff", b"\x80", b"[", b"9", None))
    piece = rng.randbytes(size) if fill is None else fill * size
    out[at : at + size] = piece


def _splice(out: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    other = rng.choice(others)
    begin = rng.randrange(len(other) + 1)
    piece = other[begin : begin + rng.choice((4, 32, 256, 2048))]
    at = rng.randrange(len(out) + 1)
    out[at : at + (len(piece) if rng.random() < 0.5 else 0)] = piece


def _repeat(out: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    at = _place(out, rng)
    piece = out[at : at + rng.choice((1, 8, 64, 512))]
    out[at:at] = piece * rng.choice((1, 2, 16, 200))


def _remove(out: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    at = _place(out, rng)
    del out[at : at + rng.choice((1, 2, 8, 100))]


def _length(out: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    """Change a field that may be a length: one whose number is no larger than the file."""
    for _ in range(40):
        field = struct.Struct(rng.choice(_FIELDS))
        at = _place(out, rng)
        if at + field.size > len(out) or field.unpack_from(out, at)[0] > len(out):
            continue
        old = field.unpack_from(out, at)[0]
        new = rng.choice((*_ODD, old + 1, old - 1, 2 * old, len(out), len(out) - at, at))
        field.pack_into(out, at, new % (1 << 8 * field.size))
        return


def _place(out: bytearray, rng: random.Random) -> int:
    """Anywhere, but more often near the start, where headers are."""
    end = max(1, len(out))
    return rng.randrange(min(end, 300)) if rng.random() < 0.4 else rng.randrange(end)


_CHANGES: tuple[Callable[[bytearray, random.Random, Sequence[bytes]], None], ...] = (
    _truncate, _flip, _flip, _overwrite, _overwrite, _splice, _repeat, _remove, _length, _length,
)  # fmt: skip
