"""JPEG segments: what goes in comes out, as others read it."""

import io
import struct
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from icc_profiles import ADOBE_RGB
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images import jpeg
from restore_cli.images.header import upright_size
from restore_cli.images.metadata import Metadata, Resolution
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(1)
PHOTO = RNG.integers(0, 256, (32, 48, 3)).astype(np.uint8)


def plain(**options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PHOTO).save(out, "JPEG", **options)
    return out.getvalue()


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[2:]


@pytest.mark.parametrize(("unit", "code"), [("inch", 1), ("cm", 2), ("", 0)])
def test_everything_put_in_is_found_again(unit: str, code: int) -> None:
    metadata = Metadata(
        icc=ADOBE_RGB * 200,
        exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0",
        xmp=b"<x:xmpmeta/>",
        iptc=b"\x1c\2\x78\0\3abc",
        resolution=Resolution(300, 150, unit),
        comment=b"some words",
    )
    out = jpeg.with_metadata(plain(), metadata)
    assert jpeg.inspect(out).metadata == metadata
    with Image.open(io.BytesIO(out)) as image:
        image.load()
        assert image.info["jfif_unit"] == code
        assert image.info["jfif_density"] == (300, 150)
        assert image.info["comment"] == b"some words"
        assert image.info["icc_profile"] == ADOBE_RGB * 200


def test_jfifs_whole_numbers_take_the_unit_that_costs_least() -> None:
    out = jpeg.with_metadata(plain(), Metadata(resolution=Resolution(28.34, 28.34, "cm")))
    assert jpeg.inspect(out).metadata.resolution == Resolution(72, 72, "inch")


def test_xmp_beyond_64_kb_goes_into_an_extension_and_comes_back() -> None:
    words = "w" * 150_000
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:source>{words}</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    exif = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
    out = jpeg.with_metadata(plain(), Metadata(xmp=xmp.encode(), exif=exif))
    back = jpeg.inspect(out).metadata
    assert back.xmp is not None
    assert f"<dc:source>{words}</dc:source>".encode() in back.xmp
    assert b"HasExtendedXMP" not in back.xmp
    assert back.exif == exif


@pytest.mark.parametrize(
    ("marker", "bits", "what"),
    [(0xC1, 12, "12-bit"), (0xC3, 8, "lossless"), (0xF7, 8, "JPEG-LS"), (0xC5, 8, "hierarchical")],
)
def test_kinds_that_are_not_read_are_named(
    tmp_path: Path, marker: int, bits: int, what: str
) -> None:
    data = bytearray(plain())
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, bits
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(RestoreError, match=f"{what}.* is not supported"):
        Picture.read(tmp_path / "a.jpg")


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [40, 83])
def test_a_jpeg_written_as_jpeg_keeps_its_tables(
    tmp_path: Path, sampling: str, quality: int
) -> None:
    (tmp_path / "a.jpg").write_bytes(plain(quality=quality, subsampling=sampling))
    Picture.read(tmp_path / "a.jpg").write(tmp_path / "b.jpg")
    with Image.open(tmp_path / "a.jpg") as before, Image.open(tmp_path / "b.jpg") as after:
        assert after.quantization == before.quantization
        assert after.layer == before.layer


def test_a_gain_map_is_dropped_with_its_claim_and_a_note(tmp_path: Path) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
        b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
    )
    data = with_segment(plain(), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    (tmp_path / "a.jpg").write_bytes(data + plain())
    picture = Picture.read(tmp_path / "a.jpg")
    assert len(picture.notes) == 1
    assert "left out" in picture.notes[0]
    assert picture.xmp is not None
    assert b"hdr-gain-map" not in picture.xmp
    assert b'xmp:Rating="4"' in picture.xmp


def test_what_is_cut_off_raises() -> None:
    with pytest.raises(ValueError, match="ends early"):
        jpeg.inspect(plain()[:100])


@pytest.mark.parametrize(
    ("put_in", "why"),
    [
        (b"\xff" * 5_000_000, "too much is between its segments"),
        (b"\0" * 5_000_000, "too much is between its segments"),
        ((b"\0" * 100 + b"\xff\xfe\0\2") * 1000, "too much is between its segments"),
        (b"\xff\xfe\0\2" * 150_000, "too many segments"),
    ],
    ids=["fill bytes", "padding", "padded comments", "comments"],
)
def test_a_file_of_nothing_but_parts_is_refused_before_it_takes_time(
    put_in: bytes, why: str, tmp_path: Path
) -> None:
    whole = plain()
    (tmp_path / "a.jpg").write_bytes(whole[:2] + b"\xff\xfe\0\2" + put_in + whole[2:])
    begun = time.process_time()
    for read in (upright_size, Picture.read):
        with pytest.raises(RestoreError, match=rf"a\.jpg.*{why}"):
            read(tmp_path / "a.jpg")
    assert time.process_time() - begun < 5


def test_a_few_fill_bytes_and_many_comments_are_read(tmp_path: Path) -> None:
    whole = plain()
    (tmp_path / "a.jpg").write_bytes(whole[:2] + b"\xff" * 999 + b"\xff\xfe\0\2" * 9999 + whole[2:])
    height, width, _ = Picture.read(tmp_path / "a.jpg").pixels.shape
    assert upright_size(tmp_path / "a.jpg") == (width, height)


def test_what_pillow_cannot_read_is_told_in_words(tmp_path: Path) -> None:
    whole = bytearray(plain())
    at = whole.index(b"\xff\xc0") + 5
    whole[at : at + 2] = b"\0\0"  # its height
    (tmp_path / "a.jpg").write_bytes(whole)
    with pytest.raises(RestoreError, match="it cannot be decoded"):
        Picture.read(tmp_path / "a.jpg")


def test_a_frame_says_how_it_is_coded() -> None:
    grey = np.full((6, 10), 9, np.uint16)
    lossless = jpeg.frame(imagecodecs.ljpeg_encode(grey, bitspersample=12))
    assert (lossless.marker, lossless.bits, lossless.samples) == (0xC3, 12, 60)
    lossy = jpeg.frame(plain())
    assert (lossy.marker, lossy.bits, lossy.samples) == (0xC0, 8, 32 * 48 * 3)
    with pytest.raises(ValueError, match="without a frame"):
        jpeg.frame(plain()[:20] + b"\xff\xda\0\0")
