"""PNG chunks: what Pillow and OpenCV lose or do not check (PNG specification, third edition)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_cli.images.deflate import checksum
from restore_cli.images.ifd import Buffer
from restore_cli.images.metadata import Metadata, Resolution, Text, unwrap_iptc, wrap_iptc
from restore_cli.images.png_rows import SIGNATURE, PngRows, chunk
from restore_cli.images.primaries import Described, of_chunks, of_code_points
from restore_cli.images.refusal import NotSupportedError
from restore_cli.images.room import MAX_METADATA

GREY, RGB, PALETTE = 0, 2, 3  # colour types; 4 and 6 are grey and RGB with alpha
_XMP_KEYWORD = b"XML:com.adobe.xmp"
LONGEST_SIDE = 1_000_000  # pixels; what libpng takes, and OpenCV through it
_MOST_CHUNKS = 1_000_000  # a gigapixel in pieces of 8 kB has half as many
_CRITICAL = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


@dataclass(frozen=True, slots=True)
class PngFile:
    """A PNG taken apart.

    Args:
        width: pixels.
        height: pixels.
        bits: per sample, 1 to 16.
        color_type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
        frames: 1, or the number of frames of an animated PNG.
        key: the colour that stands for transparent, in the file's own sample values, or None.
        metadata: profile (also where colours are told by numbers), EXIF, XMP, IPTC, texts, ...
        notes: what was ignored.
    """

    width: int
    height: int
    bits: int
    color_type: int
    frames: int
    key: tuple[int, ...] | None
    metadata: Metadata
    notes: tuple[str, ...]

    @property
    def pixel_bytes(self) -> float:
        """Bytes of one pixel's samples, decoded."""
        channels = {GREY: 1, RGB: 3, PALETTE: 4, 4: 2, 6: 4}.get(self.color_type, 4)
        return channels * (2 if self.bits == 16 else 1)


