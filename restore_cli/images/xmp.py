"""XMP packets (ISO 16684-1): what in them a changed picture makes untrue, and packets in parts."""

from __future__ import annotations

import re
from xml.etree import ElementTree

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NOTE = "http://ns.adobe.com/xmp/note/"
_PREFIXES = re.compile(rb"""xmlns:([A-Za-z_][\w.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_PACKET = re.compile(rb"<\?xpacket[^>]*\?>")
# What claims that a second picture or a film lies behind the first one.
_CLAIMS = (
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/container/item/",
    "http://ns.google.com/photos/1.0/depthmap/",
    "http://ns.google.com/photos/1.0/image/",
    "http://ns.google.com/photos/1.0/audio/",
    "http://ns.google.com/photos/1.0/camera/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.apple.com/pixeldatainfo/1.0/",
    "http://ns.google.com/photos/dd/1.0/container/",
    "http://ns.google.com/photos/dd/1.0/device/",
)
_AREA = "http://ns.adobe.com/xmp/sType/Area#"
_SIZE = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)([0-9])")


def orientation(xmp: bytes) -> int:
    """The `tiff:Orientation` of a packet, 1 to 8; 0 where none is told."""
    found = _ORIENTATION.search(xmp)
    return int(found[2]) if found else 0


def settled(xmp: bytes, turned: int) -> bytes:
    """Make a packet true for an upright picture.

    `tiff:Orientation` becomes 1, in place. The areas of faces and other regions (MWG 2.0) are
    turned as the picture was.

    Args:
        xmp: the packet.
        turned: EXIF orientation that was baked in, 1 to 8.
    """
    xmp = _ORIENTATION.sub(rb"\g<1>1", xmp)
    if turned == 1 or _AREA.encode() not in xmp:
        return xmp
    root = _parsed(xmp)
    if root is None:
        return xmp
    for element in root.iter():
        _turn_area(element, turned)
        if turned > 4:
            _swap(element, f"{{{_SIZE}}}w", f"{{{_SIZE}}}h")
    return _written(root, xmp)


def without_claims(xmp: bytes) -> tuple[bytes | None, bool]:
    """Leave out what says that there is a gain map, depth map or film behind the picture.

    Returns:
        The packet, None where nothing is left of it, and whether anything was left out.
    """
    if not any(claim.encode() in xmp for claim in _CLAIMS):
        return xmp, False
    root = _parsed(xmp)
    if root is None:
        return None, True
    changed = False
    for element in list(root.iter()):
        for name in [name for name in element.attrib if name[1:].startswith(_CLAIMS)]:
            del element.attrib[name]
            changed = True
        for child in [child for child in element if str(child.tag)[1:].startswith(_CLAIMS)]:
            element.remove(child)
            changed = True
    return (_written(root, xmp), True) if changed else (xmp, False)


def joined(xmp: bytes, extension: bytes) -> bytes:
    """Put a packet and its ExtendedXMP together (XMP part 3, 1.1.3.1).

    Args:
        xmp: the packet, whose pointer to the extension is left out.
        extension: an RDF document; what cannot be parsed is not added.
    """
    root, more = _parsed(xmp), _parsed(extension)
    if root is None or more is None:
        return xmp
    target, source = _rdf(root), _rdf(more)
    if target is None or source is None:
        return xmp
    for element in target.iter():
        element.attrib.pop(f"{{{_NOTE}}}HasExtendedXMP", None)
        for child in [c for c in element if c.tag == f"{{{_NOTE}}}HasExtendedXMP"]:
            element.remove(child)
    about = f"{{{_RDF}}}about"
    for empty in [c for c in target if not len(c) and not set(c.attrib) - {about}]:
        target.remove(empty)
    target.extend(list(source))
    return _written(root, xmp + extension)


def bare(xmp: bytes) -> bytes:
    """A packet without its wrapper and padding, as an extension holds it."""
    return _PACKET.sub(b"", xmp).strip()


def pointing_to(guid: bytes) -> bytes:
    """A packet that says nothing but where its extension is."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="%s"><rdf:Description '
        b'rdf:about="" xmlns:xmpNote="%s" xmpNote:HasExtendedXMP="%s"/></rdf:RDF></x:xmpmeta>'
    ) % (_RDF.encode(), _NOTE.encode(), guid)


def _turn_area(element: ElementTree.Element, turned: int) -> None:
    """Turn one area: its centre x, y and size w, h lie in [0, 1]."""
    keys = {key: f"{{{_AREA}}}{key}" for key in "xywh"}
    try:
        x, y = (float(_value(element, keys[key]) or "") for key in "xy")
    except ValueError:
        return
    moved = {
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (1 - y, x),
        7: (1 - y, 1 - x),
        8: (y, 1 - x),
    }[turned]
    for key, number in zip("xy", moved, strict=True):
        _set(element, keys[key], f"{number:.6f}".rstrip("0").rstrip("."))
    if turned > 4:
        _swap(element, keys["w"], keys["h"])


def _value(element: ElementTree.Element, name: str) -> str | None:
    return element.attrib.get(name) or element.findtext(name)


def _set(element: ElementTree.Element, name: str, value: str) -> None:
    child = element.find(name)
    if name in element.attrib:
        element.attrib[name] = value
    elif child is not None:
        child.text = value


def _swap(element: ElementTree.Element, one: str, other: str) -> None:
    first, second = _value(element, one), _value(element, other)
    if first is not None and second is not None:
        _set(element, one, second)
        _set(element, other, first)


def _parsed(xmp: bytes) -> ElementTree.Element | None:
    text = bare(xmp).strip(b"\0")
    narrow = text.replace(b"\0", b"")  # it may be UTF-16
    if b"<!DOCTYPE" in narrow or b"<!ENTITY" in narrow:  # entities may grow without end
        return None
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - entities are refused above
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def _rdf(root: ElementTree.Element) -> ElementTree.Element | None:
    name = f"{{{_RDF}}}RDF"
    return root if root.tag == name else root.find(f".//{name}")


def _written(root: ElementTree.Element, source: bytes) -> bytes:
    """Serialise with the prefixes of the source, in a packet of its own."""
    for prefix, double, single in _PREFIXES.findall(source):
        name = prefix.decode("latin-1")
        if not re.fullmatch(r"ns\d+", name):
            ElementTree.register_namespace(name, (double or single).decode("utf-8", "replace"))
    body = ElementTree.tostring(root, encoding="utf-8").removeprefix(
        b"<?xml version='1.0' encoding='utf-8'?>\n"
    )
    start = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode()
    return start + body + b'<?xpacket end="w"?>'
