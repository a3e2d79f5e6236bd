"""ICC profiles built from their tags, since tests may not ship anybody's files."""

import struct

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


def profile(space: bytes, curve: bytes, primaries: list[list[float]] | None = None) -> bytes:
    tags = {
        b"desc": b"mluc"
        + bytes(4)
        + struct.pack(">IIHHII", 1, 12, 25966, 21843, 2, 28)
        + b"\0x\0\0"
    }
    tags[b"wtpt"] = b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)
    tags[b"cprt"] = tags[b"desc"]
    if primaries is None:
        tags[b"kTRC"] = curve
    else:
        for name, row in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
            tags[name] = b"XYZ " + bytes(4) + fixed(*row)
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"lcms", 0x04200000, b"mntr", space, b"XYZ "
    )
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp")
    head = head.ljust(68, b"\0") + fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + table + body


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", curv(round(gamma * 256)))


# Adobe RGB (1998) under D50.
_ADOBE = [[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]]
ADOBE_RGB = profile(b"RGB ", curv(563), _ADOBE)
