"""The PNM family: PBM, PGM, PPM, PAM and PFM, at full depth (Netpbm's manual; Debevec's PFM).

Pillow reads colour of 16 bits at 8, and OpenCV takes other maxima than 255 and 65535 for these.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.images.refusal import NotSupportedError

_TOKEN = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*([^\s#]+)")
_PAM_LINE = re.compile(rb"([A-Z]+)[ \t]+([^\n]*)\n|#[^\n]*\n|(ENDHDR)[ \t]*\n|\s*\n")


def size(start: bytes) -> tuple[int, int]:
    """Width and height by a file's head. Raises ValueError."""
    if start[:2] == b"P7":
        fields, _ = _pam_header(start)
        return int(fields["WIDTH"]), int(fields["HEIGHT"])
    (_, width, height), _ = _tokens(start, 3)
    return int(width), int(height)


def read_samples(data: bytes) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Decode PBM, PGM, PPM and PAM.

    Returns:
        (H, W, 1 or 3) and alpha (H, W) or None; uint8 where the file's maximum is up to 255,
        else uint16; scaled to the full range.

    Raises:
        NotSupportedError: a PAM of other than one to four channels.
        ValueError: the file is damaged or truncated.
    """
    if data[:2] == b"P7":
        return _read_pam(data)
    kind = data[1] - ord("0")
    bitmap = kind in (1, 4)
    tokens, at = _tokens(data, 3 if bitmap else 4)
    width, height = int(tokens[1]), int(tokens[2])
    top = 1 if bitmap else int(tokens[3])
    channels = 3 if kind in (3, 6) else 1
    _check(width, height, top)
    if kind <= 3:
        codes = _plain(data[at:], width * height * channels, packed=bitmap)
    elif bitmap:
        row = (width + 7) // 8
        raw = _taken(data, at + 1, row * height, np.dtype(np.uint8)).reshape(height, row)
        codes = np.unpackbits(raw, axis=1)[:, :width]
    else:
        codes = _taken(data, at + 1, width * height * channels, _dtype(top))
    codes = codes.reshape(height, width, channels)
    return _scaled(1 - codes if bitmap else codes, top), None


def read_floats(data: bytes) -> NDArray[np.float32]:
    """Decode PFM: (H, W, 1 or 3) as stored, the first row on top.

    Raises:
        ValueError: the file is damaged or truncated.
    """
    tokens, at = _tokens(data, 4)
    width, height, scale = int(tokens[1]), int(tokens[2]), float(tokens[3])
    channels = 3 if tokens[0] == b"PF" else 1
    _check(width, height, 1)
    order = np.dtype("<f4" if scale < 0 else ">f4")
    values = _taken(data, at + 1, width * height * channels, order)
    return np.ascontiguousarray(values.reshape(height, width, channels)[::-1], np.float32)


def encode(pixels: NDArray[Any]) -> bytes:
    """Encode (H, W, 1) as PGM, (H, W, 3) as PPM; uint8 or uint16."""
    height, width, channels = pixels.shape
    kind = 5 if channels == 1 else 6
    top = np.iinfo(pixels.dtype).max
    return b"P%d\n%d %d\n%d\n" % (kind, width, height, top) + _big_endian(pixels)


def encode_pam(pixels: NDArray[Any], alpha: NDArray[Any] | None) -> bytes:
    """Encode a PAM with or without alpha; uint8 or uint16."""
    height, width, channels = pixels.shape
    samples = pixels if alpha is None else np.dstack((pixels, alpha))
    tuples = (b"GRAYSCALE" if channels == 1 else b"RGB") + (b"" if alpha is None else b"_ALPHA")
    head = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL %d\nTUPLTYPE %s\nENDHDR\n" % (
        *(width, height, samples.shape[2], np.iinfo(pixels.dtype).max),
        tuples,
    )
    return head + _big_endian(samples)


def encode_floats(pixels: NDArray[np.float32]) -> bytes:
    """Encode (H, W, 1 or 3) as PFM."""
    height, width, channels = pixels.shape
    head = b"%s\n%d %d\n-1.0\n" % (b"PF" if channels == 3 else b"Pf", width, height)
    return head + pixels[::-1].astype("<f4").tobytes()


def _tokens(data: bytes, count: int) -> tuple[list[bytes], int]:
    found: list[bytes] = []
    at = 0
    for _ in range(count):
        match = _TOKEN.match(data, at)
        if match is None:
            raise ValueError("its header is cut off")
        found.append(match[1])
        at = match.end()
    return found, at


def _pam_header(data: bytes) -> tuple[dict[str, str], int]:
    fields: dict[str, str] = {}
    at = 3
    while (match := _PAM_LINE.match(data, at)) is not None:
        at = match.end()
        if match[3]:
            return fields, at
        if match[1]:
            name = match[1].decode("ascii")
            fields[name] = f"{fields.get(name, '')} {match[2].decode('latin-1')}".strip()
    raise ValueError("its header is cut off")


def _read_pam(data: bytes) -> tuple[NDArray[Any], NDArray[Any] | None]:
    fields, at = _pam_header(data)
    width, height, depth, top = (int(fields[k]) for k in ("WIDTH", "HEIGHT", "DEPTH", "MAXVAL"))
    _check(width, height, top)
    if depth not in (1, 2, 3, 4):
        raise NotSupportedError(f"a PAM of {depth} channels")
    codes = _taken(data, at, width * height * depth, _dtype(top)).reshape(height, width, depth)
    samples = _scaled(codes, top)
    return (samples[..., :-1], samples[..., -1]) if depth in (2, 4) else (samples, None)


def _check(width: int, height: int, top: int) -> None:
    if width <= 0 or height <= 0 or not 0 < top < 65536:
        raise ValueError("its header makes no sense")


def _dtype(top: int) -> np.dtype[Any]:
    return np.dtype(np.uint8) if top < 256 else np.dtype(">u2")


def _taken(data: bytes, at: int, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    if at + count * dtype.itemsize > len(data):
        raise ValueError("the file ends early")
    return np.frombuffer(data, dtype, count, at)


def _plain(text: bytes, count: int, *, packed: bool) -> NDArray[Any]:
    words = re.sub(rb"#[^\n\r]*", b"", text)
    # The digits of a plain bitmap may stand without spaces.
    numbers = [b"%c" % digit for digit in words if digit in b"01"] if packed else words.split()
    if len(numbers) < count:
        raise ValueError("the file ends early")
    return np.array([int(number) for number in numbers[:count]], np.uint32)


def _scaled(codes: NDArray[Any], top: int) -> NDArray[Any]:
    full = 255 if top < 256 else 65535
    dtype = np.uint8 if full == 255 else np.uint16
    if top == full:
        return codes.astype(dtype)
    if codes.max(initial=0) > top:
        raise ValueError("a value lies beyond its maximum")
    return ((codes.astype(np.uint64) * (2 * full) + top) // (2 * top)).astype(dtype)


def _big_endian(samples: NDArray[Any]) -> bytes:
    return samples.astype(samples.dtype.newbyteorder(">"), copy=False).tobytes()
