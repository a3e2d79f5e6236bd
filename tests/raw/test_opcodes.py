"""Opcode lists: each correction, written as bytes here, gives the values that it says."""

import resource
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from dng_cases import listed, op
from dng_files import developed, light, write

from restore_cli.errors import RestoreError
from restore_cli.raw import opcodes
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


def test_a_gain_map_is_linear_between_its_points() -> None:
    seen = done(FLAT, gain_map(np.array([[2.0, 1.0]]), region()))
    centres = (np.arange(32) + 0.5) / 32
    np.testing.assert_allclose(seen, np.broadcast_to(0.25 * (2 - centres), (24, 32)), rtol=1e-6)


def test_a_gain_map_of_a_colour_leaves_the_others() -> None:
    seen = done(FLAT, gain_map(np.full((2, 2), 3.0), region(1, 0, 24, 32, down=2, across=2)))
    np.testing.assert_allclose(seen[1::2, ::2], 0.75)
    np.testing.assert_allclose(seen[::2], 0.25)
    np.testing.assert_allclose(seen[1::2, 1::2], 0.25)


def test_a_gain_map_in_a_file(tmp_path: Path) -> None:
    frame = np.full((96, 128), 13107, np.uint16)
    where = region(0, 0, 96, 128)
    data = listed(gain_map(np.array([[2.0, 1.0], [2.0, 1.0]]), where))
    path = write(tmp_path / "a.dng", frame, (51009, 7, len(data), data))
    seen = light(path)
    expected = 0.2 * (2 - (np.arange(128) + 0.5) / 128)
    np.testing.assert_allclose(seen[48, 2:-2, 1], expected[2:-2], atol=2e-3)
    np.testing.assert_allclose(light(path, lens_corrections="off"), 0.2, atol=1e-3)
    assert developed(path)[1].details["corrections"] == ["GainMap"]
    assert developed(path, lens_corrections="off")[1].details.get("corrections", []) == []


def test_tables_polynomials_and_lines() -> None:
    table = op(
        7, region() + struct.pack(">I", 65536) + (65535 - np.arange(65536)).astype(">u2").tobytes()
    )
    np.testing.assert_allclose(done(FLAT, table), 0.75, atol=2e-5)
    squared = op(8, region() + struct.pack(">I3d", 2, 0.0, 0.5, 2.0))
    np.testing.assert_allclose(done(FLAT, squared), 0.125 + 0.125)
    rows = np.arange(24) / 100
    delta = op(10, region() + struct.pack(">I", 24) + rows.astype(">f4").tobytes())
    np.testing.assert_allclose(done(FLAT, delta)[:, 5], 0.25 + rows, rtol=1e-6)
    columns = np.arange(32) / 10
    scale = op(13, region() + struct.pack(">I", 32) + columns.astype(">f4").tobytes())
    np.testing.assert_allclose(done(FLAT, scale)[7], 0.25 * columns, rtol=1e-6)
    scale = op(12, region() + struct.pack(">I", 24) + rows.astype(">f4").tobytes())
    np.testing.assert_allclose(done(FLAT, scale)[:, 7], 0.25 * rows, rtol=1e-6)
    delta = op(11, region() + struct.pack(">I", 32) + columns.astype(">f4").tobytes())
    np.testing.assert_allclose(
        done(FLAT, delta, scale=65535.0)[7], 0.25 + columns * 65535, rtol=1e-6
    )


def test_bad_pixels_take_the_mean_of_their_colour() -> None:
    mosaic = np.tile(np.array([[100.0, 200.0], [200.0, 400.0]], np.float32), (12, 16))
    spoilt = mosaic.copy()
    spoilt[6, 8] = spoilt[9, 9] = 0
    constant = op(4, struct.pack(">2I", 0, 0))
    np.testing.assert_array_equal(done(spoilt, constant, cfa_step=2), mosaic)
    spoilt[6, 8] = 7
    spoilt[0:2, 0:3] = 9
    places = struct.pack(">3I", 0, 2, 1) + struct.pack(">8I", 6, 8, 9, 9, 0, 0, 2, 3)
    np.testing.assert_array_equal(done(spoilt, op(5, places), cfa_step=2), mosaic)


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


def test_list_1_works_on_codes_before_the_table(tmp_path: Path) -> None:
    """A polynomial halves codes; the table, a square, makes a quarter of the light of that."""
    table = np.round((np.arange(4096) / 4095) ** 2 * 65535).astype(int)
    halved = op(8, region(0, 0, 96, 128) + struct.pack(">I2d", 1, 0.0, 0.5))
    data = listed(halved)
    codes = np.full((96, 128), 2048, np.uint16)
    tags = ((50712, 3, 4096, tuple(table.tolist())), (51008, 7, len(data), data))
    seen = light(write(tmp_path / "a.dng", codes, *tags))
    np.testing.assert_allclose(seen, (1024 / 4095) ** 2, atol=1e-4)


def test_an_optional_unknown_one_is_noted_in_a_file(tmp_path: Path) -> None:
    data = listed(op(99, b"12345678", optional=True))
    for tag in (51008, 51009, 51022):
        frame = np.full((48, 64), 32768, np.uint16)
        picture, loaded = developed(write(tmp_path / "a.dng", frame, (tag, 7, len(data), data)))
        notes = " ".join((*loaded.notes, *picture.notes))
        assert "optional opcode 99" in notes
