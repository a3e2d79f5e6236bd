"""Pictures in bands come out as they do at once, and only where memory is short."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore_cli.batch import bands, pipeline
from restore_cli.batch.manifest import Identity, Manifest
from restore_cli.batch.planning import Job
from restore_cli.batch.reading import Pictures
from restore_cli.batch.results import Result
from restore_cli.batch.work import Work
from restore_cli.engine import global_context
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.errors import RestoreError
from restore_cli.images import room
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(6)
RGB = RNG.integers(0, 256, (700, 300, 3), np.uint8)


def darker(image: Pixels) -> Restored[Pixels]:
    return Restored(image / 2, None, "cpu", "fp32", details={"change": {"share": 1, "largest": 1}})


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little memory, and bands of 256 rows."""
    monkeypatch.setattr(bands, "PIXELS", 1)
    monkeypatch.setattr(room, "_ALWAYS", 1000)
    free = 1.2 * bands.BYTES_PER_PIXEL * 256 * 300
    monkeypatch.setattr(room, "free_memory", lambda: free)


def run(source: Path, output: Path, restore: Callable[..., Any] = darker) -> Result:
    job = Job(source, output, output.suffix[1:])
    manifest = Manifest(Identity("m", {}))
    (result,) = pipeline.run([job], restore, manifest=manifest, existing="overwrite")
    return result


@pytest.mark.parametrize("suffix", ["tiff", "png"])
def test_in_bands_as_at_once(suffix: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, RGB, photometric="rgb", compression="zlib", rowsperstrip=30)
    whole = run(source, tmp_path / f"whole.{suffix}")
    request.getfixturevalue("short")
    made = run(source, tmp_path / f"made.{suffix}")
    assert (whole.status, made.status, made.error) == ("done", "done", None)
    assert made.details["bands"] == 5
    assert made.details["change"] == {"share": 1, "largest": 1}
    assert (made.height, made.width) == (700, 300)
    one, other = (Picture.read(tmp_path / f"{name}.{suffix}") for name in ("whole", "made"))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert one.metadata == other.metadata
    manifest = Manifest(Identity("m", {}))
    again = pipeline.run(
        [Job(source, tmp_path / f"made.{suffix}", suffix)],
        darker,
        manifest=manifest,
        existing="skip",
    )
    assert next(again).status == "skipped"


def test_bands_fade_into_each_other_and_are_told_of_the_whole(short: None, tmp_path: Path) -> None:
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, np.full((700, 300, 3), 100, np.uint8), photometric="rgb")
    seen: list[tuple[int, ...]] = []

    def unlike(image: Pixels) -> Restored[Pixels]:
        whole = global_context._WHOLE.get()
        assert whole is not None
        seen.append(tuple(whole.shape))
        return Restored(image + 0.1 * (len(seen) % 2), None, "cpu", "fp32")

    assert run(source, tmp_path / "b.png", unlike).status == "done"
    assert seen == [(8, 3, 160, 160)] * 5
    column = Picture.read(tmp_path / "b.png").pixels[:, 0, 0].astype(int)
    assert {*column} >= {100, 126}
    assert np.abs(np.diff(column)).max() < 5
    assert global_context._WHOLE.get() is None


def test_what_cannot_go_in_bands_is_refused_with_the_numbers(short: None, tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    told = run(tmp_path / "a.png", tmp_path / "b.png")
    assert told.status == "failed"
    assert "takes about" in str(told.error)
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb")
    assert "takes about" in str(run(tmp_path / "a.tif", tmp_path / "b.webp").error)
    large = run(
        tmp_path / "a.tif",
        tmp_path / "b.tiff",
        lambda image: Restored(image.repeat(2, 1).repeat(2, 2), None, "cpu", "fp32"),
    )
    assert "this model enlarges" in str(large.error)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.tif"}


def test_a_band_that_does_not_fit_is_refused(
    short: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb")
    monkeypatch.setattr(room, "free_memory", lambda: 2e6)
    assert "restoring it in bands takes about" in str(
        run(tmp_path / "a.tif", tmp_path / "b.tiff").error
    )


def test_a_file_that_changes_meanwhile_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb")
    work = Work(Job(tmp_path / "a.tif", tmp_path / "b.tiff", "tiff"))
    work.learn(height=9, width=9)
    with pytest.raises(RestoreError, match=r"a\.tif: it has changed"):
        bands.make_in_bands(Pictures(), work, darker)


def test_rows_of_a_band_follow_the_width() -> None:
    assert bands.rows_of_band(32768) == 576
    assert bands.rows_of_band(1_000_000) == bands.LEAST_ROWS
    assert bands.rows_of_band(1000) % 64 == 0


def test_readers_that_need_the_whole_refuse_as_before(tmp_path: Path) -> None:
    work = Work(Job(tmp_path / "a.tif", tmp_path / "b.tiff", "tiff"))
    with pytest.raises(RestoreError, match="too large"), bands.weighed(object(), work):
        raise RestoreError("too large")
    assert not work.in_bands


GIGAPIXEL = """
import resource, sys
from pathlib import Path
from restore_cli.__main__ import main
from restore_cli.models import zoo
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
recipe = Recipe.load(Path(sys.argv[1]), ["network.noise_map=true"])
zoo.export(Path("tiny"), UNet(widths=(4, 8), depths=(1, 1), noise_map=True), recipe, "# x")
words = ["infer", "vast.tif", "--model", "tiny", "-o", "out.tiff", "--device", "cpu"]
code = main([*words, "--backend", "torch", "--precision", "fp32", "--quiet"])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize("rows", [int(os.environ.get("RESTORE_GIGAPIXEL_ROWS") or 32768)])
def test_a_gigapixel_takes_less_than_three_gigabytes(rows: int, tmp_path: Path) -> None:
    with (tmp_path / "vast.tif").open("wb") as file:
        tifffile.imwrite(
            file, shape=(rows, 32768, 3), dtype=np.uint8, photometric="rgb", metadata=None
        )  # of zeros, which take no room on a disk
    tiny = Path(__file__).parents[1] / "tiny.toml"
    done = subprocess.run(
        [sys.executable, "-c", GIGAPIXEL, str(tiny)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    code, peak = map(int, done.stdout.split())
    print(f"{rows} rows: {peak / 1e9:.2f} GB", file=sys.stderr)
    assert code == 0, done.stderr
    assert peak < 3e9
    with tifffile.TiffFile(tmp_path / "out.tiff") as made:
        assert made.pages.first.shape == (rows, 32768, 3)
