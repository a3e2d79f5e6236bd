"""What is done to a mosaic before demosaicing."""

import struct
from pathlib import Path

import numpy as np
import pytest
from dng_cases import listed, op
from dng_files import developed, write
from opcode_lists import region

from restore_cli.errors import RestoreError
from restore_cli.raw.file import open_raw
from restore_cli.raw.opcodes import NAMES
from restore_cli.raw.prepare import prepare


def test_quad_bayer_is_joined_with_a_note(tmp_path: Path) -> None:
    signal = np.array([0.2, 0.4, 0.6])
    cells = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 2, 2], [1, 1, 2, 2]])
    frame = np.round(65535 * signal[np.tile(cells, (24, 32))]).astype(np.uint16)
    tags = ((33421, 3, 2, (4, 4)), (33422, 1, 16, bytes(cells.ravel().tolist())))
    picture, loaded = developed(write(tmp_path / "a.dng", frame, *tags), linear=True, bits=16)
    assert picture.pixels.shape == (48, 64, 3)
    assert (loaded.height, loaded.width) == (48, 64)
    assert "quad Bayer" in " ".join(loaded.notes)
    np.testing.assert_allclose(
        picture.pixels / 65535, np.broadcast_to(signal, (48, 64, 3)), atol=1e-3
    )


@pytest.mark.parametrize("mend", ["auto", "off"])
def test_defects_are_counted(tmp_path: Path, mend: str) -> None:
    frame = np.full((96, 128), 6000, np.uint16)
    frame[40, 50] = 65535
    frame[11, 7] = 0
    with open_raw(write(tmp_path / "a.dng", frame)) as raw:
        made = prepare(raw, raw.info(), mend=mend)
    assert made.hot_pixels == (2 if mend == "auto" else None)
    assert bool((made.light == made.light[0, 0]).all()) == (mend == "auto")


def test_values_that_are_no_numbers_are_black_and_noted(tmp_path: Path) -> None:
    frame = np.full((48, 64, 3), 0.5, np.float32)
    frame[3, 3] = np.nan
    frame[4, 4] = (np.inf, -np.inf, 0.25)
    with open_raw(write(tmp_path / "a.dng", frame)) as raw:
        made = prepare(raw, raw.info())
    assert made.light[3, 3].tolist() == [0, 0, 0]
    assert made.light[4, 4].tolist() == [1, 0, 0.25]
    assert [note for note in made.info.notes if note.startswith("5 of its samples")]


X_TRANS = bytes("RGB".index(c) for c in "GBGGRGRGRBGBGBGGRGGRGGBGBGBRGRGRGGBG")


def x_trans(path: Path, *tags: tuple[object, ...]) -> Path:
    frame = np.full((600, 636), 26214, np.uint16)
    return write(path, frame, (33421, 3, 2, (6, 6)), (33422, 1, 36, X_TRANS), *tags)


def test_opcodes_of_mosaics_that_libraw_demosaics(tmp_path: Path) -> None:
    """Lists 1 and 2 before, list 3 after it."""
    halved = listed(op(8, region(0, 0, 600, 636) + struct.pack(">I2d", 1, 0.0, 0.5)))
    vignette = listed(op(3, struct.pack(">7d", 1.0, 0, 0, 0, 0, 0.5, 0.5)))
    y, x = (np.arange(n) + 0.5 - n / 2 for n in (600, 636))
    square = (y[:, None] ** 2 + x**2) / (300**2 + 318**2)
    for tag, data, right in (
        (51008, halved, np.full((600, 636), 0.2)),
        (51009, halved, np.full((600, 636), 0.2)),
        (51022, vignette, 0.4 * (1 + square)),
    ):
        path = x_trans(tmp_path / "a.dng", (tag, 7, len(data), data))
        picture, loaded = developed(path, linear=True, bits=16)
        np.testing.assert_allclose(
            (picture.pixels / 65535)[12:-12, 12:-12, 1], right[12:-12, 12:-12], atol=2e-3
        )
        assert loaded.details["corrections"] == ["MapPolynomial" if tag != 51022 else NAMES[3]]
    off, _ = developed(path, linear=True, bits=16, lens_corrections="off")
    np.testing.assert_allclose(off.pixels / 65535, 0.4, atol=2e-3)


@pytest.mark.parametrize("tag", [51008, 51009, 51022])
def test_required_unknown_ones_are_refused_whoever_demosaics(tmp_path: Path, tag: int) -> None:
    data = listed(op(99, b""))
    with pytest.raises(RestoreError, match=r"a\.dng: it asks for opcode 99"):
        developed(x_trans(tmp_path / "a.dng", (tag, 7, len(data), data)))
    # Four colours, of which nothing is followed here.
    frame = np.full((96, 128, 4), 9000, np.uint16)
    path = write(tmp_path / "b.dng", frame, (tag, 7, len(data), data), extrasamples=[0])
    with pytest.raises(RestoreError, match=r"b\.dng: it asks for opcode 99"):
        developed(path)
    data = listed(op(3, struct.pack(">7d", 1.0, 0, 0, 0, 0, 0.5, 0.5)))
    path = write(tmp_path / "b.dng", frame, (tag, 7, len(data), data), extrasamples=[0])
    assert "its corrections (FixVignetteRadial) were left out" in " ".join(developed(path)[1].notes)


def test_hints_of_damaged_corrections_help(tmp_path: Path) -> None:
    """A lens correction can be left out, a factor for each row cannot."""
    for number, words in ((9, "--lens-corrections off"), (12, "its writer")):
        data = listed(op(number, region() + struct.pack(">I", 3)))
        path = write(
            tmp_path / "a.dng", np.full((48, 64), 9000, np.uint16), (51009, 7, len(data), data)
        )
        with open_raw(path) as raw, pytest.raises(RestoreError, match=NAMES[number]) as caught:
            prepare(raw, raw.info())
        assert words in str(caught.value.hint)
        with open_raw(path) as raw:
            if number == 9:
                prepare(raw, raw.info(), lens_corrections="off")
