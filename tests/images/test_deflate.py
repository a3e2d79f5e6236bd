"""What is packed comes back, and its size and checksum are what zlib would give."""

import zlib

import numpy as np
import pytest

from restore_cli.images import deflate

ROWS = np.random.default_rng(3).integers(0, 9, (200, 300), np.uint8)


@pytest.fixture(params=["isal", "zlib"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "isal":
        pytest.importorskip("isal")
    else:
        monkeypatch.setattr(deflate, "_fast", lambda: None)
    return request.param


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("level", [None, 1, 9])
def test_pieces_make_one_stream(level: int | None) -> None:
    packer = deflate.packer(level)
    packed = b"".join((packer.compress(ROWS[:70]), packer.compress(ROWS[70:]), packer.flush()))
    assert zlib.decompress(packed) == ROWS.tobytes()


@pytest.mark.usefixtures("module")
def test_a_buffer_at_once_is_as_small_as_zlibs() -> None:
    packed = deflate.pack(ROWS)
    assert zlib.decompress(packed) == ROWS.tobytes()
    assert len(packed) < 1.1 * len(zlib.compress(ROWS, 3))


@pytest.mark.usefixtures("module")
def test_checksums_go_on_from_what_came_before() -> None:
    data = ROWS.tobytes()
    assert deflate.checksum(data[9:], deflate.checksum(data[:9])) == zlib.crc32(data)
