"""What travels with a developed picture: EXIF, XMP (the file's or its sidecar's), IPTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from restore_cli.images import xmp as packets
from restore_cli.images.metadata import settle_exif
from restore_cli.raw.tags import RawTags

_MOST = 4 << 20
_GPS = re.compile(
    rb"\s*exif:GPS\w*\s*=\s*(\"[^\"]*\"|'[^']*')|\s*<exif:GPS(\w*)\b[^>]*?(/>|>.*?</exif:GPS\2>)",
    re.DOTALL,
)
_CROPPED = re.compile(rb"crs:HasCrop\s*(=\s*[\"']|>)\s*true", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kept:
    """Metadata of a RAW file for its picture.

    Attributes:
        exif: EXIF block, or None.
        xmp: XMP packet, or None.
        iptc: IPTC records, or None.
        notes: what was not followed, for people.
    """

    exif: bytes | None
    xmp: bytes | None
    iptc: bytes | None
    notes: tuple[str, ...] = ()

    def settled(self, width: int, height: int) -> Kept:
        """True for an upright picture of this size."""
        exif = None if self.exif is None else settle_exif(self.exif, width, height)
        return Kept(exif, None if self.xmp is None else packets.settled(self.xmp, 1), self.iptc)


def keep(path: Path, tags: RawTags, *, strip_gps: bool = False) -> Kept:
    """A RAW file's metadata; a sidecar beside it (`photo.xmp`, `photo.dng.xmp`) replaces its XMP.

    Args:
        path: the RAW file.
        tags: what it says.
        strip_gps: leave the place out.
    """
    notes: list[str] = []
    xmp = tags.xmp
    for beside in (path.with_suffix(".xmp"), path.with_name(path.name + ".xmp")):
        packet = _read(beside)
        if packet is not None:
            xmp = packet
            notes.append(f"metadata comes from {beside.name} beside it")
            if _CROPPED.search(packet):
                notes.append(
                    f"the crop in {beside.name} is not applied: all of the picture is kept"
                )
            break
    if xmp is not None and strip_gps:
        xmp = _GPS.sub(b"", xmp)
    return Kept(tags.exif, xmp, tags.iptc, tuple(notes))


def _read(path: Path) -> bytes | None:
    try:
        if not path.is_file() or path.stat().st_size > _MOST:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data if b"xmpmeta" in data or b"rdf:RDF" in data else None
