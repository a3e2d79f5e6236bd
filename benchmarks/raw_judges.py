"""Our colours, sizes and crops beside those of other RAW developers, on the same DNG files.

    python benchmarks/raw_judges.py --write

A chart of 24 patches is written as DNG files that differ in what they say, and developed without a
look by `restore isp`, by `rawtherapee-cli` and by `darktable-cli`, the latter two with everything
left out that makes pictures nicer. RawTherapee takes each file's own profile, by the rules of the
DNG specification. Each patch is measured by its median and compared by CIEDE2000. Opcode lists are
judged by darktable, which knows some of them. A program that is not installed is left out and
named. `raw_pictures.py` shows photos beside each other.
"""

import argparse
import csv
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile
import torch
from blocks import markdown_table, replace_block
from numpy.typing import NDArray

from restore_cli.degradations.cameras import Camera
from restore_cli.degradations.mosaic import Sensor, expose, record
from restore_cli.evaluation.delta_e import ciede2000, srgb_to_lab
from restore_cli.images.ifd import SHORT, Field, integers
from restore_cli.images.profile import encode_srgb
from restore_cli.raw.colorimetry import SRGB_TO_XYZ
from restore_cli.raw.dng import DngTags, rationals, write_dng

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "raw_judges.csv"
RESTORE = str(Path(sys.executable).parent / "restore")
CAMERA = Camera.named("Sony A7")
PATCH, ROWS, COLUMNS = 64, 4, 6
FIELDS: tuple[str, ...] = ("file", "judge", "size", "our_size", "delta_e_mean", "delta_e_worst")
NEUTRAL = """\
[Version]
AppVersion=5.9
Version=349
[White Balance]
Enabled=true
Setting=Camera
[Color Management]
InputProfile=file:{path}
ToneCurve=false
ApplyLookTable=false
ApplyBaselineExposureOffset=false
ApplyHueSatMap=false
WorkingProfile=ProPhoto
OutputProfile=RTv4_sRGB
[LensProfile]
LcMode=none
[RAW]
CA=false
HotPixelFilter=false
DeadPixelFilter=false
[RAW Bayer]
Method=amaze
CcSteps=0
"""


@dataclass(frozen=True)
class Chart:
    """A DNG file: what it says beyond a plain one, and how its sensor lies around the chart.

    `margin` are rows above, columns at the left, rows below, columns at the right. `spoiled` makes
    of the frame's codes what the file's opcode list undoes, which only `judges` know.
    """

    name: str
    tags: dict[str, object] = field(default_factory=dict[str, object])
    sensor: Sensor = field(default_factory=Sensor)
    margin: tuple[int, int, int, int] = (0, 0, 0, 0)
    camera: Camera = CAMERA
    spoiled: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    judges: tuple[str, ...] = ("rawtherapee-cli", "darktable-cli")


def _daylight_and_tungsten() -> tuple[Field, ...]:
    """A second matrix, for standard light A, that is a little off the first."""
    second = CAMERA.xyz_to_camera @ np.array([[1.05, 0, 0], [0, 1, 0.02], [0, 0, 0.9]])
    return (
        integers("<", 50779, SHORT, 21),
        integers("<", 50778, SHORT, 17),
        rationals(50721, second.ravel(), signed=True),
        rationals(50722, CAMERA.xyz_to_camera.ravel(), signed=True),
        rationals(50965, CAMERA.forward().ravel(), signed=True),
    )


SIZE = (ROWS * PATCH, COLUMNS * PATCH)
AREA = struct.pack(">4i4I", 0, 0, *SIZE, 0, 1, 1, 1)
BY_ROW = 1 + 0.4 * np.linspace(0, 1, SIZE[0])[:, None]
BY_COLUMN = np.round(300 * np.linspace(0, 1, SIZE[1]))[None]
CURVE = (0.0, 0.8, 0.2)  # a polynomial of codes in [0, 1]
NODES = np.array([[1.6, 1.2, 1.6], [1.3, 1.0, 1.1], [1.7, 1.2, 1.5]])


