"""Tags of RAW files: EXIF to keep, DNG's levels, and damage."""

import io
from pathlib import Path

import dng_files
import numpy as np
import pytest
from PIL import Image

from restore_cli.images.ifd import SHORT, UNDEFINED, Field, TagReader, integers
from restore_cli.raw.dng import DngTags, rationals, text, write_dng
from restore_cli.raw.tags import RawTags, read_tags, tags_of

EXIF = (
    rationals(33434, [1 / 250]),
    integers("<", 34855, SHORT, 400),
    text(36867, "2026:01:02 03:04:05"),
    text(42036, "A lens 35 mm"),
    Field(37500, UNDEFINED, 8, b"maker000"),
)
GPS = (rationals(2, [48, 51, 29.6]),)


def write(path: Path, **tags: object) -> Path:
    given = {"exif": EXIF, "gps": GPS, "make": "Maker", "model": "One", **tags}
    write_dng(path, np.full((32, 32), 900, np.uint16), DngTags(**given))
    return path


def exif_of(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    return exif


def test_exif_is_gathered_as_pillow_reads_it(tmp_path: Path) -> None:
    tags = read_tags(write(tmp_path / "a.dng"))
    assert (tags.make, tags.model, tags.lens) == ("Maker", "One", "A lens 35 mm")
    assert tags.date == "2026:01:02 03:04:05"
    assert tags.exif is not None
    exif = exif_of(tags.exif)
    details = exif.get_ifd(0x8769)
    assert exif[271] == "Maker"
    assert details[34855] == 400
    assert float(details[33434]) == pytest.approx(1 / 250)
    assert [float(x) for x in exif.get_ifd(0x8825)[2]] == pytest.approx([48, 51, 29.6])
    # Its offsets would point nowhere, and it may be larger than a JPEG file can carry.
    assert 37500 not in details
    # How the samples of the RAW file are stored is not the picture's.
    assert not {256, 262, 273, 50706} & set(exif)


def test_the_place_can_be_left_out(tmp_path: Path) -> None:
    tags = read_tags(write(tmp_path / "a.dng"), strip_gps=True)
    assert tags.exif is not None
    assert not exif_of(tags.exif).get_ifd(0x8825)
    assert exif_of(tags.exif)[271] == "Maker"


def test_levels_of_a_dng(tmp_path: Path) -> None:
    tile = np.array([[10.0, 20.0], [30.0, 40.0]])
    path = write(
        tmp_path / "a.dng",
        black=tile,
        black_rows=np.arange(30) * 1.0,
        active=(1, 3, 31, 32),
        baseline_exposure=0.75,
    )
    tags = read_tags(path)
    assert tags.baseline_exposure == 0.75
    assert tags.dng is not None
    levels = tags.dng.levels
    assert levels.tile is not None
    np.testing.assert_array_equal(levels.tile[..., 0], tile)
    np.testing.assert_array_equal(levels.rows, np.arange(30))
    assert levels.columns is None
    assert not tags.cut_off


def test_other_files_have_no_dng_levels() -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[271] = "Phone"
    Image.new("RGB", (4, 4)).save(out, "TIFF", exif=exif)
    tags = tags_of(out.getvalue())
    assert tags.make == "Phone"
    assert tags.dng is None
    assert tags.baseline_exposure == 0


def test_a_file_that_ends_early_is_known(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dng")
    whole = path.read_bytes()
    block = bytearray(whole)
    # The strip is said to be longer than the file.
    reader = TagReader.open(whole)
    field = reader.directory(reader.first).fields[279]
    block[field.position : field.position + 4] = (10**7).to_bytes(4, "little")
    assert tags_of(bytes(block)).cut_off


@pytest.mark.parametrize(
    "data", [b"", b"II", b"no tags at all", b"II*\0\xff\xff\xff\x7f" + bytes(40)]
)
def test_files_without_tags_say_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(data)
    assert read_tags(path) == RawTags()


@pytest.mark.parametrize("magic", [b"IIRO", b"IIRS", b"IIU\0"])
def test_tiff_files_under_other_numbers_are_read(tmp_path: Path, magic: bytes) -> None:
    data = write(tmp_path / "a.dng").read_bytes()
    assert tags_of(magic + data[4:]).model == "One"


def test_the_offset_counts_with_the_baseline_exposure(tmp_path: Path) -> None:
    frame = np.full((48, 64), 9000, np.uint16)
    exposure = ((50730, 10, 1, (1, 1)), (51109, 10, 1, (-1, 4)))
    assert (
        read_tags(dng_files.write(tmp_path / "a.dng", frame, *exposure)).baseline_exposure == 0.75
    )
