"""Sets of pictures that `restore eval` measures, and those that it refuses, with its words."""

import json
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.images.picture import Picture

Start = Callable[..., "subprocess.Popen[str]"]
Answer = tuple[int, list[dict[str, Any]], str]
Evaluate = Callable[..., Answer]

TENTH = 10 ** (0.1 / 20)  # errors this much larger cost 0.1 dB
GATE = "--max-drop psnr=0.05"
LONG = "x" * 300

# By name: the words after `restore eval`, then what the error says.
CASES: dict[str, tuple[str, ...]] = {
    # Paths.
    "nothing": ("", "nothing to compare"),
    "one path": ("good", "good is given without a reference"),
    "three paths": ("good worse truth", "3 paths", "nothing says which is the reference"),
    "reference alone": ("--reference truth", "nothing to compare"),
    "empty text": ("'' truth", "a path is an empty text"),
    "empty reference": ("good --reference ''", "a path is an empty text"),
    "missing output": ("gone truth", "the output gone does not exist"),
    "missing reference": ("good gone", "the reference gone does not exist"),
    "both missing": ("gone away", "the output gone", "the reference away"),
    "name too long": (f"{LONG} truth", LONG, "cannot be reached"),
    "folder against file": ("good truth/a.png", "good is a folder", "truth/a.png is a file"),
    "file against folder": ("good/a.png truth", "truth is a folder", "good/a.png is a file"),
    "dangling link": ("gone.png truth/a.png", "gone.png is a link that leads nowhere"),
    "link to itself": ("loop.png truth/a.png", "loop.png", "link"),
    "output given twice": ("good good --reference truth", "good is given twice"),
    # Names in folders.
    "empty output": ("bare truth", "bare holds no pictures"),
    "empty reference folder": ("good bare", "bare holds no pictures"),
    "both empty": ("bare notes", "bare holds no pictures", "notes holds no pictures"),
    "only in subfolders": ("nested truth", "nested holds no pictures"),
    "orphan output": ("more truth", "more/c.png has no reference of its name"),
    "orphan reference": ("fewer truth", "truth/b.png has no output of its name"),
    "orphans on both sides": ("swapped truth", "swapped/x.png has no", "truth/b.png has no"),
    "other tree": ("nested deep -r", "nested/sub/a.png", "lies elsewhere"),
    "upper case": ("shouted truth", "shouted/B.png", "truth/b.png", "upper and lower case"),
    "png and jpg outputs": ("doubled truth", "doubled/a.jpg and doubled/a.png"),
    "png and jpg references": ("good doubled", "doubled/a.jpg and doubled/a.png"),
    "two tasks": ("tasks truth", "tasks/a-denoise.png and tasks/a_derain.png"),
    "folder called png": ("folder truth", "truth/a.png has no output"),
    "dangling link inside": ("linked truth", "linked/a.png is a link that leads nowhere"),
    "pipe": ("piped truth", "piped/a.png is not a regular file"),
    "gif": ("moving truth", "moving/a.gif: .gif pictures are not read"),
    "heic": ("phone truth", "phone/a.gif: .gif pictures are not read"),
    # Sizes.
    "other size": ("larger truth", "a: output 32x30, reference 24x20"),
    "turned by exif": ("turned truth", "a: output 20x24, reference 24x20"),
    "one of two outputs": ("good larger --reference truth", "a: output 32x30"),
    "border leaves nothing": ("good truth --crop-border 10", "cropping 10 pixels", "good/a.png"),
    "too small for ssim": ("dots dots", "dots/a.png: SSIM needs pictures of at least 11 x 11"),
    "too small for ms-ssim": (
        "good truth --metrics ms-ssim", "good/a.png: MS-SSIM needs pictures of at least 161",
    ),
    "too large": ("vast truth", "vast/a.png", "the limit is one gigapixel"),
    # Contents.
    "png cut in its head": ("cut-head truth", "cut-head/a.png", "truncated"),
    "png cut in its body": ("cut-body truth", "cut-body/a.png", "truncated"),
    "jpg cut in its head": ("cut-jpg-head truth", "cut-jpg-head/a.jpg", "truncated"),
    "jpg cut in its body": ("cut-jpg-body truth", "cut-jpg-body/a.jpg", "truncated"),
    "cut reference": ("good cut-body", "cut-body/a.png", "truncated"),
    "text": ("text truth", "text/a.png: not a picture: it looks like text"),
    "empty file": ("empty truth", "empty/a.png: the file is empty"),
    "gif called png": ("disguised truth", "disguised/a.png: this is a GIF"),
    "animation": ("animated truth", "animated/a.png: the file holds 3 frames"),
    "several pages": ("paged truth", "paged/a.tif: the file holds 2 pages"),
    "floats": ("float truth", "float/a.tif: a TIFF of signed or complex samples is not supported"),
    "resizing mends no file": ("text truth --resize-reference", "text/a.png: not a picture"),
    # Options.
    "unknown metric": ("good truth --metrics psrn", "unknown metric 'psrn'"),
    "no metric": ("good truth --metrics ,", "--metrics names no metric"),
    "negative border": ("good truth --crop-border -1", "--crop-border"),
    "no threads": ("good truth -j 0", "-j"),
    "no batch": ("good truth --batch-size 0", "--batch-size"),
    "unknown device": ("good truth --device tpu", "tpu"),
    "unknown option": ("good truth --metric psnr", "--metric"),
    "csv nowhere": ("good truth --csv gone/x.csv", "gone/x.csv", "no folder gone"),
    "report nowhere": ("good truth --report gone/x.html", "gone/x.html", "no folder gone"),
    "report is a folder": ("good truth --report bare", "bare is a folder"),
    "baseline to nowhere": ("good truth --save-baseline gone/x.json", "gone/x.json"),
    "csv over an input": ("good truth --csv truth/a.png", "truth/a.png is an input"),
    "report over the baseline": (
        f"good truth --baseline quality.json {GATE} --report ./quality.json",
        "quality.json is an input",
    ),
    "one file for two": ("good truth --csv x --report ./x", "x is named for two things"),
    # The gate.
    "tests without a gate": ("good truth --junit x.xml", "there is no gate"),
    "json and csv to stdout": ("good truth --csv -", "two things"),
    "two files to stdout": ("good truth --csv - --markdown -", "two things"),
    "bound of each twice": (
        "good truth --baseline quality.json --max-drop-each psnr=1,psnr=1", "--max-drop-each",
        "twice",
    ),
    "markdown nowhere": ("good truth --markdown gone/x.md", "no folder gone"),
    "baseline without bounds": ("good truth --baseline quality.json", "--max-drop"),
    "bounds without baseline": (f"good truth {GATE}", "--baseline"),
    "bound without number": ("good truth --baseline quality.json --max-drop psnr", "'psnr'"),
    "bound in words": ("good truth --baseline quality.json --max-drop psnr=low", "'low'"),
    "negative bound": ("good truth --baseline quality.json --max-drop psnr=-1", "-1 for psnr"),
    "bound of nan": ("good truth --baseline quality.json --max-drop psnr=nan", "'nan' for psnr"),
    "bound twice": ("good truth --baseline quality.json --max-drop psnr=1,psnr=2", "twice"),
    "no bound": ("good truth --baseline quality.json --max-drop ''", "--max-drop"),
    "bound not measured": (
        "good truth --baseline quality.json --max-drop delta-e=1", "names delta-e",
        "not measured",
    ),
    "bound not kept": (
        "good truth --baseline quality.json --metrics delta-e --max-drop delta-e=1",
        "names delta-e", "not in the baseline",
    ),
    "no such baseline": (f"good truth --baseline gone.json {GATE}", "no baseline gone.json"),
    "broken baseline": (f"good truth --baseline broken.json {GATE}", "broken.json is not JSON"),
    "foreign baseline": (f"good truth --baseline foreign.json {GATE}", "foreign.json is not"),
    "newer baseline": (f"good truth --baseline newer.json {GATE}", "newer.json has version 99"),
    "damaged baseline": (f"good truth --baseline holes.json {GATE}", "holes.json is damaged"),
    "baseline is a folder": (f"good truth --baseline bare {GATE}", "the baseline bare"),
    "baseline of others": (
        f"more more --baseline quality.json {GATE}", "c was measured, but is not in the baseline",
    ),
    "other protocol": (
        f"good truth --crop-border 2 --baseline quality.json {GATE}", "border 2 px", "whole frame",
    ),
    "baseline and two outputs": (
        f"good worse --reference truth --baseline quality.json {GATE}", "several are given",
    ),
    "two outputs to keep": (
        "good worse --reference truth --save-baseline new.json", "several are given",
    ),
}  # fmt: skip


