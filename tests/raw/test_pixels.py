"""Samples that are decoded here, as an outside writer packed them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from dng_files import light, write

from restore_cli.errors import RestoreError
from restore_cli.raw.pixels import _floats, linearised

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
    class Page:
        bits, samples = 24, 1

    # 1.5 = 2^0 * 1.1b; -0.25 = -2^-2; 0 is 0.
    codes = np.array([[0x40, 0x80, 0x00, 0xBE, 0x00, 0x00, 0, 0, 0]], np.uint8)
    seen = _floats(codes, Page, 1, ">", Path("a"))  # pyright: ignore[reportArgumentType]
    assert seen.tolist() == [[1.5, -0.25, 0.0]]


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


def test_lossy_files_are_read_by_their_table(tmp_path: Path) -> None:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (128, 96), (128, 128, 128)).save(out, "JPEG", quality=98)
    table = np.round((np.arange(256) / 255) ** 2 * 65535).astype(int)
    path = write(
        tmp_path / "a.dng",
        np.full((96, 128, 3), 7, np.uint8),
        (50712, 3, 256, tuple(int(v) for v in table)),
        (50717, 4, 3, (65535,) * 3),
        rowsperstrip=96,
    )
    data = bytearray(path.read_bytes())

    def put(tag: int, value: int) -> None:
        for kind, size in ((3, 2), (4, 4)):
            at = data.find(tag.to_bytes(2, "little") + kind.to_bytes(2, "little"))
            if at >= 0:
                data[at + 8 : at + 8 + size] = value.to_bytes(size, "little")

    put(259, 34892)
    put(273, len(data))
    put(279, len(out.getvalue()))
    path.write_bytes(bytes(data) + out.getvalue())
    np.testing.assert_allclose(light(path), (128 / 255) ** 2, atol=3e-3)


def test_codes_beyond_a_table_take_its_last_value() -> None:
    table = np.array([0, 10, 100], np.uint16)
    assert linearised(np.array([0, 1, 2, 9], np.uint16), table).tolist() == [0, 10, 100, 100]
    assert linearised(np.array([0.5], np.float32), table).tolist() == [0.5]
