"""Samples that are decoded here, as an outside writer packed them."""

import importlib.util
import resource
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from dng_cases import lossy
from dng_files import (
    LINEAR,
    TO_CAMERA,
    light,
    packed,
    ratios,
    rechunked,
    repacked,
    restated,
    tiles_of,
    write,
)

from restore_cli.errors import RestoreError
from restore_cli.raw.pixels import _from_24_bits, delinearised, linearised, relinearised

rng = np.random.default_rng(2)
RAMP = np.linspace(0, 1, 96 * 128 * 3, dtype=np.float32).reshape(96, 128, 3)
needs_codecs = pytest.mark.skipif(
    importlib.util.find_spec("imagecodecs") is None, reason="imagecodecs is not installed"
)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "deflate"}, {"compression": "deflate", "tile": (32, 48)}]
)
def test_floats_without_a_white_level_end_at_1(
    tmp_path: Path, dtype: str, options: dict[str, object]
) -> None:
    path = write(tmp_path / "a.dng", RAMP.astype(dtype), **options)
    np.testing.assert_allclose(light(path), RAMP, atol=1e-3 if dtype == "float16" else 2e-5)


@needs_codecs
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_floating_point_predictor_is_undone(tmp_path: Path, dtype: str) -> None:
    path = write(tmp_path / "a.dng", RAMP.astype(dtype), compression="deflate", predictor=3)
    np.testing.assert_allclose(light(path), RAMP, atol=1e-3)


def test_float_mosaics_and_white_levels(tmp_path: Path) -> None:
    frame = np.full((48, 64), 2.0, np.float32)
    path = write(tmp_path / "a.dng", frame, (50717, 4, 1, 4))
    np.testing.assert_allclose(light(path), 0.5, atol=1e-3)


def test_24_bit_floats() -> None:
    # 1.5 = 2^0 * 1.1b; -0.25 = -2^-2; 0 is 0.
    codes = np.array([[[0x40, 0x80, 0x00], [0xBE, 0x00, 0x00], [0, 0, 0]]], np.uint8)
    assert _from_24_bits(codes, ">").tolist() == [[1.5, -0.25, 0.0]]
    assert _from_24_bits(codes[..., ::-1], "<").tolist() == [[1.5, -0.25, 0.0]]


@pytest.mark.parametrize("predictor", [False, True])
def test_deflated_integers(tmp_path: Path, predictor: bool) -> None:
    frame = rng.integers(0, 65536, (96, 128, 3)).astype(np.uint16)
    if predictor and importlib.util.find_spec("imagecodecs") is None:
        pytest.skip("imagecodecs is not installed")
    path = write(tmp_path / "a.dng", frame, compression="deflate", predictor=predictor)
    np.testing.assert_allclose(light(path), frame / 65535, atol=2e-4)


@needs_codecs
@pytest.mark.parametrize("mosaic", [False, True])
def test_jpeg_xl(tmp_path: Path, mosaic: bool) -> None:
    value = np.full((96, 128) if mosaic else (96, 128, 3), 20000, np.uint16)
    path = write(tmp_path / "a.dng", value, compression=52546, compressionargs={"lossless": True})
    np.testing.assert_allclose(light(path), 20000 / 65535, atol=2e-3)


