"""DNG files of every kind, made for tests by tifffile: an outside writer."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from restore_cli.batch.reading import Loaded
from restore_cli.degradations.cameras import Camera
from restore_cli.degradations.mosaic import Sensor, record
from restore_cli.images.picture import Picture
from restore_cli.images.profile import decode_srgb
from restore_cli.raw.colorimetry import SRGB_TO_XYZ
from restore_cli.raw.develop import Developer
from restore_cli.raw.dng import DngTags, write_dng
from restore_cli.raw.settings import Settings

CFA, LINEAR = 32803, 34892
TO_CAMERA = np.linalg.inv(SRGB_TO_XYZ)
"""ColorMatrix of a camera that sees linear sRGB under D65."""


def ratios(values: object, scale: int = 10_000) -> tuple[int, ...]:
    """Pairs of whole numbers."""
    return tuple(n for v in np.ravel(np.asarray(values)) for n in (round(float(v) * scale), scale))


def write(path: Path, samples: np.ndarray, *tags: tuple[Any, ...], **options: object) -> Path:
    """Write samples (H, W) or (H, W, 3); `tags` are (number, TIFF type, count, value)."""
    mosaic = samples.ndim == 2 and options.pop("mosaic", True)
    given = {
        50706: (50706, 1, 4, bytes((1, 7, 0, 0))),
        50708: (50708, 2, 0, "Test Camera"),
        50721: (50721, 10, 9, ratios(TO_CAMERA)),
        50728: (50728, 5, 3, ratios(np.ones(3))),
        50778: (50778, 3, 1, 21),
    }
    if mosaic:
        given[33421] = (33421, 3, 2, (2, 2))
        given[33422] = (33422, 1, 4, bytes((0, 1, 1, 2)))
    given |= {tag[0]: tag for tag in tags}
    extra = [(*tag, True) for tag in given.values() if tag[2] is not None]
    tifffile.imwrite(
        path,
        samples,
        extratags=extra,
        metadata=None,
        software=None,
        **{
            "photometric": CFA if mosaic else LINEAR,
            "planarconfig": None if samples.ndim == 2 else "contig",
            **options,
        },
    )
    return path


def restated(path: Path, *, order: str = "little", **values: int) -> Path:
    """Overwrite values of the first directory, where they lie in their tags: `_256=0`."""
    data = bytearray(path.read_bytes())
    for name, value in values.items():
        start = int(name[1:]).to_bytes(2, order)
        at = next(
            i
            for kind in (3, 4)
            if (i := data.find(start + kind.to_bytes(2, order) + (1).to_bytes(4, order))) >= 0
        )
        data[at + 2 : at + 12] = b"".join(
            n.to_bytes(k, order) for n, k in ((4, 2), (1, 4), (value, 4))
        )
    path.write_bytes(data)
    return path


def repacked(path: Path, body: bytes, *, order: str = "little", **values: int) -> Path:
    """Put other bytes in place of a one-strip file's samples, with tags that tell of them."""
    start = path.stat().st_size
    restated(path, order=order, _273=start, _279=len(body), **values)
    path.write_bytes(path.read_bytes() + body)
    return path


def packed(codes: np.ndarray, bits: int) -> bytes:
    """Rows of samples of any number of bits, the highest first, as TIFF packs them."""
    places = np.arange(bits - 1, -1, -1)
    planes = (codes[..., None].astype(np.uint32) >> places & 1).astype(np.uint8)
    return np.packbits(planes.reshape(len(codes), -1), axis=1).tobytes()


def light(path: Path, **settings: object) -> np.ndarray:
    """The file's linear light as LibRaw's engine develops it, (H, W, 3) in [0, 1]."""
    picture, _ = developed(path, linear=True, bits=16, **settings)
    return picture.pixels / 65535


def developed(path: Path, **settings: object) -> tuple[Picture, Loaded]:
    """Picture, and what was read."""
    given = {"engine": "libraw", "look": "none", **settings}
    loaded = Developer(Settings(**given)).read(path)
    picture = loaded.finish(loaded.image)
    assert isinstance(picture, Picture)
    return picture, loaded


def srgb(picture: Picture) -> np.ndarray:
    """Linear light of a picture under the sRGB curve."""
    return decode_srgb(picture.pixels / np.iinfo(picture.pixels.dtype).max)


def write_shot(
    path: Path,
    balanced: np.ndarray,
    camera: Camera,
    sensor: Sensor,
    **tags: object,
) -> Path:
    """A DNG of what a camera saw, as it would write it; tags say otherwise."""
    frame = record(balanced, camera, sensor, np.random.default_rng(0))
    given = {
        "pattern": sensor.pattern,
        "black": sensor.black,
        "white": sensor.saturation,
        "xyz_to_camera": camera.xyz_to_camera,
        "forward": camera.forward(),
        "neutral": camera.neutral,
        **tags,
    }
    write_dng(path, frame, DngTags(**given))
    return path


def rechunked(path: Path, parts: list[bytes], compression: int) -> Path:
    """Put other bytes in place of a little-endian file's strips or tiles."""
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        starts, sizes = (tags[324], tags[325]) if 324 in tags else (tags[273], tags[279])
        kind = tags[259].valueoffset
    data = bytearray(path.read_bytes())
    ends = np.cumsum([len(part) for part in parts])
    begins = len(data) + np.append(0, ends[:-1])
    for tag, values in ((starts, begins), (sizes, np.diff(ends, prepend=0))):
        told = values.astype({3: "<u2", 4: "<u4"}[int(tag.dtype)]).tobytes()
        data[tag.valueoffset : tag.valueoffset + len(told)] = told
    data[kind : kind + 2] = compression.to_bytes(2, "little")
    path.write_bytes(bytes(data) + b"".join(parts))
    return path


def tiles_of(codes: np.ndarray, tile: tuple[int, int]) -> list[np.ndarray]:
    """Its tiles row by row, those at the edges filled up with zeros."""
    height, width = codes.shape[:2]
    down, across = -(-height // tile[0]) * tile[0], -(-width // tile[1]) * tile[1]
    rest = ((0, down - height), (0, across - width), *[(0, 0)] * (codes.ndim - 2))
    whole = np.pad(codes, rest)
    return [
        np.ascontiguousarray(whole[top : top + tile[0], left : left + tile[1]])
        for top in range(0, down, tile[0])
        for left in range(0, across, tile[1])
    ]
