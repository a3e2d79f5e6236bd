"""PNM files as others write them, and ours as others read them."""

import cv2
import numpy as np
import pytest

from restore_cli.images import pnm
from restore_cli.images.refusal import NotSupportedError

RNG = np.random.default_rng(6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_pgm_and_ppm_go_both_ways_with_opencv(dtype: type, channels: int) -> None:
    pixels = RNG.integers(0, np.iinfo(dtype).max, (5, 7, channels)).astype(dtype)
    code = pixels if channels == 1 else pixels[..., ::-1]
    theirs = cv2.imencode(".pgm" if channels == 1 else ".ppm", code)[1].tobytes()
    np.testing.assert_array_equal(pnm.read_samples(theirs)[0], pixels)
    ours = cv2.imdecode(np.frombuffer(pnm.encode(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(ours.reshape(code.shape), code)


def test_other_maxima_fill_the_range() -> None:
    samples, alpha = pnm.read_samples(b"P5\n# a comment\n2 1\n15\n\x00\x0f")
    assert alpha is None
    assert samples.ravel().tolist() == [0, 255]
    deep, _ = pnm.read_samples(b"P5 2 1 1023\n\x03\xff\x02\x00")
    assert deep.ravel().tolist() == [65535, 32800]
    assert pnm.read_samples(b"P2 2 1 4 4 1")[0].ravel().tolist() == [255, 64]


def test_bitmaps_black_is_one() -> None:
    assert pnm.read_samples(b"P4 3 1\n\xa0")[0].ravel().tolist() == [0, 255, 0]
    assert pnm.read_samples(b"P1 3 1\n101")[0].ravel().tolist() == [0, 255, 0]


@pytest.mark.parametrize("channels", [1, 3])
def test_pam_keeps_alpha(channels: int) -> None:
    pixels = RNG.integers(0, 65536, (4, 3, channels)).astype(np.uint16)
    alpha = RNG.integers(0, 65536, (4, 3)).astype(np.uint16)
    back, cover = pnm.read_samples(pnm.encode_pam(pixels, alpha))
    np.testing.assert_array_equal(back, pixels)
    np.testing.assert_array_equal(cover, alpha)
    assert pnm.size(pnm.encode_pam(pixels, alpha)) == (3, 4)


@pytest.mark.parametrize("channels", [1, 3])
def test_pfm_goes_both_ways_with_opencv(channels: int) -> None:
    pixels = RNG.normal(0, 9, (5, 7, channels)).astype(np.float32)
    code = pixels if channels == 1 else pixels[..., ::-1]
    theirs = cv2.imencode(".pfm", np.ascontiguousarray(code))[1].tobytes()
    np.testing.assert_array_equal(pnm.read_floats(theirs), pixels)
    ours = cv2.imdecode(np.frombuffer(pnm.encode_floats(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(ours.reshape(code.shape), code)


@pytest.mark.parametrize(
    "data", [b"P5 2 2 255\n\1\2\3", b"P6 2", b"P5 0 2 255\n", b"P5 1 1 9\n\x0a", b"P2 1 1 9"]
)
def test_damage_is_named(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"ends early|cut off|no sense|beyond"):
        pnm.read_samples(data)


def test_a_pam_of_five_channels_is_refused() -> None:
    head = b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n"
    with pytest.raises(NotSupportedError, match="5 channels"):
        pnm.read_samples(head + bytes(5))
