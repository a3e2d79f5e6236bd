"""DNG files that users have, each of another kind, with the light that they hold."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from dng_files import packed, ratios, repacked, write
from PIL import Image, ImageCms

HEIGHT, WIDTH = 96, 128
GREY = np.full((HEIGHT, WIDTH, 3), 0.5)
GREY[:8] = 1
RAMP = np.broadcast_to(np.linspace(0.1, 0.6, WIDTH)[None, :, None], (HEIGHT, WIDTH, 3))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'xmp:Rating="4" xmp:Label="Red"><dc:subject><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag>'
    b"</dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x19\x00\x03cat"


@dataclass(frozen=True)
class DngCase:
    """A file: its name, how it is written, and the light (H, W, 3) that it must give.

    `lost` is the width of the border where interpolation may differ, `within` the tolerance.
    """

    name: str
    make: Callable[[Path], object]
    right: np.ndarray
    within: float = 1e-3
    lost: int = 0


def of_black(*black: int) -> Callable[[Path], object]:
    """A linear file with a black level for each colour."""
    codes = np.round(np.array(black) + GREY * (16383 - np.array(black))).astype(np.uint16)
    tags = ((50714, 4, 3, black), (50717, 4, 3, (16383,) * 3))
    return lambda path: write(path, codes, *tags)


def placed(
    *tags: tuple[object, ...], shape: tuple[int, int] = (HEIGHT, WIDTH)
) -> Callable[[Path], object]:
    """A mosaic whose codes tell where they lie."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return lambda path: write(path, (20000 + 100 * y + 50 * x).astype(np.uint16), *tags)


def at(top: int, left: int, height: int, width: int) -> np.ndarray:
    """The light of an area of `placed`."""
    y, x = np.mgrid[top : top + height, left : left + width]
    return np.repeat(((20000 + 100 * y + 50 * x) / 65535)[..., None], 3, 2)


def op(number: int, data: bytes, *, optional: bool = False) -> bytes:
    """One opcode."""
    return struct.pack(">4I", number, 0x01030000, int(optional), len(data)) + data


def listed(*ops: bytes) -> bytes:
    """An opcode list."""
    return struct.pack(">I", len(ops)) + b"".join(ops)


def gain_map() -> bytes:
    """A list that doubles the left edge and leaves the right one."""
    where = struct.pack(">4i4I", 0, 0, HEIGHT, WIDTH, 0, 1, 1, 1)
    head = struct.pack(">2I4dI", 1, 2, 1.0, 1.0, 0.0, 0.0, 1)
    return listed(op(9, where + head + struct.pack(">2f", 2, 1)))


def with_gains(path: Path) -> object:
    data = gain_map()
    return write(path, np.full((HEIGHT, WIDTH), 13107, np.uint16), (51009, 7, len(data), data))


def lossy(path: Path) -> object:
    """Lossy JPEG, and the table that makes it linear."""
    out = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (128, 128, 128)).save(out, "JPEG", quality=98)
    table = tuple(int(v) for v in np.round((np.arange(256) / 255) ** 2 * 65535))
    tags = ((50712, 3, 256, table), (50717, 4, 3, (65535,) * 3))
    write(path, np.full((HEIGHT, WIDTH, 3), 7, np.uint8), *tags, rowsperstrip=HEIGHT)
    return repacked(path, out.getvalue(), _259=34892)


def jpeg_xl(path: Path) -> object:
    codes = np.round(RAMP * 65535).astype(np.uint16)
    return write(path, codes, compression=52546, compressionargs={"lossless": True})


def twelve_bits(path: Path) -> object:
    codes = np.full((HEIGHT, WIDTH), 2048, np.uint16)
    write(path, codes, byteorder=">", rowsperstrip=HEIGHT)
    return repacked(path, packed(codes, 12), order="big", _258=12)


