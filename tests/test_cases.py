"""Files that users have, built here, through `restore infer --strength 0`, as others see them.

One run of the command takes them all; each has a test of its own.
"""

import io
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from dng_cases import DNG_CASES, IPTC, DngCase, other_profile
from PIL import Image, PngImagePlugin

from restore_cli.images.picture import Picture

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


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict], str]:
    """The folder of outputs, the JSON line of each input, and what was said to people."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "in").mkdir()
    for case in CASES:
        (folder / "in" / case.name).write_bytes(case.make())
    words = [sys.executable, "-m", "restore_cli", "infer", str(folder / "in"), "--task", "denoise"]
    words += ["--strength", "0", "--format", "same", "-o", str(folder / "out"), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return folder, {Path(x["input"]).name: x for x in lines if "input" in x}, done.stderr


def seen(path: Path) -> np.ndarray:
    """The pixels by other software than ours."""
    if path.suffix == ".tif":
        return tifffile.imread(path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_right(outcome: tuple[Path, dict[str, dict], str], case: Case) -> None:
    folder, lines, said = outcome
    line = lines[case.name]
    if isinstance(case.right, str):
        assert line["status"] == "failed"
        assert case.right in line["error"]
        assert not (folder / "out" / case.name).exists()
        return
    assert line["status"] == "done", line["error"]
    assert case.note in said
    samples = seen(folder / "out" / case.name)
    lossy = case.name in ("old-jpeg.tif", "lossy.webp", "plain.jpg", "lab.tif")
    step = 65535 / 255 if samples.dtype == np.uint16 else 1
    tolerance = 0.5 if case.right.dtype.kind == "f" and samples.dtype.kind != "f" else 0
    tolerance = (14 if lossy else 0.01) * step if lossy else tolerance
    assert np.abs(samples[..., :3].astype(float) - case.right).max() <= tolerance + 1e-9


def test_alpha_beside_inks_is_kept(outcome: tuple[Path, dict[str, dict], str]) -> None:
    samples = tifffile.imread(outcome[0] / "out" / "cmyka.tif")
    np.testing.assert_array_equal(samples[..., 3], EIGHT[..., 0])


def test_a_map_lies_where_it_lay(outcome: tuple[Path, dict[str, dict], str]) -> None:
    with tifffile.TiffFile(outcome[0] / "out" / "geo.tif") as file:
        tags = file.pages.first.tags
        assert tags[33550].value == (10.0, 10.0, 0.0)
        assert tags[33922].value == (0, 0, 0, 5e5, 6e6, 0)


def test_texts_and_long_xmp_are_kept(outcome: tuple[Path, dict[str, dict], str]) -> None:
    with Image.open(outcome[0] / "out" / "text.png") as image:
        assert image.text["Title"] == "Holiday"
        assert image.text["parameters"] == "a cat\nSteps: 20"
        assert image.text["Description"] == "Straße 海"
        assert image.text["Description"].lang == "de"
    data = (outcome[0] / "out" / "xmp60.png").read_bytes()
    assert b">" + b"w" * 60_000_000 + b"</dc:source>" in data


def test_compression_stays_what_it_was(outcome: tuple[Path, dict[str, dict], str]) -> None:
    folder = outcome[0]
    assert b"VP8L" in (folder / "out" / "lossless.webp").read_bytes()[:64]
    with (
        Image.open(folder / "in" / "plain.jpg") as before,
        Image.open(folder / "out" / "plain.jpg") as after,
    ):
        assert after.quantization == before.quantization
        assert after.layer == before.layer
        assert after.info["dpi"] == (240, 240)
    with Image.open(folder / "out" / "plain.bmp") as image:
        assert round(image.info["dpi"][0]) == 300


@pytest.mark.skipif(shutil.which("identify") is None, reason="ImageMagick is not installed")
def test_imagemagick_opens_every_output(outcome: tuple[Path, dict[str, dict], str]) -> None:
    outputs = [path for path in (outcome[0] / "out").iterdir() if path.suffix != ".json"]
    skipped = ("xmp60.png", "plain.qoi")  # it takes long, and needs a delegate
    pictures = [path for path in outputs if path.name in outcome[1] and path.name not in skipped]
    assert len(pictures) > 20
    for path in pictures:
        words = ["identify", "-format", "%w %h", str(path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.stdout == "48 32", (path.name, done.stderr)


@pytest.fixture(scope="module")
def developed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict]]:
    """The folder of `restore isp`'s pictures, and what each file says by `--info --json`."""
    folder = tmp_path_factory.mktemp("raws")
    (folder / "in").mkdir()
    for case in DNG_CASES:
        case.make(folder / "in" / case.name)
    words = [sys.executable, "-m", "restore_cli", "isp", str(folder / "in"), "--json"]
    options = ["--engine", "libraw", "--linear", "-o", str(folder / "out")]
    done = subprocess.run([*words, *options], capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    previews = ["--preview", "--format", "png", "-o", str(folder / "previews")]
    subprocess.run([*words, *previews], capture_output=True, check=False, timeout=300)
    told = subprocess.run([*words, "--info"], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    return folder, {Path(x["input"]).name: x for x in lines if "input" in x}


@pytest.mark.parametrize("case", DNG_CASES, ids=lambda case: case.name)
def test_a_raw_file_gives_its_light(developed: tuple[Path, dict[str, dict]], case: DngCase) -> None:
    folder, told = developed
    seen = imagecodecs.png_decode((folder / "out" / case.name).with_suffix(".png").read_bytes())
    assert seen.shape == case.right.shape
    inside = (slice(case.lost, -case.lost or None),) * 2
    np.testing.assert_allclose(
        seen[inside] / 65535, case.right[inside], rtol=0, atol=case.within + 1e-5
    )
    top, left, bottom, right = told[case.name]["crop"]
    turned = told[case.name]["orientation"] > 4
    size = (bottom - top, right - left)
    assert (size[::-1] if turned else size) == seen.shape[:2]


def test_raw_files_say_what_they_say(developed: tuple[Path, dict[str, dict]]) -> None:
    told = developed[1]
    assert told["black-unlike.dng"]["black"] == [[[256, 512, 1024]]]
    assert told["black-same.dng"]["white"] == 16383
    assert told["float16.dng"]["white"] == 1
    assert told["crop.dng"]["crop"] == [6, 8, 86, 120]
    assert (told["active-odd.dng"]["width"], told["active-odd.dng"]["height"]) == (128, 96)
    assert told["active-odd.dng"]["cfa"] == "RGGB"
    assert told["lossy.dng"]["kind"] == told["jpeg-xl.dng"]["kind"] == "linear"
    assert told["12-bits-big-endian.dng"]["white"] == 4095
    assert told["preview.dng"]["orientation"] == 6


def test_what_a_raw_file_says_of_the_picture_is_kept(
    developed: tuple[Path, dict[str, dict]],
) -> None:
    data = (developed[0] / "out" / "metadata.png").read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        xmp = image.info["xmp"]
    for words in (b'Rating="4"', b'Label="Red"', b"<rdf:li>cat</rdf:li>"):
        assert words in xmp
    assert Picture.read(developed[0] / "out" / "metadata.png").iptc == IPTC


def test_a_preview_keeps_its_profile_turned(developed: tuple[Path, dict[str, dict]]) -> None:
    with Image.open(developed[0] / "previews" / "preview.png") as image:
        assert image.size == (96, 128)
        assert image.info["icc_profile"] == other_profile()
        # The left half lies at the top after a quarter turn clockwise.
        assert np.asarray(image)[10, 48].tolist() == [200, 30, 30]
        assert np.asarray(image)[120, 48].tolist() == [0, 0, 0]
