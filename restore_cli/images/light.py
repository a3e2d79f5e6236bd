"""Pictures of linear light in floating point: OpenEXR (extra `[exr]`) and Radiance HDR."""

from __future__ import annotations

import contextlib
import io
import re
import struct
import sys
import threading
from collections.abc import Generator
from typing import Any, TextIO, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_cli.images.leftovers import temporary_folder
from restore_cli.images.refusal import NotSupportedError

_EXPOSURE = re.compile(rb"^EXPOSURE=\s*([-+.\deE]+)", re.MULTILINE)
_PRIMARIES = re.compile(rb"^PRIMARIES=", re.MULTILINE)
_LINE = re.compile(rb"\n[-+][XY] (\d{1,9}) [-+][XY] (\d{1,9})\n")
_WINDOW = b"dataWindow\0box2i\0"
_SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.329)

Light = tuple[NDArray[np.float32], NDArray[np.float32] | None, tuple[str, ...]]
"""(H, W, 1 or 3) in linear light, alpha (H, W) or None, and notes."""


def exr_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that the first data window of an OpenEXR file claims."""
    at = data[:65536].find(_WINDOW)
    if at < 0 or at + len(_WINDOW) + 20 > len(data):
        return None
    left, top, right, low = struct.unpack_from("<4i", data, at + len(_WINDOW) + 4)
    return right - left + 1, low - top + 1


def hdr_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a Radiance file's resolution line claims."""
    found = _LINE.search(data[:65536])
    return None if found is None else (int(found[2]), int(found[1]))


def read_exr(data: bytes) -> Light:
    """Decode the first part of an OpenEXR file; alpha is taken out of the colours.

    Raises:
        NotSupportedError: it holds no channels of a picture, or in unlike sizes.
        ImportError: the extra is missing.
        RuntimeError, ValueError: the file is damaged.
    """
    import OpenEXR

    with _telling_damage():
        file = OpenEXR.File(io.BytesIO(data), separate_channels=True, num_threads=0)
    channels: dict[str, NDArray[Any]] = {name: one.pixels for name, one in file.channels().items()}
    names = ["Y"] if "Y" in channels and "R" not in channels else ["R", "G", "B"]
    if any(name not in channels for name in names):
        raise NotSupportedError(f"an OpenEXR file of the channels {', '.join(channels)}")
    if len({channels[name].shape for name in names}) > 1 or {"RY", "BY"} & channels.keys():
        raise NotSupportedError("an OpenEXR file of luminance and chroma")
    pixels = np.dstack([channels[name] for name in names]).astype(np.float32)
    alpha = channels["A"].astype(np.float32) if "A" in channels else None
    if alpha is not None:  # EXR holds colours times alpha
        cover = np.where(alpha > 0, alpha, 1).astype(np.float32)
        pixels = (pixels / cover[..., None]).astype(np.float32)
    left = sorted(channels.keys() - {*names, "A"})
    notes = (f"its channels {', '.join(left)} were left out",) if left else ()
    told = file.header().get("chromaticities")
    if told is not None and not np.allclose(np.ravel(told), _SRGB, atol=2e-3):
        notes += ("its primaries are other than sRGB's, which were taken",)
    return pixels, alpha, notes


class _Aside:
    """Stands for standard output; what one thread prints is kept, all else goes where it did."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout, self._thread = stdout, threading.get_ident()
        self.heard = ""

    def write(self, text: str) -> int:
        if threading.get_ident() != self._thread:
            return self._stdout.write(text)
        self.heard += text
        return len(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stdout, name)


_one_at_a_time = threading.Lock()


@contextlib.contextmanager
def _telling_damage() -> Generator[None]:
    """OpenEXR prints that pixels cannot be read, to standard output, and hands out what it has."""
    with _one_at_a_time:
        before, aside = sys.stdout, _Aside(sys.stdout)
        sys.stdout = cast("TextIO", aside)
        try:
            yield
        finally:
            sys.stdout = before
    if "Exception raised" in aside.heard:
        raise ValueError(aside.heard.strip().rpartition(" - ")[2])


def encode_exr(pixels: NDArray[np.float32], alpha: NDArray[np.float32] | None) -> bytes:
    """Encode linear light as OpenEXR, 32 bits, ZIP."""
    import OpenEXR

    names = ["Y"] if pixels.shape[2] == 1 else ["R", "G", "B"]
    over = pixels if alpha is None else pixels * alpha[..., None]
    channels = {
        name: np.ascontiguousarray(over[..., i], np.float32) for i, name in enumerate(names)
    }
    if alpha is not None:
        channels["A"] = np.ascontiguousarray(alpha)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with temporary_folder() as folder:  # the library writes to names only
        path = folder / "picture.exr"
        OpenEXR.File(header, channels).write(str(path))
        return path.read_bytes()


def read_hdr(data: bytes) -> Light:
    """Decode a Radiance HDR file.

    Raises:
        NotSupportedError: XYZE colours.
        ValueError: the file is damaged.
    """
    head = data[:4096].split(b"\n\n")[0]
    if b"32-bit_rle_xyze" in head:
        raise NotSupportedError("a Radiance file of XYZ colours")
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.float32:
        raise ValueError("its pixels cannot be decoded")
    exposure = 1.0
    for found in _EXPOSURE.findall(head):
        exposure *= float(found)
    pixels = samples.reshape(*samples.shape[:2], -1)[..., ::-1] / np.float32(exposure or 1.0)
    notes = ("its primaries were taken for sRGB's",) if _PRIMARIES.search(head) else ()
    return np.ascontiguousarray(pixels), None, notes


def encode_hdr(pixels: NDArray[np.float32]) -> bytes:
    """Encode (H, W, 3) linear light as Radiance HDR."""
    done, data = cv2.imencode(".hdr", np.ascontiguousarray(np.maximum(pixels, 0)[..., ::-1]))
    if not done:
        raise ValueError("its sides are too long")
    return data.tobytes()
