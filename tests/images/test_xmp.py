"""XMP packets made true."""

import pytest

from restore_cli.images import xmp

PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
    b'xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6">'
    b'<mwg-rs:Area stArea:x="0.25" stArea:y="0.1" stArea:w="0.2" stArea:h="0.05"/>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def test_the_orientation_is_reset_in_place() -> None:
    assert xmp.settled(b"<a tiff:Orientation = '5'/>", 1) == b"<a tiff:Orientation = '1'/>"
    assert xmp.orientation(PACKET) == 6
    assert xmp.orientation(b"<x/>") == 0


@pytest.mark.parametrize(
    ("turned", "x", "y", "wide"),
    [(3, "0.75", "0.9", False), (6, "0.9", "0.25", True), (8, "0.1", "0.75", True)],
)
def test_regions_are_turned_with_the_picture(turned: int, x: str, y: str, wide: bool) -> None:
    out = xmp.settled(PACKET, turned).decode()
    assert f'stArea:x="{x}"' in out
    assert f'stArea:y="{y}"' in out
    assert ('stArea:w="0.05"' in out) == wide
    assert "mwg-rs:Area" in out
    assert 'tiff:Orientation="1"' in out


def test_nothing_is_rewritten_without_need() -> None:
    assert xmp.without_claims(PACKET) == (PACKET, False)
    assert xmp.settled(b"<broken", 6) == b"<broken"
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><a xmlns:s="http://ns.adobe.com/xmp/sType/Area#"/>'
    assert xmp.settled(bomb, 6) == bomb


def test_what_cannot_be_parsed_makes_no_claims() -> None:
    assert xmp.without_claims(b"<broken http://ns.adobe.com/hdr-gain-map/1.0/") == (None, True)
