"""What a file is, by its start."""

from collections.abc import Callable
from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.images.sniff import sniff


@pytest.mark.parametrize(
    ("start", "format"),
    [
        (b"\0\0\0\x20ftypheic\0\0\0\0", "heic"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\xff\x0a\x00", "jxl"),
        (b"P6 3 3 255\n", "ppm"),
        (b"P7\nWIDTH 3", "pam"),
        (b"PF\n3 3\n", "pfm"),
        (b"qoif", "qoi"),
        (b"#?RADIANCE\n", "hdr"),
        (b"\x76\x2f\x31\x01", "exr"),
        (b"MM\0+", "tiff"),
    ],
)
def test_formats_are_told(start: bytes, format: str) -> None:
    assert sniff(start.ljust(64, b"\0"), Path("a.xyz")) == format


def test_tga_needs_its_suffix() -> None:
    start = bytes((0, 0, 2)) + bytes(9) + bytes((3, 0, 3, 0, 24, 0)) + bytes(64)
    assert sniff(start, Path("a.TGA")) == "tga"
    with pytest.raises(RestoreError, match="not a picture"):
        sniff(start, Path("a.png"))


@pytest.mark.parametrize("start", [b"II\xbc\x01", b"\xff\x4f\xff\x51", b"<svg xmlns", b"gimp xcf"])
def test_others_are_named_with_a_way_out(start: bytes) -> None:
    with pytest.raises(RestoreError, match="which is not read") as caught:
        sniff(start.ljust(64, b" "), Path("a.png"))
    assert "convert it" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "copied",
    [
        lambda data: data.replace(b"\r\n", b"\n"),
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.decode(errors="replace").encode(),
    ],
)
def test_files_that_were_copied_as_text_are_called_so(copied: Callable[[bytes], bytes]) -> None:
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(48)
    with pytest.raises(RestoreError, match=r"a PNG file that was .* as if it were text") as caught:
        sniff(copied(png), Path("a.png"))
    assert "binary" in (caught.value.hint or "")
    assert sniff(png, Path("a.png")) == "png"
    jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF".decode(errors="replace").encode()
    with pytest.raises(RestoreError, match="saved as if it were text"):
        sniff(jpeg.ljust(64, b"\0"), Path("a.jpg"))