def _opcode(number: int, data: bytes) -> bytes:
    return struct.pack(">4I", number, 0x01030000, 0, len(data)) + data


def _listed(tag: int, *opcodes: bytes) -> tuple[Field, ...]:
    raw = struct.pack(">I", len(opcodes)) + b"".join(opcodes)
    return (Field(tag, 7, len(raw), raw),)


def _per_line(number: int, values: NDArray[np.float64]) -> bytes:
    return _opcode(number, AREA + struct.pack(f">I{values.size}f", values.size, *values.ravel()))


def _by_polynomial(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = (np.polynomial.Polynomial(CURVE)(np.arange(65536) / 65535), np.arange(65536))
    return np.interp(codes / 65535, low, high)


def _gain_maps() -> tuple[Field, ...]:
    """Four maps, one for each place of the mosaic's cell, as phones write them."""
    steps = tuple(1 / (count - 1) for count in NODES.shape)
    body = struct.pack(">2I4dI", *NODES.shape, *steps, 0, 0, 1) + NODES.astype(">f4").tobytes()
    places = [struct.pack(">4i4I", y, x, *SIZE, 0, 1, 2, 2) for y in (0, 1) for x in (0, 1)]
    return _listed(51009, *(_opcode(9, place + body) for place in places))


def _shaded(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The codes before those maps brighten them: bilinear between nodes at the edges."""
    y, x = ((np.arange(length) + 0.5) / length for length in SIZE)
    lines = np.stack([np.interp(x, np.linspace(0, 1, NODES.shape[1]), row) for row in NODES])
    at = np.linspace(0, 1, NODES.shape[0])
    gain = np.stack([np.interp(y, at, column) for column in lines.T], axis=1)
    return Sensor().black + (codes - Sensor().black) / gain


DAYLIGHT = CAMERA.xyz_to_camera @ SRGB_TO_XYZ.sum(axis=1)  # of D65, as its matrix has it
OPCODES = ("darktable-cli",)
CROP = (rationals(50719, [8, 6]), rationals(50720, [SIZE[1], SIZE[0]]))
CHARTS = (
    Chart("plain"),
    Chart("GRBG, 12 bits", sensor=Sensor(pattern="GRBG", bits=12, black=256)),
    Chart("black level unlike per colour", {"black": np.array([[480, 500], [520, 540]])}),
    Chart(
        "black level unlike per colour, greens alike", {"black": np.array([[480, 510], [510, 540]])}
    ),
    Chart("no ForwardMatrix", {"forward": None}),
    Chart("two matrices", {"more": _daylight_and_tungsten()}),
    Chart("turned by 90 degrees", {"orientation": 6}),
    Chart("default crop", {"more": CROP}, margin=(6, 8, 10, 12)),
    Chart(
        "odd active area",
        {"active": (5, 7, 5 + SIZE[0], 7 + SIZE[1]), "pattern": "RGGB"},
        sensor=Sensor(pattern="BGGR"),  # at the sensor's corner
        margin=(5, 7, 3, 1),
    ),
    Chart(
        "no ForwardMatrix, under its own light",
        {"forward": None},
        camera=Camera(CAMERA.xyz_to_camera, DAYLIGHT / DAYLIGHT.max()),
    ),
    Chart(
        "opcode list 1: ScalePerRow",
        {"more": _listed(51008, _per_line(12, BY_ROW))},
        spoiled=lambda codes: codes / BY_ROW,
        judges=OPCODES,
    ),
    Chart(
        "opcode list 1: DeltaPerColumn",
        {"more": _listed(51008, _per_line(11, BY_COLUMN / 65535))},
        spoiled=lambda codes: codes - BY_COLUMN,
        judges=OPCODES,
    ),
    Chart(
        "opcode list 1: MapPolynomial",
        {"more": _listed(51008, _opcode(8, AREA + struct.pack(">I3d", 2, *CURVE)))},
        spoiled=_by_polynomial,
        judges=OPCODES,
    ),
    Chart("opcode list 2: GainMap", {"more": _gain_maps()}, spoiled=_shaded, judges=OPCODES),
)


def colours() -> NDArray[np.float64]:
    """Linear sRGB of the patches (ROWS, COLUMNS, 3): a grey ramp, then colours inside the gamut."""
    rng = np.random.default_rng(3)
    grey = np.linspace(0.02, 0.9, COLUMNS)[:, None] * np.ones(3)
    return np.concatenate([grey[None], rng.uniform(0.06, 0.7, (ROWS - 1, COLUMNS, 3))])


def write(folder: Path, chart: Chart) -> Path:
    """Photograph the chart."""
    light = np.kron(colours(), np.ones((PATCH, PATCH, 1)))
    top, left, bottom, right = chart.margin
    light = np.pad(light, ((top, bottom), (left, right), (0, 0)), mode="edge")
    camera = chart.camera
    frame = record(expose(light, camera), camera, chart.sensor, np.random.default_rng(0))
    if isinstance(black := chart.tags.get("black"), np.ndarray):
        tile = np.tile(black, (len(frame) // 2, frame.shape[1] // 2))
        share = (frame - float(chart.sensor.black)) / (chart.sensor.saturation - chart.sensor.black)
        frame = np.round(tile + share * (chart.sensor.saturation - tile)).astype(np.uint16)
    if chart.spoiled is not None:
        frame = np.round(chart.spoiled(frame.astype(np.float64))).astype(np.uint16)
    given: dict[str, object] = {
        "pattern": chart.sensor.pattern,
        "black": chart.sensor.black,
        "white": chart.sensor.saturation,
        "xyz_to_camera": camera.xyz_to_camera,
        "forward": camera.forward(),
        "neutral": camera.neutral,
        "make": "Sony",
        "model": "Chart",
    }
    path = folder / f"{CHARTS.index(chart)}.dng"
    write_dng(path, frame, DngTags(**(given | chart.tags)))  # pyright: ignore[reportArgumentType]
    return path


def by_the_formulas(chart: Chart) -> NDArray[np.float64]:
    """Patches (24, 3) by chapter 6 of the DNG specification, without ForwardMatrix, as sRGB.

    Written out here, apart from what is judged. The white is what the matrix makes of AsShotNeutral
    and is adapted to D50 by the matrix of Bradford.
    """
    camera = chart.camera
    codes = expose(colours().reshape(1, -1, 3), camera)[0] * camera.neutral
    bradford = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    to_xyz = np.linalg.inv(camera.xyz_to_camera)
    white = to_xyz @ camera.neutral
    cones = (bradford @ [0.9642, 1.0, 0.8249]) / (bradford @ (white / white[1]))
    adapted = np.linalg.inv(bradford) @ np.diag(cones) @ bradford @ to_xyz
    adapted /= (adapted @ camera.neutral)[1]
    # From XYZ under D50 to linear sRGB (Lindbloom).
    to_srgb = np.array(
        [
            [3.1338561, -1.6168667, -0.4906146],
            [-0.9787684, 1.9161415, 0.0334540],
            [0.0719453, -0.2289914, 1.4052427],
        ]
    )
    linear = np.clip(codes @ (to_srgb @ adapted).T, 0, 1)
    return encode_srgb(linear).astype(np.float64)


def by_restore(raws: Path, out: Path) -> None:
    """Ours, without a look; LibRaw demosaics, so that colours alone are compared."""
    words = ["--engine", "libraw", "--look", "none", "--bits", "16", "--format", "tiff", "-q"]
    _run([RESTORE, "isp", str(raws), *words, "-o", str(out)])


def by_rawtherapee(raws: Path, out: Path) -> None:
    """With everything left out but white balance and the colours of the file's own profile."""
    out.mkdir()
    for path in sorted(raws.iterdir()):
        (told := out / f"{path.stem}.pp3").write_text(NEUTRAL.format(path=path), encoding="utf-8")
        words = ["-o", str(out), "-t", "-b16", "-p", str(told), "-Y", "-c", str(path)]
        _run(["rawtherapee-cli", *words])


def by_darktable(raws: Path, out: Path) -> None:
    """Without a workflow: no tone curve, no automatic exposure."""
    out.mkdir()
    words = ["--apply-custom-presets", "0", "--icc-type", "SRGB", "--core", "--library", ":memory:"]
    words += ["--configdir", str(out / "configuration")]
    for setting in (
        "plugins/imageio/format/tiff/bpp=16",
        "plugins/darkroom/workflow=none",
        "plugins/darkroom/chromatic-adaptation=legacy",
    ):
        words += ["--conf", setting]
    for path in sorted(raws.iterdir()):
        _run(["darktable-cli", str(path), str(out / f"{path.stem}.tif"), *words])


def _run(words: Sequence[str]) -> None:
    home = os.environ | {"HOME": tempfile.gettempdir()}
    subprocess.run(words, env=home, check=True, timeout=300, capture_output=True)


JUDGES: dict[str, Callable[[Path, Path], None]] = {
    "rawtherapee-cli": by_rawtherapee,
    "darktable-cli": by_darktable,
}


Seen = tuple[NDArray[np.float64], tuple[int, int]]


def patches(path: Path, turned: bool) -> Seen:
    """Median sRGB of each patch (N, 3), and the picture's width and height.

    The picture is taken for the chart's middle: RawTherapee cuts off a border.
    """
    pixels = tifffile.imread(path)[..., :3] / 65535
    size = (pixels.shape[1], pixels.shape[0])
    pixels = np.rot90(pixels) if turned else pixels
    top, left = ((whole - have) // 2 for whole, have in zip(SIZE, pixels.shape, strict=False))
    found: list[NDArray[np.float64]] = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            y, x = row * PATCH + PATCH // 2 - top, column * PATCH + PATCH // 2 - left
            found.append(np.median(pixels[y - 8 : y + 8, x - 8 : x + 8].reshape(-1, 3), axis=0))
    return np.array(found), size


def difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIEDE2000 of each pair of sRGB colours."""
    lab = (srgb_to_lab(torch.from_numpy(one), dim=1) for one in (first, second))
    return ciede2000(*lab, dim=1).numpy()


def measure(judges: Sequence[str]) -> list[dict[str, object]]:
    """Rows for each file: the colours that were photographed, then each judge."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (raws := folder / "raws").mkdir()
        written = {chart.name: write(raws, chart).stem for chart in CHARTS}
        by_restore(raws, folder / "ours")
        for judge in judges:
            JUDGES[judge](raws, folder / judge)
        for chart in CHARTS:
            turned = chart.tags.get("orientation") == 6

            def seen(program: str, stem: str = written[chart.name], turned: bool = turned) -> Seen:
                (path,) = (folder / program).glob(f"{stem}.tif*")
                return patches(path, turned)

            ours, our_size = seen("ours")
            encoded = encode_srgb(colours().reshape(-1, 3))
            answers: dict[str, Seen] = {"the chart itself": (encoded.astype(np.float64), our_size)}
            if "forward" in chart.tags:
                answers["the DNG formulas"] = (by_the_formulas(chart), our_size)
            answers |= {judge: seen(judge) for judge in judges if judge in chart.judges}
            for judge, (theirs, size) in answers.items():
                apart = difference(ours, theirs)
                values = (chart.name, judge, "{} x {}".format(*size), "{} x {}".format(*our_size))
                told = (f"{apart.mean():.2f}", f"{apart.max():.2f}")
                rows.append(dict(zip(FIELDS, (*values, *told), strict=True)))
    return rows


def main() -> None:
    """Measure, print, and write the table on request."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="the CSV and the table in docs/raw.md")
    write_them: bool = parser.parse_args().write
    judges = [name for name in JUDGES if shutil.which(name)]
    for name in JUDGES.keys() - set(judges):
        print(f"{name} is not installed: left out", file=sys.stderr)
    rows = measure(judges)
    table = markdown_table(FIELDS, [[str(row[name]) for name in FIELDS] for row in rows])
    print(table)
    if write_them:
        with RESULTS.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows)
        replace_block(ROOT / "docs" / "raw.md", "raw-judges", table)


if __name__ == "__main__":
    main()
