"""What kind of picture a file is, by its first bytes."""

from __future__ import annotations

import struct
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.images.formats import READABLE

_STARTS = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpg"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (8, b"WEBP", "webp"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    (0, b"#?RADIANCE", "hdr"),
    (0, b"#?RGBE", "hdr"),
    (0, b"\xff\x0a", "jxl"),
    (4, b"JXL ", "jxl"),
    (0, b"qoif", "qoi"),
    (0, b"PF\n", "pfm"),
    (0, b"Pf\n", "pfm"),
    (0, b"P7\n", "pam"),
)
_BRANDS = {
    b"avif": "avif",
    b"avis": "avif",
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "heic"
    ),
}
_CONVERT = f"convert it to one of {READABLE}"
_AGAIN = "copy it again as it is: in binary mode, and kept from changes of line ends"
RAW_HINT = "it is a camera RAW file: develop it first, with `restore isp`"
_OTHERS = (
    (0, b"GIF8", "a GIF", _CONVERT),
    (0, b"\x89PNG\n", "a PNG file that was copied as if it were text", _AGAIN),
    (0, b"\x89PNG\r\r\n", "a PNG file that was copied as if it were text", _AGAIN),
    (0, b"\xef\xbf\xbdPNG", "a PNG file that was saved as if it were text", _AGAIN),
    (0, b"\xef\xbf\xbd\xef\xbf\xbd", "a file that was saved as if it were text", _AGAIN),
    (0, b"8BPS", "a Photoshop document", _CONVERT),
    (0, b"%PDF", "a PDF", _CONVERT),
    (4, b"jP  ", "a JPEG 2000 file", _CONVERT),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 codestream", _CONVERT),
    (0, b"II\xbc\x01", "a JPEG XR file", _CONVERT),
    (0, b"DDS ", "a DDS texture", _CONVERT),
    (0, b"\0\0\1\0", "an icon", _CONVERT),
    (0, b"gimp xcf", "a GIMP document", _CONVERT),
    (0, b"\x0a\x05\x01", "a PCX file", _CONVERT),
    (0, b"SIMPLE", "a FITS file", _CONVERT),
    (0, b"<svg", "an SVG drawing", _CONVERT),
    (4, b"ftypcrx", "a Canon RAW file", RAW_HINT),
    (8, b"CR\x02", "a Canon RAW file", RAW_HINT),
    (0, b"FUJIFILMCCD-RAW", "a Fujifilm RAW file", RAW_HINT),
    (0, b"IIRO", "an Olympus RAW file", RAW_HINT),
    (0, b"IIU\0", "a Panasonic RAW file", RAW_HINT),
)
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


def sniff(start: bytes, path: Path) -> str:
    """Tell the format by the first bytes.

    Args:
        start: at least the first 64 bytes of the file, or all of it.
        path: named in errors. TGA files, which begin with nothing of their own, are told by it.

    Returns:
        A key of `formats.FORMATS`.

    Raises:
        RestoreError: it is empty, or something else.
    """
    if not start:
        raise RestoreError(f"{path}: the file is empty", hint="copy or export it again")
    for offset, magic, what, hint in _OTHERS:
        if start[offset : offset + len(magic)] == magic:
            raise RestoreError(f"{path}: this is {what}, which is not read", hint=hint)
    for offset, magic, name in _STARTS:
        if start[offset : offset + len(magic)] == magic:
            return name
    if start[4:8] == b"ftyp" and (name := _by_brand(start)) is not None:
        return name
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3].isspace():
        return "ppm"
    if (
        start[:2] == b"BM"
        and len(start) >= 18
        and struct.unpack_from("<I", start, 14)[0] in _BMP_HEADERS
    ):
        return "bmp"
    if path.suffix.lower() == ".tga" and _is_tga(start):
        return "tga"
    text = all(byte >= 32 or byte in b"\t\n\r\f" for byte in start)
    what = "not a picture: it looks like text" if text else "not a picture of a known format"
    raise RestoreError(f"{path}: {what}", hint=f"{READABLE} files are read")


def _by_brand(start: bytes) -> str | None:
    """HEIF's family: the major brand, then the compatible ones (ISO 23008-12)."""
    (size,) = struct.unpack_from(">I", start)
    compatible = [start[at : at + 4] for at in range(16, min(size, len(start)), 4)]
    if b"avif" in (start[8:12], *compatible):
        return "avif"
    return next((_BRANDS[b] for b in (start[8:12], *compatible) if b in _BRANDS), None)


def _is_tga(start: bytes) -> bool:
    return (
        len(start) >= 18
        and start[1] in (0, 1)
        and start[2] in (1, 2, 3, 9, 10, 11)
        and start[16] in (8, 15, 16, 24, 32)
    )
