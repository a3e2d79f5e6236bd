"""Files that users have, built here: what `test_cases.py` sends through the command."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

from restore_cli.images.jpeg import with_metadata
from restore_cli.images.metadata import Metadata
from restore_cli.images.thumbnail import renewed

RNG = np.random.default_rng(22)
SMOOTH = np.add.outer(np.arange(32), np.arange(48) * 2)[..., None] + np.array((0, 40, 90))
EIGHT = SMOOTH.astype(np.uint8)
DEEP = (SMOOTH * 257 + RNG.integers(0, 200, SMOOTH.shape)).astype(np.uint16)
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmp:Rating="5"><dc:source>{}</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>'
)
GEO = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0, 0, 0, 5e5, 6e6, 0), True)]


@dataclass(frozen=True)
class Case:
    """A file: its name, its bytes, the pixels it must give, or the words of its refusal."""

    name: str
    make: Callable[[], bytes]
    right: np.ndarray | str
    note: str = ""


def tiff(samples: np.ndarray, **options: object) -> Callable[[], bytes]:
    def make() -> bytes:
        out = io.BytesIO()
        tifffile.imwrite(out, samples, **{"photometric": "rgb", "metadata": None} | options)
        return out.getvalue()

    return make


def by_pillow(kind: str, samples: np.ndarray = EIGHT, **options: object) -> Callable[[], bytes]:
    def make() -> bytes:
        out = io.BytesIO()
        Image.fromarray(samples).save(out, kind, **options)
        return out.getvalue()

    return make


def packed_12_bits() -> bytes:
    """A TIFF of 12 bits per sample, two samples in three bytes (TIFF 6.0)."""
    pairs = (DEEP >> 4).reshape(-1, 2).astype(np.uint32)
    words = (pairs[:, 0] << 12) | pairs[:, 1]
    body = np.stack([(words >> n) & 255 for n in (16, 8, 0)], axis=1).astype(np.uint8).tobytes()
    tags = {256: 48, 257: 32, 259: 1, 262: 2, 273: 8, 277: 3, 278: 32, 279: len(body), 284: 1}
    at = 8 + len(body)
    entries = b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags.items() if t < 258)
    entries += struct.pack("<HHII", 258, 3, 3, at + 2 + 12 * 10 + 4)
    entries += b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags.items() if t > 258)
    end = b"\0\0\0\0" + struct.pack("<HHH", 12, 12, 12)
    return b"II*\0" + struct.pack("<I", at) + body + struct.pack("<H", 10) + entries + end


def flipped_bit() -> bytes:
    data = bytearray(tiff(DEEP, compression="zlib")())
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        page = file.pages.first
        data[page.dataoffsets[0] + page.databytecounts[0] // 2] ^= 16
    return bytes(data)


def lying_length(compression: str | None) -> Callable[[], bytes]:
    """ImageLength beyond the data."""

    def make() -> bytes:
        data = bytearray(tiff(EIGHT, compression=compression)())
        with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
            for name in ("ImageLength", "RowsPerStrip"):
                tag = file.pages.first.tags[name]
                code = "<I" if tag.dtype == 4 else "<H"
                struct.pack_into(code, data, tag.valueoffset, 320)
        return bytes(data)

    return make


def old_jpeg() -> bytes:
    """Compression 6: a whole JPEG named by JPEGInterchangeFormat (TIFF 6.0, section 22)."""
    jpeg = by_pillow("JPEG", quality=95, subsampling="4:4:4")()
    tags = {256: 48, 257: 32, 258: 8, 259: 6, 262: 6, 273: 8, 277: 3, 278: 32, 279: len(jpeg)}
    tags |= {284: 1, 512: 1, 513: 8, 514: len(jpeg)}
    entries = b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags.items())
    body = jpeg + b"\0" * (len(jpeg) % 2)
    head = b"II*\0" + struct.pack("<I", 8 + len(body))
    return head + body + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"


def ycbcr(subsampled: int) -> Callable[[], bytes]:
    """Uncompressed YCbCr (TIFF 6.0, section 21): a data unit is its lumas, then Cb and Cr."""

    def make() -> bytes:
        codes = np.asarray(Image.fromarray(EIGHT).convert("YCbCr"))
        units = codes.reshape(32 // subsampled, subsampled, 48 // subsampled, subsampled, 3)
        units = units.transpose(0, 2, 1, 3, 4).reshape(-1, subsampled**2, 3)
        chroma = np.rint(units[..., 1:].mean(axis=1)).astype(np.uint8)
        body = np.concatenate((units[..., 0], chroma), axis=1).tobytes()
        tags = {256: (48,), 257: (32,), 258: (8, 8, 8), 259: (1,), 262: (6,), 273: (8,)}
        tags |= {277: (3,), 278: (32,), 279: (len(body),), 284: (1,), 530: (subsampled, subsampled)}
        beyond = 8 + len(body) + 2 + 12 * len(tags) + 4
        entries = b"".join(
            struct.pack("<HHI", tag, 4 if len(values) == 1 else 3, len(values))
            + (
                struct.pack("<I", values[0])
                if len(values) == 1
                else struct.pack("<I", beyond)
                if len(values) > 2
                else struct.pack("<2H", *values)
            )
            for tag, values in tags.items()
        )
        head = b"II*\0" + struct.pack("<I", 8 + len(body))
        return head + body + struct.pack("<H", len(tags)) + entries + bytes(4) + bytes((8, 0)) * 3

    return make


def two_pictures() -> bytes:
    """A JPEG with a second one behind it, which its MPF segment names (CIPA DC-007)."""
    out = io.BytesIO()
    second = Image.fromarray(255 - EIGHT)
    Image.fromarray(EIGHT).save(
        out, "MPO", save_all=True, append_images=[second], quality=95, subsampling="4:4:4"
    )
    return out.getvalue()


def with_thumbnail() -> bytes:
    """A JPEG whose EXIF block holds a small picture of something else."""
    plain = by_pillow("JPEG", quality=95, subsampling="4:4:4")()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    block = renewed(exif.tobytes().removeprefix(b"Exif\0\0"), 255 - EIGHT)
    return with_metadata(plain, Metadata(exif=block))


def lab() -> bytes:
    """L* in full steps, a* and b* zero: greys."""
    codes = np.zeros((32, 48, 3), np.uint8)
    codes[..., 0] = np.arange(48) * 5
    return tiff(codes, photometric="cielab")()


def greys_of_lab() -> np.ndarray:
    high = np.arange(48) * 5 / 255 * 100
    y = np.where(high > 8, ((high + 16) / 116) ** 3, high * 27 / 24389)
    encoded = np.where(y <= 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)
    return np.broadcast_to((encoded * 65535)[None, :, None], (32, 48, 3))


def big_xmp() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.format("w" * 60_000_000))
    return by_pillow("PNG", pnginfo=info, compress_level=1)()


def texts() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Holiday")
    info.add_text("parameters", "a cat\nSteps: 20", zip=True)
    info.add_itxt("Description", "Straße 海", "de", "Beschreibung", zip=True)
    return by_pillow("PNG", pnginfo=info)()


INKS = np.dstack((255 - EIGHT, np.full((32, 48), 30, np.uint8)))
PAPER = ((255 - INKS[..., :3].astype(int)) * 225 + 127) // 255
FLOATS = (SMOOTH / 255).astype(np.float16)
NAMED = "is not supported"
FOUR = np.dstack((EIGHT, EIGHT[..., ::-1]))
WITH_ALPHA = np.dstack((INKS, EIGHT[..., 0]))
CASES = [
    *(
        Case(f"{name}.tif", tiff(DEEP, compression=name), DEEP)
        for name in ("zstd", "lzma", "lzw", "zlib", "packbits", "jpeg2000", "lerc", "png")
    ),
    Case("tiles.tif", tiff(DEEP, compression="zstd", tile=(16, 16)), DEEP),
    Case("webp.tif", tiff(EIGHT, compression="webp", compressionargs={"lossless": True}), EIGHT),
    Case("big.tif", tiff(DEEP, bigtiff=True), DEEP),
    Case("planar.tif", tiff(np.moveaxis(DEEP, 2, 0), planarconfig="separate"), DEEP),
    Case("12bits.tif", packed_12_bits, (DEEP >> 4) * 65535.0 / 4095),
    Case("half.tif", tiff(FLOATS), FLOATS.astype(np.float32)),
    Case("cmyk.tif", tiff(INKS, photometric="separated"), PAPER, "CMYK was converted"),
    Case(
        "cmyka.tif",
        tiff(WITH_ALPHA, photometric="separated", extrasamples=["unassalpha"]),
        PAPER,
        "CMYK was converted",
    ),
    Case("lab.tif", lab, greys_of_lab(), "L*a*b* was converted"),
    Case(
        "extras.tif",
        tiff(FOUR, extrasamples=["unspecified"] * 3),
        EIGHT,
        "neither colour nor alpha",
    ),
    Case("geo.tif", tiff(EIGHT, extratags=GEO), EIGHT),
    Case("flipped.tif", flipped_bit, "damaged"),
    Case("lying.tif", lying_length(None), "damaged"),
    Case("lying-zlib.tif", lying_length("zlib"), "damaged"),
    Case("old-jpeg.tif", old_jpeg, EIGHT),
    Case("ycbcr.tif", ycbcr(1), EIGHT),
    Case("ycbcr-half.tif", ycbcr(2), EIGHT),
    Case("mpf.jpg", two_pictures, EIGHT, "a second picture in it (gain map, depth or preview)"),
    Case("thumbnail.jpg", with_thumbnail, EIGHT),
    Case("text.png", texts, EIGHT),
    Case("xmp60.png", big_xmp, EIGHT),
    Case("lossless.webp", by_pillow("WEBP", lossless=True), EIGHT),
    Case("lossy.webp", by_pillow("WEBP", quality=90), EIGHT),
    Case("plain.jpg", by_pillow("JPEG", quality=61, subsampling="4:2:2", dpi=(240, 240)), EIGHT),
    Case("lossless.jpg", lambda: imagecodecs.ljpeg_encode(EIGHT[..., 0]), f"lossless JPEG {NAMED}"),
    Case("ls.jpg", lambda: imagecodecs.jpegls_encode(EIGHT), f"JPEG-LS file {NAMED}"),
    Case("12.jpg", lambda: imagecodecs.jpeg8_encode(DEEP >> 4, bitspersample=12), NAMED),
    Case("plain.qoi", by_pillow("QOI"), EIGHT),
    Case("plain.tga", by_pillow("TGA", compression="tga_rle"), EIGHT),
    Case("plain.bmp", by_pillow("BMP", dpi=(300, 300)), EIGHT),
]
