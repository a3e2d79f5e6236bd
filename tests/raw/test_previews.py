"""The best preview, upright, with its own profile."""

import io
from pathlib import Path

import numpy as np
import pytest
import rawpy
import tifffile
from PIL import Image, ImageCms

from restore_cli.errors import RestoreError
from restore_cli.raw.file import open_raw

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def dng(
    path: Path, preview: np.ndarray | None, *, orientation: int = 1, icc: bytes | None = None
) -> Path:
    shared = [
        (50706, 1, 4, bytes((1, 4, 0, 0)), True),
        (50708, 2, 0, "Test Camera", True),
        (274, 3, 1, orientation, True),
    ]
    if icc:
        shared.append((34675, 7, len(icc), icc, True))
    cfa = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes((0, 1, 1, 2)), True)]
    frame = np.full((96, 128), 9000, np.uint16)
    with tifffile.TiffWriter(path) as file:
        if preview is not None:
            file.write(
                preview,
                photometric="rgb",
                subfiletype=1,
                subifds=1,
                extratags=shared,
                metadata=None,
            )
            file.write(frame, photometric=32803, subfiletype=0, extratags=cfa, metadata=None)
        else:
            file.write(frame, photometric=32803, extratags=shared + cfa, metadata=None)
    return path


@pytest.mark.parametrize("orientation", [1, 6, 3])
def test_uncompressed_previews_are_turned_and_keep_their_profile(
    tmp_path: Path, orientation: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    path = dng(tmp_path / "a.dng", pixels, orientation=orientation, icc=ICC)
    with open_raw(path) as raw:
        picture, stored = raw.preview()
    turned = {1: pixels, 6: np.rot90(pixels, -1), 3: pixels[::-1, ::-1]}[orientation]
    np.testing.assert_array_equal(picture.pixels, turned)
    assert picture.icc == ICC
    assert stored is None


def test_a_file_without_a_preview_says_so(tmp_path: Path) -> None:
    with (
        open_raw(dng(tmp_path / "a.dng", None)) as raw,
        pytest.raises(RestoreError, match="no preview"),
    ):
        raw.preview()


def test_the_turned_jpeg_preview_of_a_real_file_keeps_its_profile() -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "cases" / "preview_adobe_turned.dng"
    if not path.is_file():
        pytest.skip("no RAW files beside the repository")
    with open_raw(path) as raw:
        picture, stored = raw.preview()
    assert picture.pixels.shape == (128, 96, 3)
    with rawpy.imread(str(path)) as raw, Image.open(io.BytesIO(raw.extract_thumb().data)) as image:
        assert picture.icc == image.info["icc_profile"]
    assert stored is None


def several(path: Path, *previews: np.ndarray, **options: object) -> Path:
    """A mosaic, and previews in directories below it."""
    cfa = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes((0, 1, 1, 2)), True)]
    first = [(50706, 1, 4, bytes((1, 7, 0, 0)), True), (50708, 2, 0, "Test Camera", True)]
    with tifffile.TiffWriter(path) as file:
        frame = np.full((96, 128), 9000, np.uint16)
        below = len(previews)
        file.write(frame, photometric=32803, subifds=below, extratags=first + cfa, metadata=None)
        for each in previews:
            file.write(each, photometric="rgb", subfiletype=1, metadata=None, **options)
    return path


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("kind", ["plain", "jpeg", "jpeg-xl"])
def test_of_several_the_largest_is_taken(tmp_path: Path, kind: str, order: int) -> None:
    rng = np.random.default_rng(1)
    small, large = (
        rng.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in ((24, 32), (60, 80))
    )
    options = {
        "plain": {},
        "jpeg": {"compression": "jpeg", "rowsperstrip": 60},
        "jpeg-xl": {"compression": 52546, "compressionargs": {"lossless": True}},
    }[kind]
    path = several(tmp_path / "a.dng", *(small, large)[::order], **options)
    with open_raw(path) as raw:
        picture, stored = raw.preview()
    assert picture.pixels.shape == (60, 80, 3)
    if kind == "jpeg":
        assert stored is not None
        assert stored in path.read_bytes()  # untouched: it lies upright
    else:
        np.testing.assert_array_equal(picture.pixels, large)
