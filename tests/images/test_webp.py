import io

import pytest
from PIL import Image

from restore_cli.images.webp import riff, size


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0"}])
def test_the_claimed_size_is_that_of_the_picture(options: dict[str, object]) -> None:
    out = io.BytesIO()
    Image.new("RGB", (301, 77), (9, 80, 200)).save(out, "WEBP", **options)
    assert size(out.getvalue()) == (301, 77)
    assert next(riff(out.getvalue()))[0] in (b"VP8 ", b"VP8L", b"VP8X")


@pytest.mark.parametrize(
    "data", [b"", b"RIFF\0\0\0\0WEBPVP8X\n\0\0\0", b"RIFF\0\0\0\0WEBPxxxx" * 9]
)
def test_what_claims_nothing_is_damaged(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"ends early|no picture"):
        size(data)


def test_a_canvas_that_no_webp_can_have_is_told() -> None:
    out = io.BytesIO()
    Image.new("RGB", (20, 20)).save(out, "WEBP", exif=b"Exif\0\0II*\0")
    data = bytearray(out.getvalue())
    at = data.find(b"VP8X")
    data[at + 12 : at + 18] = b"\xff" * 6
    with pytest.raises(ValueError, match=r"claims 16777216 x 16777216 pixels, and 16384 a side"):
        size(bytes(data))
