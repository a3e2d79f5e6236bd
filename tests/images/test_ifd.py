"""Tag directories: written, read, and refused when broken."""

import struct

import pytest
from PIL import Image

from restore_cli.images.ifd import (
    EXIF_IFD,
    LONG,
    SHORT,
    Field,
    TagReader,
    header,
    integers,
    serialise,
)


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_is_serialised_is_read_back_and_pillow_agrees(order: str) -> None:
    name = b"a maker\0"
    child = (integers(order, 0xA002, LONG, 70000),)
    fields = [
        Field(EXIF_IFD, LONG, 1, b"", children=child),
        Field(0x010F, 2, len(name), name),
        integers(order, 0x0112, SHORT, 3),
    ]
    data = header(order, 8) + serialise(order, fields, 8)
    reader = TagReader.open(data)
    page = reader.directory(reader.first)
    assert list(page.fields) == [0x010F, 0x0112, EXIF_IFD]  # sorted, as TIFF asks
    assert page.fields[0x010F].raw == name
    assert reader.numbers(page.fields[0x0112]) == (3,)
    tree = reader.tree(page)
    assert [f.tag for f in tree[-1].children] == [0xA002]
    exif = Image.Exif()
    exif.load(data)
    assert exif[0x010F] == "a maker"
    assert exif.get_ifd(EXIF_IFD)[0xA002] == 70000


def test_copying_a_tree_is_exact() -> None:
    fields = [Field(EXIF_IFD, LONG, 1, b"", children=(Field(0x927C, 7, 9, b"note\0note"),))]
    data = header("<", 8) + serialise("<", fields, 8)
    reader = TagReader.open(data)
    again = serialise("<", reader.tree(reader.directory(8)), 8)
    assert header("<", 8) + again == data


def test_numbers_of_absent_and_text_fields_are_empty() -> None:
    reader = TagReader.open(header("<", 8) + bytes(6))
    assert reader.numbers(None) == ()
    assert reader.numbers(Field(1, 2, 2, b"a\0")) == ()


def test_loops_and_cuts_are_refused() -> None:
    empty = struct.pack("<HI", 0, 8)
    with pytest.raises(ValueError, match="loop"):
        TagReader.open(header("<", 8) + empty).chain()
    with pytest.raises(ValueError, match="cut off"):
        TagReader.open(header("<", 8) + struct.pack("<H", 3) + bytes(12)).chain()
    far = struct.pack("<HHHII", 1, 0x010F, 2, 99, 5000) + bytes(4)
    with pytest.raises(ValueError, match="past the end"):
        TagReader.open(header("<", 8) + far).chain()
    with pytest.raises(ValueError, match="not a tag block"):
        TagReader.open(b"PNG")
    with pytest.raises(ValueError, match="not a tag block"):
        TagReader.open(b"II\x2f\0\x08\0\0\0")


def test_a_directory_that_points_to_itself_ends() -> None:
    pointer = struct.pack("<HHHII", 1, EXIF_IFD, LONG, 1, 8) + bytes(4)
    reader = TagReader.open(header("<", 8) + pointer)
    assert reader.tree(reader.directory(8)) == []
