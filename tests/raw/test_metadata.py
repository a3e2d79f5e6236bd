"""XMP, IPTC and sidecars go along."""

from pathlib import Path

import numpy as np
from dng_files import developed, write

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="%d" xmp:Label="Red" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" '
    b'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,51N"%s/>'
    b"</rdf:RDF></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x19\x00\x03cat\x1c\x02x\x00\x05A cat"
FRAME = np.full((48, 64), 9000, np.uint16)


def shot(path: Path) -> Path:
    packet = XMP % (4, b"")
    return write(path, FRAME, (700, 1, len(packet), packet), (33723, 7, len(IPTC), IPTC))


def test_rating_label_and_keywords_survive(tmp_path: Path) -> None:
    picture, loaded = developed(shot(tmp_path / "a.dng"))
    assert b'xmp:Rating="4"' in picture.xmp
    assert b'xmp:Label="Red"' in picture.xmp
    # The picture lies upright now.
    assert b'tiff:Orientation="1"' in picture.xmp
    assert picture.iptc == IPTC
    assert not loaded.notes


def test_a_sidecar_replaces_what_the_file_says(tmp_path: Path) -> None:
    path = shot(tmp_path / "a.dng")
    sidecar = XMP % (
        2,
        b' xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:HasCrop="True"',
    )
    (tmp_path / "a.dng.xmp").write_bytes(sidecar)
    picture, loaded = developed(path)
    assert b'xmp:Rating="2"' in picture.xmp
    notes = " ".join(loaded.notes)
    assert "a.dng.xmp beside it" in notes
    assert "crop in a.dng.xmp is not applied" in notes
    (tmp_path / "a.xmp").write_bytes(b"not XMP at all")
    assert b'xmp:Rating="2"' in developed(path)[0].xmp


def test_the_place_leaves_xmp_too(tmp_path: Path) -> None:
    path = shot(tmp_path / "a.dng")
    assert b"GPSLatitude" in developed(path)[0].xmp
    assert b"GPS" not in developed(path, strip_gps=True)[0].xmp
    assert b'xmp:Rating="4"' in developed(path, strip_gps=True)[0].xmp
