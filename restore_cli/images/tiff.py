"""TIFF: what a page says, and its samples (TIFF 6.0, BigTIFF).

tifffile and imagecodecs decode: all usual compressions, tiles, planes, any number of bits. They do
not carry EXIF and GPS directories from file to file, so the tags are read here, byte for byte.
"""

from __future__ import annotations

import io
import logging
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.images import tiff_libtiff
from restore_cli.images.ifd import LONG, Buffer, Directory, TagReader
from restore_cli.images.metadata import (
    GEO_TAGS,
    ORIENTATION,
    Metadata,
    exif_of_page,
    orientation,
    unwrap_iptc,
)
from restore_cli.images.refusal import NotSupportedError

if TYPE_CHECKING:
    import tifffile

XMP, IPTC, ICC = 700, 33723, 34675
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
STRIPS, SAMPLES, ROWS, STRIP_SIZES, PLANAR, PREDICTOR = 273, 277, 278, 279, 284, 317
TILE_W, TILE_H, TILES, TILE_SIZES, EXTRA, FORMAT = 322, 323, 324, 325, 338, 339
_PHOTOSHOP, _DNG_VERSION = 34377, 50706
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
CIELAB, ICCLAB, ITULAB = 8, 9, 10
_TILE_SIDES = (322, 323)
_COLORS = {RGB: 3, CMYK: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3, ITULAB: 3}
_UNREAD = {4: "a transparency mask", 32803: "a camera's mosaic", 34892: "linear RAW"} | {
    32844: "SGI LogL light",
    32845: "SGI LogLuv light",
}
_OLD_JPEG = 6
_TO_RGB = (7, 33007, 34892)  # JPEG's decoders turn YCbCr into RGB
# What tifffile complains about while it goes on reading is checked here, or is of no account.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class NoSuchPageError(Exception):
    """A page is asked for that a file does not have.

    Args:
        pages: how many it has.
    """

    def __init__(self, pages: int) -> None:
        super().__init__(f"it holds {pages} pages")
        self.pages = pages


@dataclass(frozen=True, slots=True)
class TiffFile:
    """One full picture of a TIFF.

    Args:
        page: the picture's tags.
        pages: how many full pictures the file has (thumbnails and masks do not count).
        raw: True for a DNG.
        width: pixels.
        height: pixels.
        bits: per sample, one for each.
        formats: sample formats that occur; 1 is unsigned, 2 signed, 3 floating point.
        photometric: 0 and 1 grey, 2 RGB, 5 CMYK, ...
        compression: the tag's number; 1 is none.
        planar: True where the channels lie apart.
        extra: what the samples beyond the colour are: 1 premultiplied alpha, 2 alpha, 0 unknown.
        metadata: profile, EXIF, XMP, IPTC.
        orientation: EXIF orientation, 1 to 8.
        notes: what was left out of the metadata, in words.
    """

    page: Directory
    pages: int
    raw: bool
    width: int
    height: int
    bits: tuple[int, ...]
    formats: frozenset[int]
    photometric: int
    compression: int
    planar: bool
    extra: tuple[int, ...]
    metadata: Metadata
    orientation: int
    notes: tuple[str, ...] = ()


def inspect(data: Buffer, number: int = 0) -> TiffFile:
    """Read everything but the pixels.

    Args:
        data: the whole file.
        number: which of its full pictures, from 0 on.

    Raises:
        ValueError: the file is truncated or damaged.
        NoSuchPageError: it has pictures, but not so many.
    """
    reader = TagReader.open(data)
    chain = reader.chain()

    def value(page: Directory, tag: int, default: int) -> int:
        return (reader.numbers(page.fields.get(tag)) or (default,))[0]

    full = [page for page in chain if not value(page, SUBFILE, 0) & 5]
    if not full:
        raise ValueError("it holds no picture")
    if number >= len(full):
        raise NoSuchPageError(len(full))
    page = full[number]
    fields = page.fields
    _check_parts(reader, page, len(data))
    samples = value(page, SAMPLES, 1)
    bits = reader.numbers(fields.get(BITS)) or (1,)
    photometric = value(page, PHOTOMETRIC, BLACK_IS_ZERO)
    # Some writers name more channels than there are.
    extra = reader.numbers(fields.get(EXTRA))[: max(samples - 1, 0)]
    missing = samples - _COLORS.get(photometric, 1) - len(extra)
    icc, xmp = (fields[tag].raw if tag in fields else None for tag in (ICC, XMP))
    turned = value(page, ORIENTATION, 0) or orientation(None, xmp)
    exif, notes = exif_of_page(reader, page)
    if turned > 1 and exif is not None and GEO_TAGS & fields.keys():
        exif, notes = exif_of_page(reader, page, geo=False)
        notes += ("its GeoTIFF tags were left out: they hold for the picture as it lay",)
    return TiffFile(
        page=page,
        pages=len(full),
        raw=any(_DNG_VERSION in each.fields for each in chain),
        width=value(page, WIDTH, 0),
        height=value(page, HEIGHT, 0),
        bits=bits if len(bits) == samples else bits[:1] * samples,
        formats=frozenset(reader.numbers(fields.get(FORMAT)) or (1,)),
        photometric=photometric,
        compression=value(page, COMPRESSION, 1),
        planar=value(page, PLANAR, 1) == 2,
        # Writers that forget to name a fourth channel mean alpha.
        extra=extra + (2,) * max(missing, 0),
        metadata=Metadata(icc=icc, exif=exif, xmp=xmp, iptc=_iptc(reader, page)),
        orientation=turned if 1 <= turned <= 8 else 1,
        notes=notes,
    )


