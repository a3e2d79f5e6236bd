"""Numbers of tag directories, whatever their type and however damaged."""

import numpy as np

from restore_cli.images.ifd import LONG, Field, TagReader, integers
from restore_cli.raw.dng import rationals
from restore_cli.raw.fields import Fields, reals


def test_numbers_of_every_type() -> None:
    reader = TagReader.open(b"II*\0\x08\0\0\0" + bytes(8))
    assert reals(reader, rationals(1, [0.5, 3])).tolist() == [0.5, 3]
    assert reals(reader, rationals(1, [-0.5], signed=True)).tolist() == [-0.5]
    assert reals(reader, integers("<", 1, LONG, 7)).tolist() == [7]
    assert reals(reader, None).size == 0
    # A fraction of nothing, as some writers leave it.
    assert reals(reader, Field(1, 10, 1, bytes(8))).size == 0
    signed = np.array([-3, 7], "<i2").tobytes()
    assert reals(reader, Field(1, 8, 2, signed)).tolist() == [-3, 7]
    assert reals(reader, Field(1, 11, 1, np.float32(0.25).tobytes())).tolist() == [0.25]
    assert reals(reader, Field(1, 12, 1, np.float64(np.nan).tobytes())).size == 0


def test_fields_by_number() -> None:
    block = b"II*\0\x08\0\0\0" + bytes(8)
    reader = TagReader.open(block)
    page = reader.directory(8)
    page.fields[5] = integers("<", 5, LONG, 4, 5)
    page.fields[6] = Field(6, 2, 4, b"a b\0")
    fields = Fields(reader, page)
    assert fields.integers(5) == (4, 5)
    assert fields.integer(5, 0) == 4
    assert fields.integer(7, 9) == 9
    assert fields.reals(5, 3).size == 0
    assert fields.real(5, 1.0) == 4
    assert fields.text(6) == "a b"
    assert fields.bytes(6) == b"a b\0"
    assert 5 in fields
    assert 7 not in fields


def test_what_claims_too_much_is_not_read() -> None:
    reader = TagReader.open(b"II*\0\x08\0\0\0" + bytes(8))
    assert reals(reader, Field(1, LONG, 10**9, b"")).size == 0
