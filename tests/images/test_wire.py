"""Pictures come out of the wire as they went in; what claims to be one and is none is refused."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restore_cli.errors import RestoreError
from restore_cli.images.decoded import Coding
from restore_cli.images.metadata import Resolution, Text
from restore_cli.images.picture import Picture
from restore_cli.images.wire import packed, unpacked

DEEP = np.random.default_rng(1).integers(0, 65536, (5, 7, 3), np.uint16)
RICH = Picture(
    DEEP,
    alpha=DEEP[..., 0],
    icc=b"icc",
    exif=b"II*\0",
    xmp=b"<x/>",
    iptc=b"\x1c",
    comment=b"\xff",
    format="jpg",
    notes=("a note",),
    resolution=Resolution(300.0, 299.5, "inch"),
    texts=(Text("iTXt", b"Title\0\xe9"),),
    coding=Coding(True, {"qtables": {0: list(range(1, 65))}, "subsampling": "4:2:0"}),
    thumbnail=True,
    pages=3,
)


def through(picture: Picture) -> Picture:
    header, planes = packed(picture)
    stream = io.BytesIO(b"".join(planes))
    return unpacked(header, lambda into: _fill(stream, into), Path("x.png"))


def _fill(stream: io.BytesIO, into: memoryview) -> None:
    assert stream.readinto(into) == len(into)


@pytest.mark.parametrize(
    "picture",
    [RICH, Picture(DEEP[..., :1]), Picture(DEEP[:, ::2].astype(np.float32), linear=True)],
)
def test_all_of_a_picture_arrives(picture: Picture) -> None:
    made = through(picture)
    np.testing.assert_array_equal(made.pixels, picture.pixels)
    assert made.pixels.dtype == picture.pixels.dtype
    if picture.alpha is not None:
        np.testing.assert_array_equal(made.alpha, picture.alpha)  # type: ignore[arg-type]
    assert made.metadata == picture.metadata
    for name in ("format", "notes", "coding", "linear", "thumbnail", "pages"):
        assert getattr(made, name) == getattr(picture, name)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [10**6, 10**6, 3]},
        {"shape": [-1, 7, 3]},
        {"shape": [5, 7, 4]},
        {"shape": "x"},
        {"dtype": "object"},
        {"format": "../x"},
        {"icc": "no base64!"},
        {"texts": [["IDAT", ""]]},
        {"resolution": [float("nan"), 1, "inch"]},
        {"coding": {"lossless": False, "qtables": [[0, [1] * 63]], "subsampling": None}},
        {"coding": {"lossless": False, "qtables": [[0, [2**40] * 64]], "subsampling": None}},
        {"coding": {"lossless": False, "qtables": [], "subsampling": "x"}},
    ],
)
def test_what_is_no_picture_is_refused(changes: dict[str, Any]) -> None:
    header, _ = packed(RICH)
    told = json.dumps({**json.loads(header), **changes}).encode()
    with pytest.raises((RestoreError, ValueError, KeyError, TypeError)):
        unpacked(told, lambda into: None, Path("x.png"))