def _check_parts(reader: TagReader, page: Directory, length: int) -> None:
    """Raises ValueError: strips or tiles lie beyond the file, or have no size."""
    fields = page.fields
    for offsets, sizes in ((STRIPS, STRIP_SIZES), (TILES, TILE_SIZES)):
        ends = zip(
            reader.numbers(fields.get(offsets)), reader.numbers(fields.get(sizes)), strict=False
        )
        if any(start + size > length for start, size in ends):
            raise ValueError("the file ends early")
    tiled = TILES in fields
    sides = _TILE_SIDES if tiled else (ROWS,)
    if any(0 in reader.numbers(fields.get(tag))[:1] for tag in sides):
        raise ValueError("its tiles have no size" if tiled else "its strips have no rows")


def check_supported(file: TiffFile) -> None:
    """Refuse, by name, what is not read.

    Raises:
        NotSupportedError: says what.
    """
    if file.formats - {1, 3, 4} and file.photometric not in (CIELAB, ITULAB):
        raise NotSupportedError("a TIFF of signed or complex samples")
    depth = max(file.bits)
    if len(set(file.bits)) > 1:
        raise NotSupportedError(f"a TIFF of samples of unlike depth ({file.bits} bits)")
    if depth > 16 and 3 not in file.formats:
        raise NotSupportedError(f"a TIFF of {depth}-bit integer samples")
    if file.photometric in _UNREAD:
        raise NotSupportedError(f"a TIFF that holds {_UNREAD[file.photometric]}")
    if file.photometric > ITULAB:
        raise NotSupportedError(f"a TIFF of photometric interpretation {file.photometric}")


def read_samples(data: Buffer, file: TiffFile) -> NDArray[Any]:
    """Decode all samples of a picture.

    Args:
        data: the whole file.
        file: its layout; `check_supported` has passed it.

    Returns:
        (H, W, C) with all samples as stored, alpha too: uint8 (up to 8 bits), uint16 or float32,
        scaled to the full range of the type. Palettes and YCbCr have become RGB. Lab
        keeps its own numbers; see `profile.lab_to_srgb`.

    Raises:
        NotSupportedError: the compression is not read.
        ValueError: the data is damaged.
    """
    import tifffile

    if file.compression == _OLD_JPEG:
        return tiff_libtiff.old_jpeg(data, file)
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        page = next((p for p in opened.pages if p.offset == file.page.offset), None)
        if not isinstance(page, tifffile.TiffPage):
            raise ValueError("its picture cannot be found")
        if file.compression != 1 and file.compression not in tifffile.TIFF.DECOMPRESSORS:
            raise NotSupportedError(
                f"a TIFF compressed by {tiff_libtiff.compression_name(file.compression)}"
            )
        check_complete(page, len(data))
        if file.photometric == YCBCR and file.compression not in _TO_RGB:
            return tiff_libtiff.ycbcr(data, file)
        try:
            samples = page.asarray(maxworkers=1)
        except (NotImplementedError, ImportError) as error:
            raise NotSupportedError(f"this kind of TIFF ({error})") from error
        except RuntimeError as error:  # the codecs' own
            raise ValueError(str(error)) from error
        colors = page.colormap
    return settled(samples, file, colors)


