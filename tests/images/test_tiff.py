"""TIFF layouts against tifffile; kinds that lie or are not read."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from restore_cli.errors import RestoreError
from restore_cli.images import tiff, tiff_write
from restore_cli.images.metadata import Metadata
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(5)
SIZE = (37, 53)


def samples(channels: int, depth: int = 16) -> np.ndarray:
    dtype = np.uint16 if depth == 16 else np.uint8
    smooth = cv2.GaussianBlur(RNG.random((*SIZE, channels)), (0, 0), 1.5).reshape(*SIZE, channels)
    return (smooth * ((1 << depth) - 1)).astype(dtype)


LAYOUTS = {
    "plain": {},
    "big endian": {"byteorder": ">"},
    "deflate": {"compression": "zlib"},
    "deflate and predictor": {"compression": "zlib", "predictor": True},
    "tiles": {"tile": (16, 32)},
    "tiles, deflate and predictor": {"tile": (16, 32), "compression": "zlib", "predictor": True},
    "short strips": {"rowsperstrip": 5},
    "short strips, predictor": {"rowsperstrip": 5, "compression": "zlib", "predictor": True},
    "planar": {"planarconfig": "separate"},
    "planar strips": {"planarconfig": "separate", "rowsperstrip": 5},
    "planar, predictor": {"planarconfig": "separate", "compression": "zlib", "predictor": True},
    "planar tiles": {"planarconfig": "separate", "tile": (16, 32)},
    "big tiff": {"bigtiff": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_layouts_read_as_tifffile_wrote_them(
    tmp_path: Path, layout: str, channels: int
) -> None:
    options = dict(LAYOUTS[layout])
    if channels == 1:
        options.pop("planarconfig", None)
    data = samples(channels)
    stored = np.moveaxis(data, -1, 0) if "planarconfig" in options else data
    if channels == 1:
        stored = data[..., 0]
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="rgb" if channels > 2 else "minisblack",
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        **({"planarconfig": "contig"} if channels > 1 else {}) | options,
    )
    picture = Picture.read(tmp_path / "a.tif")
    colors = 3 if channels > 2 else 1
    np.testing.assert_array_equal(picture.pixels, data[..., :colors])
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, data[..., -1])
    else:
        assert picture.alpha is None


def test_lzw_as_opencv_writes_it(tmp_path: Path) -> None:
    for channels in (1, 3, 4):
        data = samples(channels)
        code = data if channels == 1 else data[..., [2, 1, 0, 3][:channels]]
        cv2.imwrite(str(tmp_path / "a.tif"), code, [cv2.IMWRITE_TIFF_COMPRESSION, 5])
        picture = Picture.read(tmp_path / "a.tif")
        np.testing.assert_array_equal(picture.pixels, data[..., : 3 if channels > 1 else 1])
        assert (picture.alpha is not None) == (channels == 4)


@pytest.mark.parametrize("depth", [8, 16])
def test_white_is_zero_is_turned_round(tmp_path: Path, depth: int) -> None:
    data = samples(1, depth)[..., 0]
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="miniswhite")
    expected = np.iinfo(data.dtype).max - data
    np.testing.assert_array_equal(Picture.read(tmp_path / "a.tif").pixels[..., 0], expected)


def test_premultiplied_alpha_is_undone(tmp_path: Path) -> None:
    color, alpha = samples(3), samples(1)
    alpha[:4] = 0
    product = (color.astype(np.float64) * (alpha / 65535) + 0.5).astype(np.uint16)
    stored = np.dstack((product, alpha))
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    picture = Picture.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.alpha, alpha[..., 0])
    error = np.abs(picture.pixels[4:].astype(float) - color[4:])
    assert (error <= 0.51 * 65535 / alpha[4:] + 0.5).all()


def test_an_unknown_channel_is_left_out_with_a_note(tmp_path: Path) -> None:
    data = samples(4)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", extrasamples=["unspecified"])
    picture = Picture.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, data[..., :3])
    assert picture.alpha is None
    assert "left out" in picture.notes[0]


def test_iptc_stored_as_words_is_put_right(tmp_path: Path) -> None:
    iptc = b"\x1c\x02\x78\x00\x03cap\x1c\x02\x19\x00\x02ab"
    words = np.frombuffer(iptc.ljust(16, b"\0"), ">u4").astype("<u4")
    tag = [(33723, "I", len(words), tuple(int(word) for word in words), True)]
    tifffile.imwrite(tmp_path / "a.tif", samples(3), photometric="rgb", extratags=tag)
    assert Picture.read(tmp_path / "a.tif").iptc == iptc


def test_damage_is_named() -> None:
    out = tiff_write.encode([tiff_write.Page(samples(3), None, Metadata())])
    with pytest.raises(ValueError, match=r"cut off|past the end|early"):
        tiff.inspect(out[: len(out) - 40])


@pytest.mark.parametrize(
    ("tag", "words"), [(278, "strips have no rows"), (322, "tiles have no size")]
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_parts_without_a_size_are_damage(
    tmp_path: Path, tag: int, words: str, compression: str | None
) -> None:
    path = tmp_path / "a.tif"
    options = {"tile": (16, 32)} if tag == 322 else {"rowsperstrip": 5}
    tifffile.imwrite(path, samples(3), photometric="rgb", compression=compression, **options)
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags[tag].valueoffset
    data = bytearray(path.read_bytes())
    data[at : at + 2] = bytes(2)
    path.write_bytes(data)
    with pytest.raises(RestoreError, match=rf"a\.tif: .*{words}"):
        Picture.read(path)