def save(name: str, pixels: np.ndarray[Any, Any]) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture(pixels=pixels).write(path)
    return path


def sets(*names: str, height: int = 24, width: int = 32) -> None:
    """truth/, good/ near it, and worse/ by 0.1 dB, in 16 bits so that rounding is small."""
    random = np.random.default_rng(0)
    for name in names or ("a", "b", "c"):
        truth = random.uniform(8000, 56000, (height, width, 3))
        error = random.normal(0, 1500, truth.shape)
        for folder, times in (("truth", 0.0), ("good", 1.0), ("worse", TENTH)):
            save(f"{folder}/{name}.png", np.rint(truth + times * error).astype(np.uint16))


def build(folder: Path) -> None:
    """Make the files that the cases name."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        _names_and_sizes()
        _contents()
        _baselines()
    finally:
        os.chdir(before)


def _save(name: str, *, width: int = 24, height: int = 20, **how: object) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(len(name))
    pixels = random.integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path, **how)
    return path


def _names_and_sizes() -> None:
    good = {"good": "ab", "worse": "ab", "truth": "ab", "more": "abc", "fewer": "a"}
    good |= {"swapped": "ax", "nested/sub": "a", "deep/other": "a", "shouted": "aB"}
    good |= {"folder": "b", "linked": "b", "piped": "b", "moving": "b", "phone": "b"}
    for name, stems in {**good, "doubled": "ab"}.items():
        for stem in stems:
            _save(f"{name}/{stem}.png")
    _save("doubled/a.jpg")
    for name in ("a-denoise", "a_derain", "b"):
        _save(f"tasks/{name}.png")
    for name in ("bare", "notes", "folder/a.png"):
        Path(name).mkdir()
    Path("notes/notes.txt").write_text("no picture, and not meant as one")
    Path("gone.png").symlink_to("nowhere.png")
    Path("loop.png").symlink_to("loop.png")
    Path("linked/a.png").symlink_to("nowhere.png")
    os.mkfifo("piped/a.png")
    _save("moving/a.gif")
    Path("phone/a.gif").write_bytes(b"GIF89a")
    for stem in "ab":
        _save(f"larger/{stem}.png", width=32, height=30)
        _save(f"dots/{stem}.png", width=8, height=8)
    exif = Image.Exif()
    exif[0x0112] = 6
    _save("turned/a.jpg", exif=exif)
    _save("turned/b.png")


def _contents() -> None:
    for name in ("head", "body"):
        for path, share in ((f"cut-{name}/a.png", 2), (f"cut-jpg-{name}/a.jpg", 1.5)):
            whole = _save(path).read_bytes()
            Path(path).write_bytes(whole[: 20 if name == "head" else int(len(whole) / share)])
    for name, data in (("text", b"hello"), ("empty", b""), ("vast", _claims(60_000, 50_000))):
        _save(f"{name}/a.png").write_bytes(data)
    _save("disguised/a.png", format="GIF")
    frames = [Image.new("RGB", (24, 20), color) for color in ("red", "green", "blue")]
    frames[0].save(_save("animated/a.png"), save_all=True, append_images=frames[1:])
    samples = np.zeros((20, 24, 3), np.int16)
    Path("float").mkdir()
    tifffile.imwrite("float/a.tif", samples, photometric="rgb")
    Path("paged").mkdir()
    pages = np.zeros((2, 20, 24, 3), np.uint8)
    tifffile.imwrite("paged/a.tif", pages, photometric="rgb")
    for name in ("cut-head", "cut-body", "cut-jpg-head", "cut-jpg-body", "text", "empty", "vast"):
        shutil.copy("good/b.png", f"{name}/b.png")
    for name in ("disguised", "animated", "float", "paged"):
        shutil.copy("good/b.png", f"{name}/b.png")


def _claims(width: int, height: int) -> bytes:
    """A PNG that says it is this large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + head + pixels + chunk(b"IEND", b"")


def _baselines() -> None:
    if main(["eval", "good", "truth", "--save-baseline", "quality.json", "--quiet"]) != 0:
        raise RuntimeError("no baseline could be made")
    kept = json.loads(Path("quality.json").read_text(encoding="utf-8"))
    del kept["metrics"]["psnr"]["values"]["a"]
    texts = {"broken": '{"format": ', "foreign": '{"metrics": {}}', "holes": json.dumps(kept)}
    texts["newer"] = json.dumps({**kept, "version": 99})
    for name, text in texts.items():
        Path(f"{name}.json").write_text(text, encoding="utf-8")
