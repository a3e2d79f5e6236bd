"""Opcode lists: each correction, written as bytes here, gives the values that it says."""

import contextlib
import resource
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from dng_cases import listed, op
from dng_files import developed, light, write
from opcode_lists import FLAT, gain_map, region

from restore_cli.errors import RestoreError
from restore_cli.raw import opcodes
from restore_cli.raw.opcodes import apply, parse


def test_bounds_are_trimmed(tmp_path: Path) -> None:
    found = apply(parse(listed(op(6, struct.pack(">4i", 2, 4, 20, 30)))), FLAT)
    assert tuple(found.area) == (2, 4, 20, 30)
    data = listed(op(6, struct.pack(">4i", 8, 4, 40, 60)))
    path = write(
        tmp_path / "a.dng", np.full((48, 64), 9000, np.uint16), (51009, 7, len(data), data)
    )
    assert light(path).shape == (32, 56, 3)


def test_unknown_ones_are_refused_or_noted(tmp_path: Path) -> None:
    unknown = op(99, b"12345678", optional=True)
    found = apply(parse(listed(unknown)), FLAT)
    assert "opcode 99" in found.notes[0]
    with pytest.raises(opcodes.RequiredOpcodeError, match="opcode 99"):
        apply(parse(listed(op(99, b""))), FLAT)
    data = listed(op(99, b""))
    for tag in (51008, 51009, 51022):
        path = write(
            tmp_path / "a.dng", np.full((48, 64, 3), 9000, np.uint16), (tag, 7, len(data), data)
        )
        with pytest.raises(RestoreError, match="opcode 99"):
            light(path)


EACH = (
    gain_map(np.ones((3, 3)), region()),
    op(1, struct.pack(">I6d2d", 1, 1, 0.01, 0, 0, 0, 0, 0.5, 0.5)),
    op(2, struct.pack(">I4d2d", 1, 1, 0.01, 0, 0, 0.5, 0.5)),
    op(3, struct.pack(">7d", 0.1, 0, 0, 0, 0, 0.5, 0.5)),
    op(4, struct.pack(">2I", 0, 0)),
    op(5, struct.pack(">3I", 0, 1, 1) + struct.pack(">6I", 6, 8, 0, 0, 2, 3)),
    op(7, region() + struct.pack(">I", 4) + bytes(8)),
    op(8, region() + struct.pack(">I3d", 2, 0.0, 0.5, 2.0)),
    op(10, region() + struct.pack(">I", 24) + bytes(96)),
    op(13, region() + struct.pack(">I", 32) + bytes(128)),
    op(6, struct.pack(">4i", 0, 0, 24, 32)),
    op(11, region() + struct.pack(">I", 32) + bytes(128)),
    op(12, region() + struct.pack(">I", 24) + bytes(96)),
    op(14, struct.pack(">I19d2dI", 1, 1, *[0] * 14, 0, 0, 0, 1, 0.5, 0.5, 0)),
)  # fmt: skip
ALL = listed(*EACH)


@pytest.mark.parametrize("seed", range(200))
def test_spoilt_lists_neither_crash_nor_take_long(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(ALL)
    for _ in range(int(rng.integers(1, 12))):
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
    if rng.uniform() < 0.3:
        del data[int(rng.integers(len(data))) :]
    started = time.perf_counter()
    try:
        seen = apply(parse(bytes(data)), FLAT).image
    except ValueError:
        return
    finally:
        assert time.perf_counter() - started < 5
    assert seen.shape == FLAT.shape


@pytest.mark.slow
@pytest.mark.parametrize("which", range(len(EACH)))
def test_200_spoilt_copies_of_each(which: int) -> None:
    """Its parameters only: count and length stay, so that the values are reached."""
    whole, done = listed(EACH[which]), 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        data = bytearray(whole)
        for place in rng.integers(20, len(data), int(rng.integers(1, 8))):
            data[place] = rng.integers(256)
        started = time.perf_counter()
        try:
            seen = apply(parse(bytes(data)), FLAT).image
        except ValueError:
            continue
        finally:
            assert time.perf_counter() - started < 5, seed
        assert seen.shape == FLAT.shape
        done += 1
    assert done
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 << 20  # KiB


@pytest.mark.slow
@pytest.mark.parametrize("tag", [51008, 51009, 51022])
def test_200_spoilt_copies_of_each_list_in_a_file(tmp_path: Path, tag: int) -> None:
    """All kinds in one list; the file is whole."""
    done = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        data = bytearray(ALL)
        for _ in range(int(rng.integers(1, 6))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        frame = np.full((48, 64), 9000, np.uint16)
        path = write(tmp_path / "a.dng", frame, (tag, 7, len(data), bytes(data)))
        started = time.perf_counter()
        with contextlib.suppress(RestoreError):
            light(path)
            done += 1
        assert time.perf_counter() - started < 20, seed
    assert 0 < done < 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 << 20  # KiB


LARGE = np.full((2000, 3000), 0.25, np.float32)
WHOLE = region(0, 0, 2000, 3000)
BOMBS = {
    "as many as can be told": listed(*[op(8, WHOLE + struct.pack(">I9d", 8, *[0.1] * 9))] * 256),
    "warps": listed(*[EACH[1]] * 256),
    "optional warps": listed(*[op(1, EACH[1][16:], optional=True)] * 256),
    "rectangles over all": listed(
        op(
            5,
            struct.pack(">3I", 0, 0, 500_000)
            + np.tile(np.array([0, 0, 2000, 3000], ">u4"), 500_000).tobytes(),
        )
    ),
    "count of opcodes": struct.pack(">I", 2**32 - 1) + bytes(64),
    "size of one": struct.pack(">5I", 1, 9, 0, 0, 2**32 - 1) + bytes(64),
    "nodes": listed(
        op(9, WHOLE + struct.pack(">2I4dI", 2**31, 2**31, 1e-9, 1e-9, 0, 0, 1) + bytes(64))
    ),
    "table": listed(op(7, WHOLE + struct.pack(">I", 2**32 - 1) + bytes(64))),
    "degree": listed(op(8, WHOLE + struct.pack(">I", 2**32 - 1) + bytes(64))),
    "lines": listed(op(10, WHOLE + struct.pack(">I", 2**32 - 1) + bytes(64))),
    "planes": listed(op(1, struct.pack(">I", 2**32 - 1) + bytes(64))),
    "points": listed(op(5, struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1) + bytes(64))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_lists_that_ask_for_endless_work_end_soon(name: str) -> None:
    data = BOMBS[name]
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(ValueError):
        assert apply(parse(data), LARGE).image.shape == LARGE.shape
    assert time.perf_counter() - started < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KiB


def test_four_maps_of_a_quarter_each_are_one_pass() -> None:
    """As phones write them, one a colour; there may be some dozen of those."""
    many = [gain_map(np.ones((2, 2)), region(0, 0, 12, 16))] * 100
    np.testing.assert_array_equal(apply(parse(listed(*many)), FLAT).image, FLAT)
    many = [gain_map(np.ones((2, 2)), region())] * 33
    with pytest.raises(ValueError, match="goes over the picture more than 32 times"):
        apply(parse(listed(*many)), FLAT)


def test_an_optional_unknown_one_is_noted_in_a_file(tmp_path: Path) -> None:
    data = listed(op(99, b"12345678", optional=True))
    for tag in (51008, 51009, 51022):
        frame = np.full((48, 64), 32768, np.uint16)
        picture, loaded = developed(write(tmp_path / "a.dng", frame, (tag, 7, len(data), data)))
        notes = " ".join((*loaded.notes, *picture.notes))
        assert "optional opcode 99" in notes
