"""Every example runs the way users run it."""

import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import restore_cli
from restore_cli.engine.restorer import Restorer
from restore_cli.images.picture import Picture
from restore_cli.models import portable, zoo
from restore_cli.raw.dng import DngTags, write_dng

EXAMPLES = Path(__file__).parents[1] / "examples"
PHOTOS = EXAMPLES / "photos"


def _run(*words: str | Path, code: int = 0) -> str:
    return _start(*words, code=code).stdout


def _start(*words: str | Path, code: int) -> "subprocess.CompletedProcess[str]":
    folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([folder, os.environ.get("PATH", "")])
    done = subprocess.run(
        [str(word) for word in words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == code, done.stderr
    return done


def test_no_example_is_forgotten() -> None:
    scripts = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".sh"}}
    assert scripts == {
        "ci_regression.sh", "develop_folder.sh", "from_python.py", "make_figure.py",
        "make_photos.py", "perception_distortion.py", "restore_album.sh", "single_image.sh",
    }  # fmt: skip


def test_from_python(tmp_path: Path) -> None:
    dry = tmp_path / "dry.png"
    said = _run(sys.executable, EXAMPLES / "from_python.py", PHOTOS / "chelsea.jpg", dry)
    assert str(dry) in said
    clean = Picture.read(EXAMPLES / "clean" / "chelsea.jpg").to_srgb()
    rainy = Picture.read(PHOTOS / "chelsea.jpg").to_srgb()
    error = [float(np.square(p - clean).mean()) for p in (Picture.read(dry).to_srgb(), rainy)]
    assert error[0] < error[1] / 2


def test_restore_album_goes_on_and_names_failures(tmp_path: Path) -> None:
    album = tmp_path / "album of 2026"
    (album / "été").mkdir(parents=True)
    (album / "été" / "coffee.jpg").write_bytes((PHOTOS / "coffee.jpg").read_bytes())
    (album / "broken.png").write_text("no picture")
    command = (EXAMPLES / "restore_album.sh", "derain", album, tmp_path / "out")
    first, second = _run(*command), _run(*command)
    assert "broken.png" in first
    assert "1 done, 0 skipped, 1 failed" in first
    assert "0 done, 1 skipped, 1 failed" in second
    assert (tmp_path / "out" / "été" / "coffee.png").is_file()


def test_develop_folder_makes_pictures_to_look_at_and_to_work_on(tmp_path: Path) -> None:
    raws, out = tmp_path / "my raws", tmp_path / "developed"
    (raws / "été").mkdir(parents=True)
    write_dng(raws / "été" / "a.dng", np.full((40, 60), 9000, np.uint16), DngTags())
    (raws / "broken.dng").write_text("no RAW file, only words")
    command = (EXAMPLES / "develop_folder.sh", raws, out, "--engine", "libraw")
    done = _start(*command, code=0)
    assert "broken.dng" in done.stderr
    shown, kept = (Picture.read(out / kind / "été" / f"a.{kind}") for kind in ("jpg", "tiff"))
    assert (shown.depth, kept.depth) == (8, 16)
    before = (out / "tiff" / "été" / "a.tiff").stat().st_mtime_ns
    _run(*command)
    assert (out / "tiff" / "été" / "a.tiff").stat().st_mtime_ns == before


