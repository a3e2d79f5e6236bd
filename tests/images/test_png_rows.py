"""A PNG that is written by rows reads as it should, elsewhere too."""

import io

import numpy as np
import pytest
from PIL import Image

from restore_cli.images.png_rows import PngRows, chunk


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rows_become_the_picture(channels: int, dtype: type) -> None:
    rng = np.random.default_rng(channels)
    samples = rng.integers(0, np.iinfo(dtype).max, (30, 17, channels), dtype)
    out = io.BytesIO()
    text = chunk(b"tEXt", b"Author\0me")
    rows = PngRows(out, samples.shape, samples.dtype, [text], level=9)
    for top, bottom in ((0, 1), (1, 20), (20, 20), (20, 30)):
        rows.write(samples[top:bottom])
    rows.close()
    with Image.open(out) as image:
        image.load()
        assert image.info["Author"] == "me"
        found = np.asarray(image)
    if dtype is np.uint8:
        np.testing.assert_array_equal(found.reshape(samples.shape), samples)
    elif channels == 1:
        np.testing.assert_array_equal(found, samples[..., 0])
    else:  # Pillow knows no colour of 16 bits
        np.testing.assert_array_equal(found[..., 0], samples[..., 0] >> 8)