def chunks(data: Buffer) -> list[tuple[bytes, memoryview]]:
    """Split a PNG into (type, body) up to IEND.

    Raises:
        ValueError: it ends early, or a critical chunk's checksum is wrong. An ancillary chunk with
            a wrong checksum is left out.
    """
    view = memoryview(data)
    found: list[tuple[bytes, memoryview]] = []
    at = len(SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        if at + 12 > len(view):
            raise ValueError("the file ends early")
        length, kind = struct.unpack_from(">I4s", view, at)
        check_kind(kind)
        end = at + 8 + length
        if end + 4 > len(view):
            raise ValueError("the file ends early")
        if checksum(view[at + 4 : end]) == struct.unpack_from(">I", view, end)[0]:
            found.append((kind, view[at + 8 : end]))
        elif kind[0] < 97:  # upper case: critical
            raise ValueError(f"the checksum of its {kind.decode('latin-1')} chunk is wrong")
        if kind == b"IEND":
            return found
        at = end + 4
    raise ValueError("it is made of too many chunks")


def check_kind(kind: bytes) -> None:
    """Refuse what cannot be a chunk's type: four letters. Raises ValueError."""
    if not (kind.isalpha() and kind.isascii()):
        raise ValueError("something else than chunks is in it")


def inspect(data: Buffer) -> PngFile:
    """Read everything but the pixels.

    Args:
        data: the whole file.

    Raises:
        ValueError: the file is truncated or damaged.
    """
    parts = chunks(data)
    if parts and parts[0][0] == b"CgBI":
        raise NotSupportedError(
            "a PNG in Apple's own form for phones (CgBI)",
            "on a Mac, `pngcrush -revert-iphone-optimizations` of Xcode makes a PNG of it",
        )
    if not parts or parts[0][0] != b"IHDR" or len(parts[0][1]) != 13:
        raise ValueError("it has no header")
    width, height, bits, color_type = struct.unpack_from(">IIBB", parts[0][1])
    found = _Found(color_type)
    notes: list[str] = []
    for kind, body in parts:
        try:
            found.take(kind, body)
        except (struct.error, ValueError, IndexError, zlib.error):
            notes.append(f"its {kind.decode('latin-1')} chunk is damaged and was ignored")
    colors = found.colors()
    if colors.note is not None:
        notes.append(colors.note)
    notes = list(dict.fromkeys(notes))
    metadata = Metadata(
        icc=colors.icc,
        exif=found.exif,
        xmp=found.xmp,
        iptc=found.iptc,
        resolution=found.resolution,
        texts=tuple(found.texts),
        comment=found.comment,
    )
    return PngFile(width, height, bits, color_type, found.frames, found.key, metadata, tuple(notes))


@dataclass(slots=True)
class _Found:
    """What the chunks say, gathered one by one."""

    color_type: int
    frames: int = 1
    key: tuple[int, ...] | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comment: bytes | None = None
    resolution: Resolution | None = None
    texts: list[Text] = field(default_factory=list[Text])
    points: tuple[int, int] | None = None
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    srgb: bool = False
    room: int = MAX_METADATA

    def take(self, kind: bytes, body: memoryview) -> None:
        """Read one chunk. Raises struct.error, ValueError, IndexError or zlib.error."""
        if kind == b"acTL":
            self.frames = struct.unpack_from(">I", body)[0]
        elif kind == b"tRNS" and self.color_type in (GREY, RGB):
            self.key = struct.unpack(">H" if self.color_type == GREY else ">HHH", body)
        elif kind == b"iCCP":
            self.icc = self._inflate(bytes(body).split(b"\0", 1)[1][1:])
        elif kind == b"eXIf":
            self.exif = bytes(body).removeprefix(b"Exif\0\0")
        elif kind == b"cICP":
            self.points = struct.unpack(">BBBB", body)[:2]
        elif kind == b"gAMA":
            (gamma,) = struct.unpack(">I", body)
            self.gamma = gamma / 100000
        elif kind == b"cHRM":
            self.chromaticities = tuple(n / 100000 for n in struct.unpack(">8I", body))
        elif kind == b"sRGB":
            self.srgb = True
        elif kind == b"pHYs":
            x, y, metres = struct.unpack(">IIB", body)
            if x and y and metres == 1:
                self.resolution = Resolution.of_metres(x, y)
            elif x and y and x != y:
                self.resolution = Resolution(x, y, "")
        elif kind in _TEXTS:
            self._take_text(kind, bytes(body))

    def _take_text(self, kind: bytes, body: bytes) -> None:
        keyword, text = self._text(kind, body)
        if keyword == _XMP_KEYWORD:
            self.xmp = text
        elif keyword in (b"Raw profile type iptc", b"Raw profile type 8bim"):
            self.iptc = unwrap_iptc(_raw_profile(text)) or self.iptc
        elif keyword in (b"Raw profile type exif", b"Raw profile type APP1"):
            raw = _raw_profile(text).removeprefix(b"Exif\0\0")
            self.exif = self.exif or (raw if raw[:2] in (b"II", b"MM") else None)
        elif keyword == b"Comment" and self.comment is None:
            self.comment = text if kind == b"iTXt" else text.decode("latin-1").encode()
        elif keyword != b"Raw profile type icc":
            self.texts.append(Text(kind.decode("ascii"), body))

    def _text(self, kind: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Keyword and text. One that is kept as it is, is not unpacked and gives no text."""
        keyword, rest = body.split(b"\0", 1)
        if kind == b"tEXt":
            return keyword, rest
        used = keyword in (_XMP_KEYWORD, b"Comment") or keyword.startswith(b"Raw profile type ")
        if kind == b"zTXt":
            return keyword, self._inflate(rest[1:]) if used else b""
        compressed, rest = rest[0], rest[2:]
        text = rest.split(b"\0", 2)[2]
        return keyword, self._inflate(text) if compressed and used else text

    def _inflate(self, data: bytes) -> bytes:
        unpacker = zlib.decompressobj()
        out = unpacker.decompress(data, max(1, self.room))
        self.room -= len(out)
        if not unpacker.eof:
            raise ValueError("compressed metadata is cut off or too large")
        return out

    def colors(self) -> Described:
        """The colours, by the chunk that rules over the others (PNG, third edition, 12.1)."""
        grey = self.color_type in (GREY, 4)
        if self.points is not None:
            return of_code_points(*self.points, grey=grey)
        if self.icc is not None:
            return Described(self.icc)
        if self.srgb:
            return Described(None)
        return of_chunks(self.gamma, self.chromaticities, grey=grey)


def pixels_alone(data: Buffer, *, with_key: bool = True) -> bytes:
    """The same PNG with nothing but its pixels: decoders stumble over large or odd chunks.

    Args:
        data: the whole file.
        with_key: keep the transparent colour or the palette's alpha (tRNS).
    """
    wanted = [kind for kind in _CRITICAL if with_key or kind != b"tRNS"]
    kept = [chunk(kind, body) for kind, body in chunks(data) if kind in wanted]
    return SIGNATURE + b"".join(kept)


def encode(
    pixels: NDArray[Any],
    alpha: NDArray[Any] | None,
    metadata: Metadata,
    *,
    level: int | None = None,
) -> bytes:
    """Encode a PNG.

    Args:
        pixels: (H, W, 1) or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W) of the same dtype, or None.
        metadata: all of it is kept; IPTC as the "Raw profile" text that ExifTool, Exiv2 and
            ImageMagick read.
        level: OpenCV's, 1 to 9; None is fast, and no larger.

    Returns:
        The whole file.
    """
    extra = described(metadata)
    grey_with_alpha = pixels.shape[2] == 1 and alpha is not None
    if level is None or max(pixels.shape) > LONGEST_SIDE or grey_with_alpha:
        return _encode_rows(pixels if alpha is None else np.dstack((pixels, alpha)), extra, level)
    if pixels.shape[2] == 1:
        code = pixels
    elif alpha is None:
        code = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    else:
        code = np.dstack((pixels[..., ::-1], alpha))
    body = cv2.imencode(".png", code, [cv2.IMWRITE_PNG_COMPRESSION, level])[1].tobytes()
    after_header = len(SIGNATURE) + 25
    return b"".join((body[:after_header], *extra, memoryview(body)[after_header:]))


def described(metadata: Metadata) -> list[bytes]:
    """The chunks that hold what travels beside the pixels; they go behind the header."""
    extra: list[bytes] = []
    if metadata.icc is not None:
        extra.append(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.exif is not None:
        extra.append(chunk(b"eXIf", metadata.exif))
    if metadata.xmp is not None:
        extra.append(chunk(b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp))
    if metadata.iptc is not None:
        raw = wrap_iptc(metadata.iptc)
        text = b"\niptc\n%8d\n%s\n" % (len(raw), raw.hex("\n", -36).encode())
        extra.append(chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text)))
    if metadata.resolution is not None:
        extra.append(chunk(b"pHYs", _physical(metadata.resolution)))
    if metadata.comment is not None:
        text = metadata.comment.decode("utf-8", "replace").encode()
        extra.append(chunk(b"iTXt", b"Comment\0\0\0\0\0" + text))
    return extra + [chunk(text.kind.encode(), text.body) for text in metadata.texts]


def _physical(resolution: Resolution) -> bytes:
    known = bool(resolution.unit)
    x, y = resolution.per("cm")
    scale = 100 if known else 1
    return struct.pack(">IIB", max(1, round(x * scale)), max(1, round(y * scale)), known)


def _encode_rows(samples: NDArray[Any], further: Sequence[bytes], level: int | None) -> bytes:
    """Encode (H, W, 1 to 4) without OpenCV, which writes neither grey with alpha nor long sides."""
    height, width, channels = samples.shape
    out = io.BytesIO()
    rows = PngRows(out, (height, width, channels), samples.dtype, further, level=level)
    rows.write(samples)
    rows.close()
    return out.getvalue()


def _raw_profile(text: bytes) -> bytes:
    """Undo ImageMagick's form: a name, a length, then hexadecimal lines."""
    _, _, rest = text.strip().partition(b"\n")
    length, _, digits = rest.strip().partition(b"\n")
    return bytes.fromhex(digits.decode("ascii"))[: int(length)]