def _offset_that_costs(decibels: float, pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """What to add to each value of each restored picture so that the mean PSNR falls by this much.

    Of pictures as files hold them: so small an offset drowns in rounding unless that is counted.
    """

    def quality(offset: float) -> float:
        errors = [
            np.floor((restored + offset).clip(0, 1) * 255 + 0.5) / 255 - clean
            for restored, clean in pairs
        ]
        return sum(-10 * math.log10(np.square(error).mean()) for error in errors) / len(errors)

    low, high = 0.0, 0.1
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if quality(0) - quality(middle) < decibels else (low, middle)
    return low


def test_ci_regression_passes_the_same_model_and_stops_one_worse_by_a_tenth(
    tmp_path: Path,
) -> None:
    rainy, clean, baseline = (tmp_path / name for name in ("rainy", "my clean", "quality.json"))
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for name in ("chelsea", "coffee"):
        for kind, folder in (("photos", rainy), ("clean", clean)):
            folder.mkdir(exist_ok=True)
            pixels = Picture.read(EXAMPLES / kind / f"{name}.jpg").pixels[100:196, 100:228]
            Picture(pixels=pixels).write(folder / f"{name}.png")
    command = (EXAMPLES / "ci_regression.sh", rainy, clean, baseline)
    made = _start(*command, code=0)
    assert "commit it" in made.stderr
    kept = baseline.read_bytes()
    same = _start(*command, code=0)
    assert "nothing fell" in same.stderr
    assert "data:image/" in (tmp_path / "quality.html").read_text(encoding="utf-8")

    # The same network, a little too bright.
    model = zoo.load("derain")
    restorer = restore_cli.Restorer(model.network, overlap=model.overlap)
    for path in sorted(rainy.iterdir()):
        image = torch.from_numpy(Picture.read(path).to_srgb()).permute(2, 0, 1)
        restored = restorer(image).image.permute(1, 2, 0).double().numpy()
        pairs.append((restored, Picture.read(clean / path.name).to_srgb()))
    with torch.no_grad():
        model.network.get_parameter("tail.bias").add_(_offset_that_costs(0.1, pairs))
    zoo.export(tmp_path / "worse", model.network, model.recipe, "# derain, too bright\n")
    worse = _start(*command, tmp_path / "worse", code=3)
    found = re.search(r"psnr \(mean\): ([\d.]+) -> ([\d.]+), may fall by 0.05", worse.stderr)
    assert found, worse.stderr
    assert float(found[1]) - float(found[2]) == pytest.approx(0.1, abs=0.02)
    assert baseline.read_bytes() == kept


def test_make_photos_gives_the_committed_ones(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    _run(sys.executable, EXAMPLES / "make_photos.py", tmp_path)
    for made in sorted(tmp_path.rglob("*.jpg")):
        kept = EXAMPLES / made.relative_to(tmp_path)
        # Another JPEG encoder may round otherwise, so not byte for byte.
        difference = Picture.read(made).to_srgb() - Picture.read(kept).to_srgb()
        assert float(np.abs(difference).mean()) < 1 / 255, made.name


def test_make_figure_puts_photos_over_restorations(tmp_path: Path) -> None:
    for name in ("coffee", "chelsea"):
        Picture.read(PHOTOS / f"{name}.jpg").write(tmp_path / f"{name}.png")
    _run(sys.executable, EXAMPLES / "make_figure.py", tmp_path, tmp_path / "figure.png")
    figure = Picture.read(tmp_path / "figure.png")
    assert figure.height == 600
    # The restorations here are the photos themselves, so both rows are alike.
    assert np.array_equal(figure.pixels[:300], figure.pixels[300:])


def test_perception_distortion_draws_a_curve_that_trades_fidelity(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        pixels = Picture.read(EXAMPLES / "clean" / f"{name}.jpg").pixels
        for place, part in (("a", pixels[40:136, 60:188]), ("b", pixels[90:186, 120:248])):
            Picture(pixels=part).write(photos / f"{name}-{place}.png")
    plot = tmp_path / "curve.png"
    script = EXAMPLES / "perception_distortion.py"
    _run(sys.executable, script, photos, plot, "--vae", "identity")
    assert Picture.read(plot).width == 960
    rows = (tmp_path / "curve.csv").read_text(encoding="utf-8").splitlines()[1:]
    quality = [float(row.split(",")[2]) for row in rows]
    assert len(quality) == 11
    assert quality == sorted(quality)


def test_single_image_gives_a_photo_another_look(tmp_path: Path) -> None:
    for name in ("coffee", "rocket"):
        pixels = Picture.read(EXAMPLES / "clean" / f"{name}.jpg").pixels[100:164, 100:180]
        Picture(pixels=pixels).write(tmp_path / f"{name}.png")
    small = ("optim.steps=2", "optim.cooldown=0", "data.crop=32", "network.width=4")
    changes = [word for change in small for word in ("--set", change)]
    photo, look, made = (tmp_path / f"{name}.png" for name in ("rocket", "coffee", "made"))
    _run(EXAMPLES / "single_image.sh", photo, look, made, *changes)
    assert Picture.read(made).pixels.shape == Picture.read(photo).pixels.shape
    assert not np.array_equal(Picture.read(made).pixels, Picture.read(photo).pixels)


def _ppm(path: Path) -> NDArray[np.uint8]:
    """Write a part of a photo, its sides multiples of 16; returns its pixels."""
    photo = Picture.read(EXAMPLES / "photos" / "coffee.jpg").pixels[100:196, 60:172].copy()
    path.write_bytes(b"P6\n112 96\n255\n" + photo.tobytes())
    return photo


def _check_ppm(path: Path, photo: NDArray[np.uint8]) -> None:
    """The file holds what torch makes of the photo."""
    image = torch.from_numpy(photo.transpose(2, 0, 1).astype(np.float32) / 255)
    network = zoo.load("derain").network
    restored = Restorer(network, device="cpu", precision="fp32")(image).image
    expected = (255 * restored).round().permute(1, 2, 0).numpy()
    found = np.frombuffer(path.read_bytes()[-expected.size :], np.uint8).reshape(expected.shape)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.slow
def test_an_exported_model_runs_in_cpp(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino", reason="needs the extra [fast]")
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++")
    home = Path(openvino.__file__).parent
    (library,) = (home / "libs").glob("libopenvino.so.*")
    program = tmp_path / "restore"
    command = [
        *(compiler, "-std=c++17", EXAMPLES / "export" / "restore.cpp", "-o", program),
        *(f"-I{home / 'include'}", f"-L{home / 'libs'}", f"-l:{library.name}"),
        f"-Wl,-rpath,{home / 'libs'}",
    ]
    subprocess.run(command, check=True)
    portable.export_openvino(zoo.load("derain"), tmp_path / "model")
    photo = _ppm(tmp_path / "in.ppm")
    words = [program, tmp_path / "model/model.xml", tmp_path / "in.ppm", tmp_path / "out.ppm"]
    subprocess.run(words, check=True)
    _check_ppm(tmp_path / "out.ppm", photo)


@pytest.mark.slow
def test_an_exported_model_runs_in_javascript(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs node and npm")
    installed = subprocess.run(
        [npm, "install", "--silent", "onnxruntime-web"], cwd=tmp_path, check=False, timeout=300
    )
    if installed.returncode:
        pytest.skip("needs onnxruntime-web from npm")
    shutil.copy(EXAMPLES / "export" / "restore.mjs", tmp_path)
    portable.export_onnx(zoo.load("derain"), tmp_path / "derain.onnx")
    photo = _ppm(tmp_path / "in.ppm")
    words = [node, "restore.mjs", "derain.onnx", "in.ppm", "out.ppm"]
    subprocess.run(words, cwd=tmp_path, check=True)
    _check_ppm(tmp_path / "out.ppm", photo)