def table_after_list_1(path: Path) -> object:
    """Bad pixels are told by their code, and the table makes light of it afterwards."""
    table = np.round((np.arange(1024) / 1023) ** 2 * 65535).astype(int)
    codes = np.full((HEIGHT, WIDTH), 512, np.uint16)
    codes[40, 50] = 700
    data = listed(op(4, struct.pack(">2I", 700, 0)))
    tags = ((50712, 3, 1024, tuple(table.tolist())), (51008, 7, len(data), data))
    return write(path, codes, *tags)


@cache
def other_profile() -> bytes:
    """A profile that is not sRGB's; its making date is part of it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def with_preview(path: Path) -> object:
    """A turned file: a JPEG preview with a profile first, the mosaic in a directory below."""
    import tifffile
    from dng_files import CFA, TO_CAMERA

    preview = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    preview[:, : WIDTH // 2] = (200, 30, 30)
    first = [
        (50706, 1, 4, bytes((1, 7, 0, 0)), True),
        (50708, 2, 0, "Test Camera", True),
        (50721, 10, 9, ratios(TO_CAMERA), True),
        (50728, 5, 3, ratios(np.ones(3)), True),
        (50778, 3, 1, 21, True),
        (274, 3, 1, 6, True),
    ]
    cells = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes((0, 1, 1, 2)), True)]
    codes = np.round(at(0, 0, HEIGHT, WIDTH)[..., 0] * 65535).astype(np.uint16)
    with tifffile.TiffWriter(path) as out:
        out.write(
            preview,
            photometric="rgb",
            subfiletype=1,
            subifds=1,
            extratags=first,
            metadata=None,
            iccprofile=other_profile(),
        )
        out.write(codes, photometric=CFA, subfiletype=0, extratags=cells, metadata=None)
    return path


HALF = np.full((HEIGHT, WIDTH, 3), 0.5)
CENTRES = (np.arange(WIDTH) + 0.5) / WIDTH
DNG_CASES = [
    DngCase("black-same.dng", of_black(2048, 2048, 2048), GREY),
    DngCase("black-unlike.dng", of_black(256, 512, 1024), GREY),
    DngCase(
        "float16.dng",
        lambda path: write(path, GREY.astype(np.float16), compression="deflate"),
        GREY,
    ),
    DngCase(
        "crop.dng",
        placed((50719, 5, 2, ratios([8, 6])), (50720, 5, 2, ratios([112, 80]))),
        at(6, 8, 80, 112),
        lost=2,
    ),
    DngCase(
        "user-crop.dng", placed((51125, 5, 4, ratios([0.25, 0.25, 0.75, 0.75]))), at(24, 32, 48, 64)
    ),
    DngCase(
        "active-odd.dng",
        placed((50829, 4, 4, (5, 7, 101, 135)), shape=(104, 136)),
        at(5, 7, 96, 128),
        lost=3,
    ),
    DngCase(
        "gain-map.dng",
        with_gains,
        np.broadcast_to((0.2 * (2 - CENTRES))[None, :, None], (HEIGHT, WIDTH, 3)),
        within=2e-3,
        lost=2,
    ),
    DngCase("preview.dng", with_preview, np.rot90(at(0, 0, HEIGHT, WIDTH), -1), lost=3),
    DngCase(
        "metadata.dng",
        placed((700, 1, len(XMP), XMP), (33723, 7, len(IPTC), IPTC)),
        at(0, 0, HEIGHT, WIDTH),
        lost=3,
    ),
    DngCase("jpeg-xl.dng", jpeg_xl, RAMP),
    DngCase("lossy.dng", lossy, np.full((HEIGHT, WIDTH, 3), (128 / 255) ** 2), within=3e-3),
    DngCase("12-bits-big-endian.dng", twelve_bits, HALF),
    DngCase(
        "list-1-then-table.dng",
        table_after_list_1,
        np.full((HEIGHT, WIDTH, 3), (512 / 1023) ** 2),
    ),
]
