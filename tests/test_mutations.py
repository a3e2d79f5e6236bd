"""Whatever an EXIF block says, what is written opens elsewhere: exiftool, Pillow, OpenCV, tifffile.

`pytest -m slow tests/test_mutations.py` tries 3,000 seeded mutations.
"""

import io
import json
import shutil
import struct
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images.formats import FORMATS
from restore_cli.images.picture import Picture

PIXELS = np.random.default_rng(3).integers(0, 256, (16, 24, 3)).astype(np.uint8)
TAGS = (270, 271, 274, 282, 283, 296, 305, 306, 315, 33432, 33550, 34735, 40091, 18246)
KINDS = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16, 99)


def block(order: str) -> bytes:
    """A camera's EXIF: all four directories, a maker note, a thumbnail."""
    made = Image.Exif()
    made.endian = order
    made[270], made[271], made[272] = "a long description of it", "Maker", "Model 7"
    made[274], made[282], made[283], made[296] = 6, 300.0, 300.0, 2
    made[305], made[306], made[315], made[33432] = "soft", "2024:05:06 07:08:09", "me", "mine"
    made[40091] = "title".encode("utf-16le")
    details = made.get_ifd(0x8769)
    details[0x829A], details[0x9003], details[0x927C] = 0.01, "2024:05:06 07:08:09", b"note" * 9
    details[0x9214], details[0xA001], details[0xA002], details[0xA003] = (9, 8, 4, 2), 1, 24, 16
    details[0xA005] = {1: "R98"}
    made.get_ifd(0x8825).update({1: "N", 2: (50.0, 1.0, 2.0), 3: "E", 4: (8.0, 1.0, 2.0)})
    return made.tobytes().removeprefix(b"Exif\0\0")


def mutated(exif: bytes, rng: np.random.Generator) -> bytes:
    """Wrong types, counts, offsets, tags and bytes, one to five of them, mostly in entries."""
    out = bytearray(exif)
    order = "<" if exif[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, first)
    for _ in range(rng.integers(1, 6)):
        entry = first + 2 + 12 * int(rng.integers(count))
        match rng.integers(6):
            case 0:
                struct.pack_into(order + "H", out, entry + 2, int(rng.choice(KINDS)))
            case 1:
                number = int(rng.choice([0, 1, 2, 3, 7, 1000, 2**31, 2**32 - 1]))
                struct.pack_into(order + "I", out, entry + 4, number)
            case 2:
                struct.pack_into(order + "I", out, entry + 8, int(rng.integers(2**32)))
            case 3:
                struct.pack_into(order + "H", out, entry, int(rng.choice(TAGS)))
            case 4:
                out[int(rng.integers(8, len(out)))] = int(rng.integers(256))
            case _:
                del out[int(rng.integers(len(out) // 2, len(out))) :]
                out += bytes(len(exif) - len(out)) if rng.integers(2) else b""
    return bytes(out)


def source(folder: Path, number: int) -> Path:
    """A file with a mutated block; a TIFF's own tags are the block."""
    rng = np.random.default_rng(number)
    exif = mutated(block("<>"[number % 2]), rng)
    suffix = (".jpg", ".png", ".webp", ".tif")[number // 2 % 4]
    path = folder / f"{number}{suffix}"
    out = io.BytesIO()
    if suffix == ".tif":
        extra = []
        for tag in rng.choice(TAGS, 4, replace=False):
            kind = int(rng.choice([1, 2, 3, 4, 5, 7, 11, 12]))
            values = int(rng.integers(1, 5))
            raw = bytes(rng.integers(1, 128, values * (8 if kind in (5, 12) else 4)).tolist())
            whole = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 11: 4, 12: 8}[kind]
            raw = raw[: len(raw) // whole * whole]
            if tag != 274:
                extra.append((int(tag), kind, len(raw) // whole, raw, True))
        tifffile.imwrite(path, PIXELS, photometric="rgb", extratags=extra, metadata=None)
        return path
    names = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
    Image.fromarray(PIXELS).save(out, names[suffix], exif=b"Exif\0\0" + exif)
    path.write_bytes(out.getvalue())
    return path


def opens(path: Path) -> list[str]:
    """Which readers cannot open a file."""
    wrong: list[str] = []
    with Image.open(path) as image:
        image.load()
        for directory in (0x8769, 0x8825):
            dict(image.getexif().get_ifd(directory))
        if path.suffix == ".tiff":
            dict(image.tag_v2)
    if cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is None:
        wrong.append("OpenCV")
    if path.suffix == ".tiff":
        with tifffile.TiffFile(path) as file:
            file.pages.first.asarray()
            _ = [tag.value for tag in file.pages.first.tags.values()]
    return wrong


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("count", [120, pytest.param(3000, marks=pytest.mark.slow)])
def test_outputs_open_everywhere(tmp_path: Path, count: int) -> None:
    refused = 0
    noted = 0
    for number in range(count):
        path = source(tmp_path, number)
        try:
            picture = Picture.read(path)
        except RestoreError as error:
            refused += str(path) in error.message  # else it is counted nowhere
            continue
        noted += bool(picture.notes)
        for format in ("tiff", ("jpg", "png", "webp")[number % 3]):
            out = tmp_path / f"{number}-out{FORMATS[format].suffixes[0]}"
            picture.write(out)
            assert opens(out) == [], out
    outputs = sorted(tmp_path.glob("*-out.*"))
    words = ["exiftool", "-j", "-fast", "-Error", "-ImageWidth", str(tmp_path)]
    shown = json.loads(subprocess.run(words, capture_output=True, check=False).stdout)
    seen = {Path(one["SourceFile"]).name: one for one in shown}
    wrong = [
        (path.name, seen.get(path.name))
        for path in outputs
        if "ImageWidth" not in seen.get(path.name, {}) or "Error" in seen[path.name]
    ]
    print(f"{count} inputs, {refused} refused, {noted} noted, {len(outputs)} outputs")
    assert wrong == []
    assert len(outputs) == 2 * (count - refused)
    assert refused < count / 10
