"""The same colours in a colour-managed viewer after a picture went through: 24 patches.

LittleCMS and CIEDE2000 judge, each file as other software reads it: pixels and profile.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from icc_profiles import ADOBE_RGB, P3, PROPHOTO, SRGB, curv, grey_profile, para, profile, table
from PIL import Image
from skimage.color import deltaE_ciede2000

from restore_cli.images.formats import FORMATS
from restore_cli.images.picture import Picture
from restore_cli.images.saving import Saving

# The patches of a ColorChecker, sRGB; the cyan one lies at its edge.
CHECKER = (
    "735244 c29682 627a9d 576c43 8580b1 67bdaa d67e2c 505ba6 c15a63 5e3c6c 9dbc40 e0a32e "
    "383d96 469449 af363c e7c71f bb5695 0885a1 f3f3f2 c8c8c8 a0a0a0 7a7a79 555555 343434"
)
PATCHES = np.array([list(bytes.fromhex(word)) for word in CHECKER.split()], np.float32) / 255
SRGB_D50 = [[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.7141]]
SRGB_CURVE = para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
LAB = bytes(imagecodecs.cms_profile("lab4"))
SIDE = 16  # pixels of a patch: blocks of JPEG lie within one


def convert(values: np.ndarray, source: bytes, target: bytes) -> np.ndarray:
    """Relative colorimetric, in floating point, (h, w, C) to (h, w, C)."""
    spaces = {b"GRAY": "gray", b"RGB ": "rgb", b"Lab ": "lab"}
    names = [spaces[icc[16:20]] for icc in (source, target)]
    samples = values[..., 0] if names[0] == "gray" else values
    done = imagecodecs.cms_transform(
        np.ascontiguousarray(samples, np.float32),
        source,
        target,
        colorspace=names[0],
        outcolorspace=names[1],
        outdtype="float32",
        intent=1,
    )
    return done.reshape(*values.shape[:2], -1)


def patches(icc: bytes, depth: int) -> np.ndarray:
    """The patches as a file in this profile holds them, (1 row of blocks)."""
    grey = icc[16:20] == b"GRAY"
    colors = np.linspace(0.1, 0.95, 24, dtype=np.float32)[None, :, None].repeat(3, 2)
    values = np.clip(convert(colors if grey else PATCHES[None], SRGB, icc), 0, 1)
    top = (1 << depth) - 1
    codes = np.rint(values * top).astype(np.uint8 if depth == 8 else np.uint16)
    return codes.reshape(4, 6, -1).repeat(SIDE, 0).repeat(SIDE, 1)


def lab(samples: np.ndarray, icc: bytes) -> np.ndarray:
    """L*a*b* at the middle of every patch, (24, 3)."""
    middle = samples[SIDE // 2 :: SIDE, SIDE // 2 :: SIDE]
    middle = middle.reshape(1, 24, -1)
    if middle.dtype.kind != "f":
        middle = middle / np.float32(np.iinfo(middle.dtype).max)
    return convert(middle, icc, LAB)[0]


def as_others_see(path: Path) -> tuple[np.ndarray, bytes]:
    """Pixels and profile by other software than ours."""
    if path.suffix == ".tiff":
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            samples, icc = page.asarray(), page.iccprofile
    elif path.suffix in (".exr", ".hdr", ".pfm"):
        linear = imread_light(path)
        encoded = np.where(
            linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055
        )
        samples, icc = encoded.astype(np.float32), None
    elif path.suffix == ".pam":
        samples, icc = pam(path.read_bytes()), None
    elif path.suffix == ".jxl":
        samples, icc = imagecodecs.jpegxl_decode(path.read_bytes()), None
    elif path.suffix == ".heic":
        import pillow_heif

        file = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
        samples, icc = np.asarray(file), file.info.get("icc_profile")
    else:
        with Image.open(path) as image:
            samples, icc = np.asarray(image), image.info.get("icc_profile")
    if path.suffix in (".png", ".ppm"):  # Pillow gives colour of 16 bits at 8
        samples = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        samples = samples if samples.ndim == 2 else samples[..., ::-1]
    samples = samples[..., None] if samples.ndim == 2 else samples
    grey = samples.shape[2] == 1
    return samples, icc or (profile(b"GRAY", SRGB_CURVE) if grey else SRGB)


def pam(data: bytes) -> np.ndarray:
    """By the specification: OpenCV swaps the channels."""
    head, _, body = data.partition(b"ENDHDR\n")
    words = head.split()
    shape = [int(words[words.index(name) + 1]) for name in (b"HEIGHT", b"WIDTH", b"DEPTH")]
    deep = b"65535" in words
    codes = np.frombuffer(body, ">u2" if deep else np.uint8).reshape(shape)
    return codes.astype(np.uint16 if deep else np.uint8)


def imread_light(path: Path) -> np.ndarray:
    if path.suffix == ".exr":
        import OpenEXR

        channels = OpenEXR.File(str(path), separate_channels=True).channels()
        names = "RGB" if "R" in channels else "Y"
        return np.dstack([channels[name].pixels for name in names])
    samples = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return samples if samples.ndim == 2 else samples[..., ::-1]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes) -> Callable[[Path, np.ndarray, bytes], Path]:
    """Writes a PNG without a profile, but with these chunks."""

    def write(folder: Path, samples: np.ndarray, _: bytes) -> Path:
        path = folder / "a.png"
        cv2.imwrite(str(path), samples if samples.shape[2] == 1 else samples[..., ::-1])
        data = path.read_bytes()
        path.write_bytes(data[:33] + b"".join(chunks) + data[33:])
        return path

    return write


def with_profile(folder: Path, samples: np.ndarray, icc: bytes) -> Path:
    grey = samples.shape[2] == 1
    flat = samples[..., 0] if grey else samples
    photometric = "minisblack" if grey else "rgb"
    tifffile.imwrite(folder / "a.tif", flat, photometric=photometric, iccprofile=icc)
    return folder / "a.tif"


def dcf(folder: Path, samples: np.ndarray, _: bytes) -> Path:
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    details[0xA001] = 65535
    details[0xA005] = {1: "R03"}
    image = Image.fromarray(samples)
    image.save(folder / "a.webp", exif=exif, lossless=True)
    return folder / "a.webp"


def bmp(*, embedded: bool) -> Callable[[Path, np.ndarray, bytes], Path]:
    """A BITMAPV5HEADER with a profile in it, or with primaries and gammas."""

    def write(folder: Path, samples: np.ndarray, icc: bytes) -> Path:
        height, width, _ = samples.shape
        rows = samples[::-1, :, ::-1].reshape(height, -1)
        body = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).tobytes()
        kind = 0x4D424544 if embedded else 0
        ends = [n for x, y in ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)) for n in (x, y, 1 - x - y)]
        head = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 24, 0, len(body), 0, 0, 0, 0)
        head += bytes(16) + struct.pack("<I", kind)
        head += struct.pack("<9i", *(round(n * 2**30) for n in ends))
        head += struct.pack("<3I", *[round(563 / 256 * 65536)] * 3)
        tail = (4, 124 + len(body), len(icc), 0) if embedded else (4, 0, 0, 0)
        head += struct.pack("<4I", *tail)
        data = head + body + (icc if embedded else b"")
        path = folder / "a.bmp"
        path.write_bytes(struct.pack("<2sIHHI", b"BM", 14 + len(data), 0, 0, 14 + 124) + data)
        return path

    return write


def nclx(folder: Path, samples: np.ndarray, _: bytes) -> Path:
    """An AVIF that says Display P3 by code points."""
    path = folder / "a.avif"
    Image.fromarray(samples).save(path, quality=100, subsampling="4:4:4")
    data = bytearray(path.read_bytes())
    at = data.index(b"nclx")
    struct.pack_into(">HH", data, at + 4, 12, 13)
    path.write_bytes(data)
    return path


@dataclass(frozen=True)
class Told:
    """How a file says its colours: what it means, who writes it, whether a note is due."""

    icc: bytes
    write: Callable[[Path, np.ndarray, bytes], Path]
    note: str | None = None
    depths: tuple[int, ...] = (8, 16)


CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
LINEAR = profile(b"RGB ", curv(256), SRGB_D50)
TOLD = {
    "ICC v4, matrix": Told(profile(b"RGB ", SRGB_CURVE, P3), with_profile),
    "ICC v2, matrix": Told(profile(b"RGB ", curv(563), PROPHOTO, version=2), with_profile),
    "ICC v2, sampled curve": Told(
        profile(b"RGB ", curv(*(round(65535 * (i / 255) ** 1.8) for i in range(256))), P3, 2),
        with_profile,
    ),
    "ICC tables": Told(table(1.8), with_profile),
    "grey, gamma 1.8": Told(grey_profile(1.8), with_profile),
    "grey, formula": Told(profile(b"GRAY", para(0, 2.2)), with_profile),
    "cICP Display P3": Told(
        profile(b"RGB ", SRGB_CURVE, P3), png(chunk(b"cICP", bytes((12, 13, 0, 1))))
    ),
    "cHRM and gAMA": Told(
        ADOBE_RGB,
        png(chunk(b"gAMA", struct.pack(">I", round(1e5 * 256 / 563))), chunk(b"cHRM", CHRM)),
    ),
    "gAMA alone": Told(LINEAR, png(chunk(b"gAMA", struct.pack(">I", 100000))), "gAMA alone"),
    "gAMA alone, grey": Told(
        grey_profile(1.0), png(chunk(b"gAMA", struct.pack(">I", 100000))), "gAMA alone"
    ),
    "EXIF Adobe RGB": Told(ADOBE_RGB, dcf, depths=(8,)),
    "BMP with a profile": Told(ADOBE_RGB, bmp(embedded=True), depths=(8,)),
    "BMP with primaries": Told(ADOBE_RGB, bmp(embedded=False), depths=(8,)),
    "AVIF, nclx": Told(profile(b"RGB ", SRGB_CURVE, P3), nclx, depths=(8,)),
}
CASES = [(name, depth) for name, told in TOLD.items() for depth in told.depths]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("name", "depth"), CASES)
def test_24_patches_look_the_same_afterwards(
    tmp_path: Path, name: str, depth: int, format: str
) -> None:
    one, told = FORMATS[format], TOLD[name]
    if not one.available:
        pytest.skip("the extra is missing")
    before = patches(told.icc, depth)
    source = told.write(tmp_path, before, told.icc)
    picture = Picture.read(source)
    noted = [note for note in picture.notes if "colour" in note or "alone" in note]
    assert (told.note is None) == (noted == []), picture.notes
    assert all(told.note in note for note in noted if told.note)
    restored = picture.with_srgb(picture.to_srgb())
    out = tmp_path / f"out{one.suffixes[0]}"
    restored.write(out, saving=Saving(lossless=one.lossy and format != "jpg"))
    samples, icc = as_others_see(out)
    if source.suffix == ".avif":  # YCbCr costs a little already
        before = np.asarray(Image.open(source))
    wanted = lab(before, told.icc)
    error = deltaE_ciede2000(wanted, lab(samples, icc))
    limit = 0.3 if samples.dtype == np.uint8 else 0.05
    if format == "jpg":
        limit = max(1.0, deltaE_ciede2000(wanted, lab(by_pillow(before), told.icc)).max())
    if samples.dtype == np.uint8:
        # Eight bits of this profile may be coarser than that.
        limit = max(limit, deltaE_ciede2000(wanted, lab(rounded(before, told.icc, icc), icc)).max())
    if source.suffix == ".avif":
        limit = max(limit, 0.1)  # one of its patches lies outside sRGB
    if format == "heic" and samples.dtype == np.uint16:
        limit = 0.1  # it has 12 bits
    elif format == "hdr":
        limit = 0.6  # eight bits and an exponent
    elif format == "avif":
        limit = 3.0  # YCbCr of eight bits; noted
    assert error.max() <= limit + 0.01, (np.round(error, 3), limit)


def by_pillow(samples: np.ndarray) -> np.ndarray:
    """What the best JPEG costs: integers of YCbCr are coarse in a wide or linear space."""
    eight = samples if samples.dtype == np.uint8 else ((samples + 128.0) / 257).astype(np.uint8)
    out = io.BytesIO()
    flat = eight[..., 0] if eight.shape[2] == 1 else eight
    Image.fromarray(flat).save(out, "JPEG", quality=100, subsampling="4:4:4")
    return np.asarray(Image.open(out)).reshape(eight.shape)


def rounded(samples: np.ndarray, source: bytes, target: bytes) -> np.ndarray:
    """The best that 8 bits in a profile can do."""
    values = samples / np.float32(np.iinfo(samples.dtype).max)
    if source != target:
        values = np.clip(convert(values, source, target), 0, 1)
    return np.rint(values * 255).astype(np.uint8)
