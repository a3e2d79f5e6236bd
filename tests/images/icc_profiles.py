"""ICC profiles built from their tags, since tests may not ship anybody's files."""

import struct

import numpy as np
from PIL import ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# Display P3 and ProPhoto under D50, red, green and blue in rows.
P3 = [[0.51512, 0.24120, -0.00105], [0.29198, 0.69225, 0.04189], [0.15710, 0.06657, 0.78407]]
PROPHOTO = [[0.79767, 0.28804, 0.0], [0.13519, 0.71188, 0.0], [0.03134, 0.00009, 0.82491]]


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def para(kind: int, *values: float) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + fixed(*values)


def curv(*values: int) -> bytes:
    body = b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values)
    return body + bytes(-len(body) % 4)


def words() -> dict[bytes, bytes]:
    """The tags that every profile must have."""
    text = b"mluc" + bytes(4) + struct.pack(">IIHHII", 1, 12, 25966, 21843, 2, 28) + b"\0x\0\0"
    white = b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)
    return {b"desc": text, b"cprt": text, b"wtpt": white}


def profile(
    space: bytes, curve: bytes, primaries: list[list[float]] | None = None, version: int = 4
) -> bytes:
    tags = words()
    if primaries is None:
        tags[b"kTRC"] = curve
    else:
        for name, row in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
            tags[name] = b"XYZ " + bytes(4) + fixed(*row)
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return assembled(space, tags, version)


def assembled(
    space: bytes, tags: dict[bytes, bytes], version: int = 4, pcs: bytes = b"XYZ "
) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"lcms", version << 24, b"mntr", space, pcs
    )
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp")
    head = head.ljust(68, b"\0") + fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + table + body


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", curv(round(gamma * 256)))


# Adobe RGB (1998) under D50.
_ADOBE = [[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]]
ADOBE_RGB = profile(b"RGB ", curv(563), _ADOBE)


def table(gamma: float) -> bytes:
    """An RGB profile of tables (`mft2`): P3's primaries and a plain gamma."""
    white = np.array((0.9642, 1.0, 0.8249))
    matrix = np.array(P3).T
    axis = np.linspace(0, 1, 17)
    rgb = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    t = rgb**gamma @ matrix.T / white
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    high = 116 * f[..., 1] - 16
    lab = np.stack((high, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])), axis=-1)
    there = np.stack((lab[..., 0] * 652.8, *((lab[..., i] + 128) * 256 for i in (1, 2))), axis=-1)
    codes = np.linspace(0, 65535, 33)
    grid = np.stack(np.meshgrid(codes, codes, codes, indexing="ij"), axis=-1)
    y = (grid[..., 0] / 652.8 + 16) / 116
    a, b = grid[..., 1] / 256 - 128, grid[..., 2] / 256 - 128
    f = np.stack((y + a / 500, y, y - b / 200), axis=-1)
    xyz = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389) * white
    back = np.clip(xyz @ np.linalg.inv(matrix).T, 0, 1) ** (1 / gamma) * 65535
    tags = words() | {b"A2B0": _lut(there), b"B2A0": _lut(back)}
    return assembled(b"RGB ", tags, 2, b"Lab ")


def _lut(grid: np.ndarray) -> bytes:
    """A `lut16Type` of three channels to three, with straight curves."""
    points = np.rint(np.clip(grid, 0, 65535)).astype(">u2")
    straight = struct.pack(">6H", 0, 65535, 0, 65535, 0, 65535)
    head = b"mft2" + bytes(4) + bytes((3, 3, len(grid), 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return head + struct.pack(">HH", 2, 2) + straight + points.tobytes() + straight
