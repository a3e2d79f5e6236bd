"""What a DNG file says, and what is done where it says nonsense."""

from pathlib import Path

import numpy as np
import pytest
from dng_files import developed, ratios, write

from restore_cli.errors import RestoreError
from restore_cli.raw.dng_info import kind_of
from restore_cli.raw.tags import read_tags

FRAME = np.full((96, 128), 20000, np.uint16)


def kind(path: Path) -> tuple[str, str, bool]:
    dng = read_tags(path).dng
    assert dng is not None
    return kind_of(dng)


def test_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    assert kind(write(path, FRAME)) == ("bayer", "RGGB", False)
    grey = bytearray(write(path, FRAME).read_bytes())
    at = grey.index((262).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    grey[at + 8 : at + 10] = (34892).to_bytes(2, "little")
    path.write_bytes(grey)
    assert kind(path) == ("monochrome", "", False)
    picture, loaded = developed(path, linear=True, engine="learned")
    np.testing.assert_allclose(picture.pixels / 255, 20000 / 65535, atol=0.003)
    assert "monochrome" in " ".join(loaded.notes)
    assert kind(write(path, np.zeros((8, 8, 3), np.uint16))) == ("linear", "", False)
    quad = bytes((0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 2, 2, 1, 1, 2, 2))
    dim = (33421, 3, 2, (4, 4))
    assert kind(write(path, FRAME, dim, (33422, 1, 16, quad))) == ("bayer", "RGGB", True)
    twice = bytes((0, 1, 0, 1, 1, 2, 1, 2, 0, 1, 0, 1, 1, 2, 1, 2))
    assert kind(write(path, FRAME, dim, (33422, 1, 16, twice))) == ("bayer", "RGGB", False)
    xtrans = (33422, 1, 36, bytes(36))
    assert kind(write(path, FRAME, (33421, 3, 2, (6, 6)), xtrans))[0] == "x-trans"
    for cells in ((3, 4, 5, 6), (0, 1, 6, 2), (0, 1, 2, 1), (0, 0, 1, 2)):
        assert kind(write(path, FRAME, (33422, 1, 4, bytes(cells))))[0] == "other"


@pytest.mark.parametrize("cells", [(0, 1, 1, 2), (1, 0, 2, 1), (1, 2, 0, 1), (2, 1, 1, 0)])
@pytest.mark.parametrize("crop", ["active", "full"])
def test_every_phase_at_every_origin(tmp_path: Path, cells: tuple[int, ...], crop: str) -> None:
    signal = np.array([0.2, 0.4, 0.6])
    active = (3, 5, 95, 127)
    y, x = np.mgrid[:96, :128]
    place = 2 * ((y - active[0]) % 2) + (x - active[1]) % 2
    frame = np.round(65535 * signal[np.array(cells)[place]]).astype(np.uint16)
    path = write(tmp_path / "a.dng", frame, (33422, 1, 4, bytes(cells)), (50829, 4, 4, active))
    picture, _ = developed(path, crop=crop, linear=True, bits=16)
    np.testing.assert_allclose(
        picture.pixels / 65535, np.broadcast_to(signal, picture.pixels.shape), atol=1e-3
    )


def test_nonsense_is_replaced_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    for tags, words in (
        ([(50714, 4, 1, 65000)], "black level makes no sense"),
        ([(50717, 4, 1, 0)], "white level makes no sense"),
        ([(50728, 5, 3, (0, 1, 1, 1, 1, 1))], "daylight's is used"),
        ([(50721, 10, None, ())], "no colour matrix"),
        ([(50714, 4, 3, (1, 2, 3))], "black level does not fit"),
        ([(50716, 10, 3, ratios([1, 2, 3]))], "deltas do not fit"),
    ):
        _, loaded = developed(write(path, FRAME, *tags))
        assert words in " ".join(loaded.notes)
    with pytest.raises(RestoreError, match="not below"):
        developed(write(path, FRAME), black=70000.0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 5)])
def test_smallest_pictures(tmp_path: Path, shape: tuple[int, int]) -> None:
    frame = np.full((*shape, 3), 20000, np.uint16)
    picture, _ = developed(write(tmp_path / "a.dng", frame.astype(np.float32) / 65535))
    assert picture.pixels.shape[:2] == shape
