"""The profiles that developed pictures carry, as this package and LittleCMS understand them."""

import io

import numpy as np
from PIL import Image, ImageCms

from restore_cli.images.profile import converter, decode_srgb
from restore_cli.images.srgb_profile import srgb_profile


def test_srgb_is_recognised_and_always_the_same() -> None:
    assert converter(srgb_profile(), 3) is None
    assert srgb_profile() == srgb_profile()
    assert srgb_profile()[24:36] == bytes((7, 234, 0, 1, 0, 1)) + bytes(6)


def test_linear_light_becomes_srgb_with_its_profile() -> None:
    how = converter(srgb_profile(linear=True), 3)
    assert how is not None
    ramp = np.repeat(np.arange(0, 65536, 257, dtype=np.uint16)[None, :, None], 3, axis=2)
    srgb = how.to_srgb(ramp)
    np.testing.assert_allclose(decode_srgb(srgb), ramp / 65535, atol=1e-4)


def test_littlecms_takes_both() -> None:
    for linear, expected in ((False, 128), (True, 188)):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile(linear=linear)))
        name = ImageCms.getProfileDescription(profile)
        assert ("linear" in name) is linear
        grey = Image.new("RGB", (1, 1), (128, 128, 128))
        out = ImageCms.profileToProfile(grey, profile, ImageCms.createProfile("sRGB"))
        assert out is not None
        assert abs(out.getpixel((0, 0))[0] - expected) <= 1
