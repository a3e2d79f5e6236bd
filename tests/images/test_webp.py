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
