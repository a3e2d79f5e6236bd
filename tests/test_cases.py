"""Files that users have, built here, through `restore infer --strength 0`, as others see them.

One run of the command takes them all; each has a test of its own.
"""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from dng_cases import DNG_CASES, IPTC, DngCase, other_profile
from picture_cases import CASES, EIGHT, Case
from PIL import Image

from restore_cli.images.picture import Picture


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict], str]:
    """The folder of outputs, the JSON line of each input, and what was said to people."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "in").mkdir()
    for case in CASES:
        (folder / "in" / case.name).write_bytes(case.make())
    words = [sys.executable, "-m", "restore_cli", "infer", str(folder / "in"), "--task", "denoise"]
    words += ["--strength", "0", "--format", "same", "-o", str(folder / "out"), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return folder, {Path(x["input"]).name: x for x in lines if "input" in x}, done.stderr


def seen(path: Path) -> np.ndarray:
    """The pixels by other software than ours."""
    if path.suffix == ".tif":
        return tifffile.imread(path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_right(outcome: tuple[Path, dict[str, dict], str], case: Case) -> None:
    folder, lines, said = outcome
    line = lines[case.name]
    if isinstance(case.right, str):
        assert line["status"] == "failed"
        assert case.right in line["error"]
        assert not (folder / "out" / case.name).exists()
        return
    assert line["status"] == "done", line["error"]
    assert case.note in said
    samples = seen(folder / "out" / case.name)
    lossy = case.name.startswith(("old-jpeg", "lossy", "plain.jpg", "lab", "ycbcr", "mpf", "thumb"))
    step = 65535 / 255 if samples.dtype == np.uint16 else 1
    tolerance = 0.5 if case.right.dtype.kind == "f" and samples.dtype.kind != "f" else 0
    tolerance = (14 if lossy else 0.01) * step if lossy else tolerance
    assert np.abs(samples[..., :3].astype(float) - case.right).max() <= tolerance + 1e-9


def test_alpha_beside_inks_is_kept(outcome: tuple[Path, dict[str, dict], str]) -> None:
    samples = tifffile.imread(outcome[0] / "out" / "cmyka.tif")
    np.testing.assert_array_equal(samples[..., 3], EIGHT[..., 0])


def test_a_map_lies_where_it_lay(outcome: tuple[Path, dict[str, dict], str]) -> None:
    with tifffile.TiffFile(outcome[0] / "out" / "geo.tif") as file:
        tags = file.pages.first.tags
        assert tags[33550].value == (10.0, 10.0, 0.0)
        assert tags[33922].value == (0, 0, 0, 5e5, 6e6, 0)


def test_of_two_pictures_in_one_file_one_is_left_and_none_is_claimed(
    outcome: tuple[Path, dict[str, dict], str],
) -> None:
    assert b"MPF\0" in (outcome[0] / "in" / "mpf.jpg").read_bytes()
    data = (outcome[0] / "out" / "mpf.jpg").read_bytes()
    assert b"MPF\0" not in data
    assert data.count(b"\xff\xd8\xff") == 1
    assert len(outcome[1]["mpf.jpg"]["notes"]) == 1


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_an_embedded_thumbnail_shows_the_picture(
    outcome: tuple[Path, dict[str, dict], str],
) -> None:
    for folder, right in (("in", 255 - EIGHT), ("out", EIGHT)):
        words = ["exiftool", "-b", "-ThumbnailImage", str(outcome[0] / folder / "thumbnail.jpg")]
        small = subprocess.run(words, capture_output=True, check=True).stdout
        with Image.open(io.BytesIO(small)) as image:
            assert image.size == (48, 32)
            assert np.abs(np.asarray(image).astype(int) - right).mean() < 6


def test_texts_and_long_xmp_are_kept(outcome: tuple[Path, dict[str, dict], str]) -> None:
    with Image.open(outcome[0] / "out" / "text.png") as image:
        assert image.text["Title"] == "Holiday"
        assert image.text["parameters"] == "a cat\nSteps: 20"
        assert image.text["Description"] == "Straße 海"
        assert image.text["Description"].lang == "de"
    data = (outcome[0] / "out" / "xmp60.png").read_bytes()
    assert b">" + b"w" * 60_000_000 + b"</dc:source>" in data


def test_compression_stays_what_it_was(outcome: tuple[Path, dict[str, dict], str]) -> None:
    folder = outcome[0]
    assert b"VP8L" in (folder / "out" / "lossless.webp").read_bytes()[:64]
    with (
        Image.open(folder / "in" / "plain.jpg") as before,
        Image.open(folder / "out" / "plain.jpg") as after,
    ):
        assert after.quantization == before.quantization
        assert after.layer == before.layer
        assert after.info["dpi"] == (240, 240)
    with Image.open(folder / "out" / "plain.bmp") as image:
        assert round(image.info["dpi"][0]) == 300


@pytest.mark.skipif(shutil.which("identify") is None, reason="ImageMagick is not installed")
def test_imagemagick_opens_every_output(outcome: tuple[Path, dict[str, dict], str]) -> None:
    outputs = [path for path in (outcome[0] / "out").iterdir() if path.suffix != ".json"]
    skipped = ("xmp60.png", "plain.qoi")  # it takes long, and needs a delegate
    pictures = [path for path in outputs if path.name in outcome[1] and path.name not in skipped]
    assert len(pictures) > 20
    for path in pictures:
        words = ["identify", "-format", "%w %h", str(path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.stdout == "48 32", (path.name, done.stderr)


@pytest.fixture(scope="module")
def developed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict]]:
    """The folder of `restore isp`'s pictures, and what each file says by `--info --json`."""
    folder = tmp_path_factory.mktemp("raws")
    (folder / "in").mkdir()
    for case in DNG_CASES:
        case.make(folder / "in" / case.name)
    words = [sys.executable, "-m", "restore_cli", "isp", str(folder / "in"), "--json"]
    options = ["--engine", "libraw", "--linear", "-o", str(folder / "out")]
    done = subprocess.run([*words, *options], capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    previews = ["--preview", "--format", "png", "-o", str(folder / "previews")]
    subprocess.run([*words, *previews], capture_output=True, check=False, timeout=300)
    told = subprocess.run([*words, "--info"], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    return folder, {Path(x["input"]).name: x for x in lines if "input" in x}


@pytest.mark.parametrize("case", DNG_CASES, ids=lambda case: case.name)
def test_a_raw_file_gives_its_light(developed: tuple[Path, dict[str, dict]], case: DngCase) -> None:
    folder, told = developed
    seen = imagecodecs.png_decode((folder / "out" / case.name).with_suffix(".png").read_bytes())
    assert seen.shape == case.right.shape
    inside = (slice(case.lost, -case.lost or None),) * 2
    np.testing.assert_allclose(
        seen[inside] / 65535, case.right[inside], rtol=0, atol=case.within + 1e-5
    )
    top, left, bottom, right = told[case.name]["crop"]
    turned = told[case.name]["orientation"] > 4
    size = (bottom - top, right - left)
    assert (size[::-1] if turned else size) == seen.shape[:2]


def test_raw_files_say_what_they_say(developed: tuple[Path, dict[str, dict]]) -> None:
    told = developed[1]
    assert told["black-unlike.dng"]["black"] == [[[256, 512, 1024]]]
    assert told["black-same.dng"]["white"] == 16383
    assert told["float16.dng"]["white"] == 1
    assert told["crop.dng"]["crop"] == [6, 8, 86, 120]
    assert (told["active-odd.dng"]["width"], told["active-odd.dng"]["height"]) == (128, 96)
    assert told["active-odd.dng"]["cfa"] == "RGGB"
    assert told["lossy.dng"]["kind"] == told["jpeg-xl.dng"]["kind"] == "linear"
    assert told["12-bits-big-endian.dng"]["white"] == 4095
    assert told["preview.dng"]["orientation"] == 6


def test_what_a_raw_file_says_of_the_picture_is_kept(
    developed: tuple[Path, dict[str, dict]],
) -> None:
    data = (developed[0] / "out" / "metadata.png").read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        xmp = image.info["xmp"]
    for words in (b'Rating="4"', b'Label="Red"', b"<rdf:li>cat</rdf:li>"):
        assert words in xmp
    assert Picture.read(developed[0] / "out" / "metadata.png").iptc == IPTC


def test_a_preview_keeps_its_profile_turned(developed: tuple[Path, dict[str, dict]]) -> None:
    with Image.open(developed[0] / "previews" / "preview.png") as image:
        assert image.size == (96, 128)
        assert image.info["icc_profile"] == other_profile()
        # The left half lies at the top after a quarter turn clockwise.
        assert np.asarray(image)[10, 48].tolist() == [200, 30, 30]
        assert np.asarray(image)[120, 48].tolist() == [0, 0, 0]