def test_jpeg_xl_without_its_extra_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.dng", np.zeros((96, 128, 3), np.uint16))
    data = bytearray(path.read_bytes())
    at = data.index((259).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    data[at + 8 : at + 10] = (52546).to_bytes(2, "little")
    path.write_bytes(data)
    import sys

    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(RestoreError, match="JPEG XL is not supported"):
        light(path)


def jpeg_xl_of(width: int, height: int) -> bytes:
    """A codestream's header that claims a size (ISO 18181-1, SizeHeader), and nothing behind it."""
    bits = (3 << 1) | ((height - 1) << 3) | (3 << 36) | ((width - 1) << 38)
    return b"\xff\x0a" + bits.to_bytes(9, "little") + bytes(40)


@needs_codecs
def test_a_jpeg_xl_part_that_claims_too_much_takes_no_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dng", np.zeros((96, 128), np.uint16), rowsperstrip=96)
    repacked(path, jpeg_xl_of(30_000, 30_000), _259=52546)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RestoreError, match="30000 x 30000 pixels"):
        light(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_lossy_files_are_read_by_their_table(tmp_path: Path) -> None:
    lossy(path := tmp_path / "a.dng")
    np.testing.assert_allclose(light(path), (128 / 255) ** 2, atol=3e-3)


ORDERS = {"little": "<", "big": ">"}
HALVES = np.full((96, 128), 1, np.uint16)
HALVES[:, 64:] = 2


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_packed_mosaics_of_either_byte_order(tmp_path: Path, order: str, bits: int) -> None:
    """A quarter and a half of full scale; below 16 bits the highest bit comes first in both."""
    codes = HALVES << (bits - 2)
    path = write(tmp_path / "a.dng", codes, byteorder=ORDERS[order], rowsperstrip=96)
    if bits < 16:
        repacked(path, packed(codes, bits), order=order, _258=bits)
    seen, top = light(path), 2**bits - 1
    np.testing.assert_allclose(seen[:, :60], codes[0, 0] / top, atol=1e-4)
    np.testing.assert_allclose(seen[:, 68:], codes[0, 64] / top, atol=1e-4)


@needs_codecs
def test_lossless_jpeg(tmp_path: Path) -> None:
    from imagecodecs import ljpeg_encode

    codes = HALVES * 4000
    path = write(tmp_path / "a.dng", codes, (50717, 4, 1, 16000), rowsperstrip=96)
    repacked(path, ljpeg_encode(codes, bitspersample=16), _259=7)
    seen = light(path)
    np.testing.assert_allclose(seen[:, :60], 0.25, atol=1e-4)
    np.testing.assert_allclose(seen[:, 68:], 0.5, atol=1e-4)


@needs_codecs
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("predictor", [1, 3, 34894, 34895])
def test_24_bit_floats_in_a_file(tmp_path: Path, order: str, predictor: int) -> None:
    """.5 and .25 in the halves of a mosaic: exponents 63 and 62 of bias 64."""
    with_tag = {} if predictor == 1 else {"compression": "deflate", "predictor": 3}
    path = write(
        tmp_path / "a.dng",
        np.zeros((96, 128), np.float32),
        byteorder=ORDERS[order],
        rowsperstrip=96,
        **with_tag,
    )
    high = np.where(np.arange(128) < 64, 63, 62).astype(np.uint8)
    row = np.stack([high, np.zeros_like(high), np.zeros_like(high)], axis=1)
    if predictor == 1:
        row = row if order == "big" else row[:, ::-1]
    else:  # highest bytes first, then differences
        step = {3: 1, 34894: 2, 34895: 4}[predictor]
        flat = row.T.ravel()
        row = flat.copy()
        row[step:] = flat[step:] - flat[:-step]
    body = np.ascontiguousarray(np.broadcast_to(row.ravel(), (96, 384))).tobytes()
    if predictor == 1:
        repacked(path, body, order=order, _258=24)
    else:
        repacked(path, zlib.compress(body), order=order, _258=24, _317=predictor)
    seen = light(path)
    np.testing.assert_allclose(seen[:, :60], 0.5, atol=1e-4)
    np.testing.assert_allclose(seen[:, 68:], 0.25, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 5), (21, 300)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_mosaics_too_small_for_libraw(
    tmp_path: Path, shape: tuple[int, int], dtype: type[np.integer]
) -> None:
    frame = np.full(shape, np.iinfo(dtype).max // 2, dtype)
    seen = light(write(tmp_path / "a.dng", frame))
    assert seen.shape == (*shape, 3)
    np.testing.assert_allclose(seen, 0.5, atol=2e-3)


@pytest.mark.parametrize("samples", [1, 3])
def test_a_file_whose_only_picture_is_marked_as_a_preview(tmp_path: Path, samples: int) -> None:
    frame = np.full((40, 60, samples), 32768, np.uint16)
    path = write(tmp_path / "a.dng", frame[..., 0] if samples == 1 else frame, subfiletype=1)
    np.testing.assert_allclose(light(path), 0.5, atol=2e-3)


def test_a_table_goes_there_and_back() -> None:
    table = np.array([0, 10, 10, 100], np.uint16)
    values = np.array([[0, 10, 100]], np.uint16)
    codes = delinearised(values, table)
    assert codes.tolist() == [[0, 1, 3]]
    np.testing.assert_array_equal(relinearised(codes, table), values)
    np.testing.assert_array_equal(relinearised(np.array([2.5], np.float32), table), [55])


def test_codes_beyond_a_table_take_its_last_value() -> None:
    table = np.array([0, 10, 100], np.uint16)
    assert linearised(np.array([0, 1, 2, 9], np.uint16), table).tolist() == [0, 10, 100, 100]
    assert linearised(np.array([0.5], np.float32), table).tolist() == [0.5]


def slope(height: int, width: int) -> np.ndarray:
    """Codes that tell where they lie."""
    y, x = np.mgrid[:height, :width]
    return (20000 + 100 * y + 50 * x).astype(np.uint16)


PACKINGS = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "deflate": {"compression": "deflate", "predictor": 2},
    "float": {"compression": "deflate", "predictor": 3},
    "jpeg-xl": {"compression": 52546, "compressionargs": {"lossless": True}},
    "lossless-jpeg": {},
    "12-bits": {},
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize(
    ("size", "tile"),
    [((96, 128), (32, 64)), ((97, 131), (48, 48)), ((40, 50), (256, 256)), ((40, 90), (64, 32))],
)
def test_tiles_of_every_packing(
    tmp_path: Path, packing: str, size: tuple[int, int], tile: tuple[int, int]
) -> None:
    """Inside of the picture, over its edges, and larger than it."""
    codes, path = slope(*size), tmp_path / "a.dng"
    given = codes.astype(np.float32) / 65535 if packing == "float" else codes
    within = 1.5 / 65535
    write(path, given, tile=tile, **PACKINGS[packing])
    if packing == "lossless-jpeg":
        parts = [imagecodecs.ljpeg_encode(part, bitspersample=16) for part in tiles_of(codes, tile)]
        rechunked(path, parts, 7)
    if packing == "12-bits":
        rechunked(path, [packed(part >> 4, 12) for part in tiles_of(codes, tile)], 1)
        restated(path, _258=12)
        within = 2 / 4095
    inside = (slice(3, -3),) * 2
    meant = np.repeat(codes[..., None], 3, axis=2) / 65535
    np.testing.assert_allclose(light(path)[inside], meant[inside], atol=within)


@pytest.mark.parametrize("packing", ["plain", "deflate", "float", "jpeg-xl"])
def test_planes_one_behind_the_other(tmp_path: Path, packing: str) -> None:
    """Linear DNG files with PlanarConfiguration 2."""
    values = np.array([0.5, 0.25, 0.125])
    planes = np.broadcast_to(values[:, None, None], (3, 60, 80))
    samples = (
        planes.astype(np.float32)
        if packing == "float"
        else np.round(planes * 65535).astype(np.uint16)
    )
    tags = [
        (50706, 1, 4, bytes((1, 7, 0, 0)), True),
        (50708, 2, 0, "Test Camera", True),
        (50721, 10, 9, ratios(TO_CAMERA), True),
        (50728, 5, 3, ratios(np.ones(3)), True),
        (50778, 3, 1, 21, True),
    ]
    tifffile.imwrite(
        path := tmp_path / "a.dng",
        samples,
        photometric=LINEAR,
        planarconfig="separate",
        extratags=tags,
        metadata=None,
        **PACKINGS[packing],
    )
    np.testing.assert_allclose(light(path), np.broadcast_to(values, (60, 80, 3)), atol=1e-3)


@pytest.mark.parametrize(
    ("compression", "name"),
    [(5, "LZW"), (9, "VC-5"), (32773, "PackBits"), (50000, "Zstandard"), (65000, "compression")],
)
def test_compressions_that_are_not_read_are_named(
    tmp_path: Path, compression: int, name: str
) -> None:
    path = write(tmp_path / "a.dng", np.full((96, 128), 9, np.uint16), rowsperstrip=96)
    restated(path, _259=compression)
    match = rf"a\.dng: .*{name}.*compression {compression}. is not supported"
    with pytest.raises(RestoreError, match=match):
        light(path)


@pytest.mark.parametrize("colours", [1, 3])
def test_lossy_jpeg_under_the_number_of_lossless_ones(tmp_path: Path, colours: int) -> None:
    """LibRaw would leave what its memory held."""
    samples = np.full((96, 128) if colours == 1 else (96, 128, 3), 128, np.uint8)
    path = write(tmp_path / "a.dng", samples, compression="jpeg", tile=(32, 64))
    np.testing.assert_allclose(light(path), 128 / 255, atol=2e-3)
    deep = samples.astype(np.uint16) * 16
    path = write(tmp_path / "b.dng", deep, compression="jpeg", tile=(32, 64))
    with pytest.raises(RestoreError, match="lossy JPEG of 12 bits is not supported"):
        light(path)


@pytest.mark.parametrize("kind", ["float", "deflate", "tiles"])
def test_strips_and_tiles_without_a_size_are_damage(tmp_path: Path, kind: str) -> None:
    frame = np.full((96, 128), 0.5, np.float32)
    if kind == "tiles":
        restated(write(path := tmp_path / "a.dng", frame, tile=(32, 32)), _322=0)
    else:
        options = {"compression": "deflate"} if kind == "deflate" else {}
        write(path := tmp_path / "a.dng", frame, rowsperstrip=96, **options)
        restated(path, _278=0)
    with pytest.raises(RestoreError, match=r"a\.dng: .*strips or tiles have no size"):
        light(path)


def test_a_lossless_jpeg_of_another_size_is_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dng", slope(40, 50), tile=(64, 64))
    rechunked(path, [imagecodecs.ljpeg_encode(slope(16, 16), bitspersample=16)], 7)
    with pytest.raises(RestoreError, match="256 samples where there must be 4096"):
        light(path)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_small_packed_mosaics(tmp_path: Path, bits: int) -> None:
    codes = np.full((5, 7), 1 << (bits - 1), np.uint16)
    path = write(tmp_path / "a.dng", codes, rowsperstrip=5)
    repacked(path, packed(codes, bits), _258=bits)
    np.testing.assert_allclose(light(path), 0.5, atol=1e-3)
