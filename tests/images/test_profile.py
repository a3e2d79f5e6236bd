"""Profiles against LittleCMS."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from icc_profiles import P3, PROPHOTO, SRGB, curv, fixed, para, profile
from PIL import Image, ImageCms

from restore_cli.images.picture import Picture
from restore_cli.images.profile import (
    ProfileError,
    cmyk_to_srgb,
    converter,
    decode_srgb,
    encode_srgb,
    lab_to_srgb,
)

RNG = np.random.default_rng(2)
CURVES = {
    "identity": curv(),
    "gamma": curv(round(1.8 * 256)),
    "table": curv(*[round(65535 * (i / 99) ** 2.2) for i in range(100)]),
    "para 0": para(0, 2.4),
    "para 1": para(1, 2.2, 0.9, 0.1),
    "para 2": para(2, 2.2, 0.9, 0.05, 0.02),
    "para 3": para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    "para 4": para(4, 2.0, 0.94, 0.05, 0.40136, 0.1, 0.0199, 0.0005),
}


def littlecms(samples: np.ndarray, source: bytes, target: bytes, modes: str) -> np.ndarray:
    before, after = modes.split()
    how = ImageCms.buildTransform(
        io.BytesIO(source),
        io.BytesIO(target),
        before,
        after,
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.NOOPTIMIZE,  # its shortcuts cost up to 4 levels in the shadows
    )
    done = ImageCms.applyTransform(Image.fromarray(samples), how)
    assert done is not None
    return np.asarray(done)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("primaries", [P3, PROPHOTO], ids=["p3", "prophoto"])
def test_to_srgb_as_littlecms(curve: str, primaries: list[list[float]]) -> None:
    icc = profile(b"RGB ", CURVES[curve], primaries)
    samples = RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    how = converter(icc, 3)
    assert how is not None
    # LittleCMS works in 16-bit fixed point: dark colours of near-linear curves differ more.
    error = np.abs(how.to_srgb(samples) * 255 - littlecms(samples, icc, SRGB, "RGB RGB"))
    assert np.quantile(error, 0.999) <= 1.0
    assert error.max() <= 2.0


@pytest.mark.parametrize("curve", CURVES)
def test_from_srgb_as_littlecms(curve: str) -> None:
    icc = profile(b"RGB ", CURVES[curve], P3)
    samples = RNG.integers(30, 256, (64, 64, 3)).astype(np.uint8)
    how = converter(icc, 3)
    assert how is not None
    error = np.abs(
        how.from_srgb(samples / np.float32(255)) * 255 - littlecms(samples, SRGB, icc, "RGB RGB")
    )
    assert error.max() <= 1.5


@pytest.mark.parametrize("curve", ["gamma", "table", "para 4"])
def test_grey_as_littlecms(curve: str) -> None:
    icc = profile(b"GRAY", CURVES[curve])
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    how = converter(icc, 1)
    assert how is not None
    theirs = littlecms(levels[..., 0], icc, SRGB, "L RGB")
    assert np.abs(how.to_srgb(levels) * 255 - theirs).max() <= 1.5
    back = how.from_srgb(how.to_srgb(levels))
    assert np.abs(back * 255 - levels).max() < 0.02


@pytest.mark.parametrize("curve", ["gamma", "table", "para 0", "para 3"])
def test_16_bit_levels_inside_srgb_come_back_exactly(curve: str) -> None:
    icc = profile(b"RGB ", CURVES[curve], P3)
    samples = np.repeat(np.arange(2000, 60000, dtype=np.uint16).reshape(100, -1, 1), 3, axis=2)
    how = converter(icc, 3)
    assert how is not None
    back = how.from_srgb(how.to_srgb(samples)) * 65535
    assert np.abs(back - samples).max() < 0.5


def test_srgb_in_any_dress_needs_no_conversion() -> None:
    assert converter(SRGB, 3) is None
    table = curv(*[round(65535 * float(decode_srgb(np.float64(i / 1023)))) for i in range(1024)])
    srgb = [[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410]]
    assert converter(profile(b"RGB ", table, srgb), 3) is None
    assert converter(profile(b"GRAY", CURVES["para 3"]), 1) is None
    assert converter(profile(b"RGB ", CURVES["para 3"], P3), 3) is not None


def test_unusable_profiles_say_why() -> None:
    good = profile(b"RGB ", CURVES["gamma"], P3)
    with pytest.raises(ProfileError, match="damaged"):
        converter(b"nothing", 3)
    with pytest.raises(ProfileError, match="cut off"):
        converter(good[:-20], 3)
    with pytest.raises(ProfileError, match="for RGB, not for a grey"):
        converter(good, 1)
    with pytest.raises(ProfileError, match="for GRAY, not for an RGB"):
        converter(profile(b"GRAY", CURVES["gamma"]), 3)
    with pytest.raises(ProfileError, match="does not rise"):
        converter(profile(b"RGB ", curv(65535, 30000, 0), P3), 3)
    with pytest.raises(ProfileError, match="unknown kind"):
        converter(profile(b"RGB ", b"what" + bytes(8), P3), 3)
    with pytest.raises(ProfileError, match="damaged"):
        converter(profile(b"RGB ", CURVES["gamma"], [[0.1, 0.1, 0.1]] * 3), 3)
    with pytest.raises(ProfileError, match="both directions"):
        converter(good.replace(b"rXYZ", b"A2B0"), 3)


def test_transfer_curves_are_inverse() -> None:
    x = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(encode_srgb(decode_srgb(x)), x, atol=1e-9)
    assert float(decode_srgb(np.float64(0.5))) == pytest.approx(0.21404114)


def test_cmyk_with_a_broken_profile_falls_back_to_the_plain_formula() -> None:
    image = Image.new("CMYK", (2, 2), (0, 255, 200, 30))
    for depth, scale in ((np.uint8, 1), (np.uint16, 257)):
        inks = np.array(image).astype(depth) * depth(scale)
        rgb = cmyk_to_srgb(inks, b"junk" * 9)[0, 0] / scale
        assert np.abs(rgb - image.convert("RGB").getpixel((0, 0))).max() <= 1


def test_lab_becomes_srgb_as_littlecms_converts_it() -> None:
    codes = RNG.integers(-12, 13, (8, 8, 3)).astype(np.int8)
    codes[..., 0] += 100
    lab = codes.astype(np.float32) * (100 / 255, 1, 1)
    source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    image = Image.new("LAB", (8, 8))
    image.frombytes(codes.tobytes())
    how = ImageCms.buildTransform(io.BytesIO(source), io.BytesIO(SRGB), "LAB", "RGB", 1)
    theirs = np.asarray(ImageCms.applyTransform(image, how))
    assert np.abs(lab_to_srgb(lab.astype(np.float32)) / 257 - theirs).max() <= 2


def table_profile(primaries: list[list[float]]) -> bytes:
    """A linear RGB profile told by tables in both directions (`mft2`), as scanners have them."""
    to_xyz = np.array(primaries).T

    def mft2(matrix: np.ndarray, inputs: list[int], corners: np.ndarray) -> bytes:
        head = b"mft2" + bytes(4) + struct.pack(">4B", 3, 3, 2, 0) + fixed(*matrix.ravel())
        head += struct.pack(">HH", len(inputs), 2)
        grid = np.clip(np.rint(corners), 0, 65535).astype(">u2").tobytes()
        ends = struct.pack(">2H", 0, 65535)
        return head + struct.pack(f">{len(inputs)}H", *inputs) * 3 + grid + ends * 3

    bits = np.array([[(k >> 2) & 1, (k >> 1) & 1, k & 1] for k in range(8)])
    plain = profile(b"RGB ", CURVES["identity"], primaries)
    forward = mft2(np.eye(3), [0, 65535], bits @ to_xyz.T * 32768)
    # XYZ 1.0 is stored as 32768, so after the matrix full RGB stands half-way up the table.
    backward = mft2(np.linalg.inv(to_xyz), [0, 65535, 65535], bits * 65535)
    start = len(plain) + 24  # two more entries in the table of tags
    (count,) = struct.unpack_from(">I", plain, 128)
    entries = bytearray(plain[132 : 132 + 12 * count])
    for i in range(count):
        (offset,) = struct.unpack_from(">I", entries, 12 * i + 4)
        struct.pack_into(">I", entries, 12 * i + 4, offset + 24)
    entries += b"A2B0" + struct.pack(">II", start, len(forward))
    entries += b"B2A0" + struct.pack(">II", start + len(forward), len(backward))
    body = plain[132 + 12 * count :] + forward + backward
    out = plain[:128] + struct.pack(">I", count + 2) + bytes(entries) + body
    return struct.pack(">I", len(out)) + out[4:]


def test_profiles_of_tables_go_through_littlecms_at_full_depth(tmp_path: Path) -> None:
    icc = table_profile(P3)
    by_tables, by_matrix = converter(icc, 3), converter(profile(b"RGB ", curv(), P3), 3)
    assert by_tables is not None
    assert by_matrix is not None
    samples = RNG.integers(60, 200, (32, 32, 3)).astype(np.uint8)
    assert np.abs(by_tables.to_srgb(samples) - by_matrix.to_srgb(samples)).max() < 2.5 / 255
    srgb = RNG.uniform(0.4, 0.9, (32, 32, 3)).astype(np.float32)
    assert np.abs(by_tables.from_srgb(srgb) - by_matrix.from_srgb(srgb)).max() < 3 / 255
    deep = RNG.integers(0, 65536, (32, 32, 3)).astype(np.uint16)
    Picture(deep, icc=icc).write(tmp_path / "a.png")
    picture = Picture.read(tmp_path / "a.png")
    assert picture.icc == icc
    assert picture.notes == ()
    assert len(np.unique(picture.to_srgb()[..., 1])) > 300
    np.testing.assert_array_equal(picture.with_srgb(picture.to_srgb()).pixels, deep)
