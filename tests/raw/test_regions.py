"""Opcodes of regions: each, written as bytes here, gives the values that it says."""

import struct
from pathlib import Path

import numpy as np
from dng_cases import listed, op
from dng_files import developed, light, write
from opcode_lists import FLAT, done, gain_map, region


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


def test_list_1_works_on_codes_before_the_table(tmp_path: Path) -> None:
    """A polynomial halves codes; the table, a square, makes a quarter of the light of that."""
    table = np.round((np.arange(4096) / 4095) ** 2 * 65535).astype(int)
    halved = op(8, region(0, 0, 96, 128) + struct.pack(">I2d", 1, 0.0, 0.5))
    data = listed(halved)
    codes = np.full((96, 128), 2048, np.uint16)
    tags = ((50712, 3, 4096, tuple(table.tolist())), (51008, 7, len(data), data))
    seen = light(write(tmp_path / "a.dng", codes, *tags))
    np.testing.assert_allclose(seen, (1024 / 4095) ** 2, atol=1e-4)


def test_numbers_of_lines_before_the_picture_are_passed_over() -> None:
    """A region may begin above and left of the picture; its numbers begin there too."""
    values = np.arange(1, 40, dtype=">f4")
    for number, axis in ((12, 0), (13, 1)):
        where = region(top=-3, left=-5, down=2, across=2)
        data = op(number, where + struct.pack(">I", len(values)) + values.tobytes())
        out = done(FLAT, data) / FLAT
        lines = out[:, 1] if axis == 0 else out[1]
        first = 1  # of lines -3 + 2k, and -5 + 2k
        skipped = 2 if axis == 0 else 3
        count = len(lines[first::2])
        assert lines[first::2].tolist() == values[skipped : skipped + count].tolist()
        assert set(lines[::2].tolist()) == {1.0}