def settled(samples: NDArray[Any], file: TiffFile, colors: NDArray[Any] | None) -> NDArray[Any]:
    """Bring samples as tifffile gives them to what `read_samples` promises.

    Args:
        samples: of the whole picture, planes first where they lie apart.
        file: its layout.
        colors: the palette, where there is one.
    """
    samples = _as_rows(samples, file)
    if file.photometric == PALETTE and colors is not None:
        return _with_palette(samples, colors)
    return _full_range(samples, file)


def check_complete(page: tifffile.TiffPage, length: int) -> None:
    """What tifffile would fill with zeros: segments that are missing, empty or short.

    Raises:
        ValueError: the data is less than the picture.
    """
    across = 1
    if page.is_tiled:
        across = math.ceil(page.imagewidth / page.tilewidth)
        down = math.ceil(page.imagelength / page.tilelength)
    else:
        down = math.ceil(page.imagelength / page.rowsperstrip)
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    expected = across * down * planes
    sizes = page.databytecounts
    if len(page.dataoffsets) < expected or len(sizes) < expected or min(sizes[:expected]) <= 0:
        raise ValueError("the file holds less than its picture")
    if page.compression == 1 and not page.is_subsampled:
        row = (page.imagewidth * page.bitspersample * page.samplesperpixel + 7) // 8
        # Segments may share their bytes, so that together they seem to be more than the file.
        if min(sum(sizes), length) < row * page.imagelength:
            raise ValueError("the file holds less than its picture")


def _as_rows(samples: NDArray[Any], file: TiffFile) -> NDArray[Any]:
    """From tifffile's samples, planes first where they lie apart, to (H, W, C)."""
    planes = file.planar and len(file.bits) > 1
    count = len(file.bits)
    if samples.size != file.height * file.width * count:
        raise NotSupportedError("a TIFF of volumes")
    if planes:
        rows = np.moveaxis(samples.reshape(count, file.height, file.width), 0, -1)
    else:
        rows = samples.reshape(file.height, file.width, count)
    return rows


def _full_range(samples: NDArray[Any], file: TiffFile) -> NDArray[Any]:
    if samples.dtype.kind == "f":
        out = samples.astype(np.float32)
        return 1 - out if file.photometric == WHITE_IS_ZERO else out
    bits = file.bits[0]
    if samples.dtype.kind == "i":
        return samples
    if bits not in (8, 16):
        top, full = (1 << bits) - 1, 255 if bits < 8 else 65535
        scaled = (samples.astype(np.uint32) * (2 * full) + top) // (2 * top)
        samples = scaled.astype(np.uint8 if bits < 8 else np.uint16)
    out = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    if file.photometric == WHITE_IS_ZERO:
        out = out.copy()
        np.subtract(np.iinfo(out.dtype).max, out[..., 0], out=out[..., 0])
    return out


def lab_numbers(samples: NDArray[Any], photometric: int) -> NDArray[np.float32]:
    """L* in [0, 100], a* and b*, from the codes of a TIFF (TIFF 6.0, section 23; ICC, annex A)."""
    deep = samples.dtype.itemsize == 2
    codes = samples.view(np.uint16 if deep else np.uint8)
    scale = 256.0 if deep else 1.0
    high = codes[..., :1].astype(np.float32) / (
        65280.0 if deep and photometric == 9 else 255 * scale
    )
    if photometric == ICCLAB:
        chroma = codes[..., 1:].astype(np.float32) / scale - 128
    else:
        chroma = codes[..., 1:].view(np.int16 if deep else np.int8).astype(np.float32) / scale
    return np.concatenate((high * 100, chroma), axis=2).astype(np.float32)


def _with_palette(samples: NDArray[Any], colors: NDArray[Any]) -> NDArray[np.uint8]:
    table = colors.T.astype(np.uint32)
    # Some writers store 8-bit colours where 16-bit ones belong.
    eight = table if table.max() < 256 else (table + 128) // 257
    index = samples[..., 0].astype(np.intp)
    if index.max(initial=0) >= len(eight):
        raise ValueError("a colour lies beyond the palette")
    rows = eight.astype(np.uint8)[index]
    rest = samples[..., 1:].astype(np.uint8)
    return np.concatenate((rows, rest), axis=2) if rest.shape[2] else rows


def _iptc(reader: TagReader, page: Directory) -> bytes | None:
    field = page.fields.get(IPTC)
    if field is not None:
        if field.kind != LONG:
            return field.raw
        # A famous old mistake: the bytes stored as words, so in the file's byte order.
        return struct.pack(f">{field.count}I", *reader.numbers(field)).rstrip(b"\0")
    field = page.fields.get(_PHOTOSHOP)
    return unwrap_iptc(field.raw) if field is not None else None
