"""`restore isp`: the contract of the command line, on simulated RAW files."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.data.mixed import of_shot
from restore_cli.data.raws import RawPhotos
from restore_cli.degradations.cameras import Camera
from restore_cli.degradations.mosaic import Sensor, expose, record
from restore_cli.images.ifd import Field
from restore_cli.images.picture import Picture
from restore_cli.methods.developed import developed
from restore_cli.models import zoo
from restore_cli.networks.isp import ISP
from restore_cli.raw.dng import DngTags, rationals, text, write_dng
from restore_cli.recipe import Recipe

TINY = Path(__file__).parents[1] / "tiny.toml"
CAMERA = Camera.named("Sony A7")
EXIF = (rationals(33434, [0.01]), text(36867, "2026:05:06 07:08:09"), text(42036, "A lens"))
GPS = (rationals(2, [1, 2, 3]),)


class Answer(NamedTuple):
    code: int
    records: list[dict[str, object]]
    err: str


Isp = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def isp_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of an untrained model: it interpolates linearly."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "tiny-isp"
    shape = ['network.name="isp"', "network.widths=[8]", "network.depths=[1]", 'model.task="isp"']
    zoo.export(folder, ISP(widths=(8,), depths=(1,)), Recipe.load(TINY, shape), "# tiny\n")
    return str(folder)


@pytest.fixture
def isp(isp_model: str, capsys: pytest.CaptureFixture[str]) -> Isp:
    def run(*words: str) -> Answer:
        given = ["isp", "--json", *words]
        if "--engine" not in words and "--model" not in words:
            given += ["--model", isp_model]
        code = main(given)
        out, err = capsys.readouterr()
        return Answer(code, [json.loads(line) for line in out.splitlines()], err)

    return run


def shoot(name: str, *, size: tuple[int, int] = (48, 64), **tags: object) -> Path:
    """Write the RAW file of a scene of soft colours."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[0], : size[1]] / 20
    light = 0.25 + 0.1 * np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=2)
    frame = record(expose(light, CAMERA), CAMERA, Sensor(), np.random.default_rng(0))
    given = {"exif": EXIF, "gps": GPS, "make": "Maker", "black": 512, "white": 16383, **tags}
    write_dng(
        path,
        frame,
        DngTags(
            xyz_to_camera=CAMERA.xyz_to_camera,
            forward=CAMERA.forward(),
            neutral=CAMERA.neutral,
            **given,
        ),
    )
    return path


def read(path: str) -> np.ndarray:
    return Picture.read(Path(path)).pixels


def test_a_raw_file_becomes_a_picture_beside_it(isp: Isp) -> None:
    shoot("a photo.dng")
    code, (record_, summary), _ = isp("a photo.dng")
    assert code == 0
    assert read("a photo-isp.png").shape == (48, 64, 3)
    assert record_["status"] == "done"
    assert (record_["width"], record_["height"]) == (64, 48)
    assert (record_["task"], record_["engine"], record_["cfa"]) == ("isp", "learned", "RGGB")
    assert record_["wb"] == pytest.approx(list(1 / CAMERA.neutral), abs=1e-4)
    assert summary["done"] == 1


def test_folders_are_mirrored_and_other_files_passed_over(isp: Isp) -> None:
    shoot("raws/été 雨/one.DNG")
    shoot("raws/two.dng")
    Path("raws/notes.txt").write_text("not a RAW file")
    Image.new("RGB", (4, 4)).save("raws/shown.jpg")
    assert isp("raws", "-r", "--engine", "libraw").code == 0
    made = {p.as_posix() for p in Path("raws-isp").rglob("*.png")}
    assert made == {"raws-isp/été 雨/one.png", "raws-isp/two.png"}


def test_users_2_bad_files_are_named_and_the_rest_is_done(isp: Isp) -> None:
    whole = shoot("raws/good.dng").read_bytes()
    Path("raws/cut.dng").write_bytes(whole[:3000])
    Path("raws/empty.cr2").write_bytes(b"")
    Path("raws/text.nef").write_text("this is not a RAW file, but some text")
    Image.new("RGB", (40, 40)).save("raws/shown.png")
    Path("raws/shown.png").rename("raws/shown.arw")
    answer = isp("raws", "-o", "out", "--engine", "libraw")
    assert answer.code == 1
    status = {Path(str(r["input"])).name: r for r in answer.records[:-1]}
    assert status.pop("good.dng")["status"] == "done"
    assert {r["status"] for r in status.values()} == {"failed"}
    for name, entry in status.items():
        assert name in str(entry["error"])
    assert "empty" in str(status["empty.cr2"]["error"])
    assert "PNG picture" in str(status["shown.arw"]["error"])
    assert [p.name for p in Path("out").glob("*.png")] == ["good.png"]


def test_existing_outputs_are_errors_skipped_or_replaced(isp: Isp) -> None:
    shoot("a.dng")
    words = ("a.dng", "--engine", "libraw")
    assert isp(*words).code == 0
    assert isp(*words).code == 1
    assert isp(*words, "--skip-existing").records[0]["status"] == "skipped"
    # Another look is another picture.
    assert isp(*words, "--skip-existing", "--look", "none").records[0]["status"] == "done"
    assert isp(*words, "--overwrite").records[0]["status"] == "done"


@pytest.mark.parametrize("engine", ["learned", "libraw"])
@pytest.mark.parametrize(
    ("ending", "bits", "depth"),
    [("png", "8", 8), ("png", "16", 16), ("tiff", "16", 16), ("jpg", "8", 8)],
)
def test_formats_depths_profile_and_exif(
    isp: Isp, engine: str, ending: str, bits: str, depth: int
) -> None:
    shoot("a.dng", orientation=6)
    words = ["--format", ending, "--bits", bits]
    words += ["--engine", "libraw"] if engine == "libraw" else []
    assert isp("a.dng", *words).code == 0
    picture = Picture.read(Path(f"a-isp.{ending}"))
    assert (picture.width, picture.height, picture.depth) == (48, 64, depth)
    assert picture.icc is not None
    with Image.open(f"a-isp.{ending}") as image:
        exif = image.getexif()
        assert exif[271] == "Maker"
        assert exif.get(274, 1) == 1
        assert exif.get_ifd(0x8769)[36867] == "2026:05:06 07:08:09"
        assert exif.get_ifd(0x8769)[42036] == "A lens"
        assert exif.get_ifd(0x8825)


def test_the_place_can_be_stripped(isp: Isp) -> None:
    shoot("a.dng")
    assert isp("a.dng", "--strip-gps", "--engine", "libraw").code == 0
    with Image.open("a-isp.png") as image:
        assert not image.getexif().get_ifd(0x8825)
        assert image.getexif()[271] == "Maker"


def test_runs_workers_and_tiles_agree(isp: Isp) -> None:
    shoot("raws/a.dng", size=(208, 272))
    shoot("raws/b.dng", size=(208, 272), orientation=3)
    runs = (
        ("one", "--workers", "1", "--tile", "128"),
        ("two", "--workers", "2", "--tile", "128"),
        ("whole", "--tile", "none"),
    )
    for folder, *words in runs:
        assert isp("raws", "-o", folder, *words).code == 0
    for name in ("a.png", "b.png"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()
        tiled, whole = (read(f"{folder}/{name}").astype(int) for folder in ("one", "whole"))
        assert np.abs(tiled - whole).max() <= 1


def test_all_cards_share_a_folder(isp: Isp, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        shoot(f"in/{number}.dng")
    alone = isp("in", "-o", "alone", "--backend", "torch")
    monkeypatch.setattr("restore_cli.engine.device.every_device", lambda name: ["cpu", "cpu"])
    shared = isp("in", "-o", "shared", "--backend", "torch", "--device", "cuda:all")
    assert (alone.code, shared.code) == (0, 0)
    for number in range(4):
        np.testing.assert_array_equal(read(f"alone/{number}.png"), read(f"shared/{number}.png"))


def test_options_change_what_they_say(isp: Isp) -> None:
    shoot("a.dng")

    def mean(*words: str) -> np.ndarray:
        answer = isp("a.dng", "-o", "x.png", "--overwrite", "--engine", "libraw", *words)
        assert answer.code == 0, answer.err
        return read("x.png").mean((0, 1))

    usual = mean()
    assert (mean("--exposure", "1") > usual + 10).all()
    assert (mean("--look", "none") < usual).all()
    assert (mean("--auto-bright") > usual).all()
    red = mean("--wb", "5,1,1")
    assert red[0] > usual[0] + 10
    assert (mean("--black", "3000") < usual).all()
    assert (mean("--white", "9000") > usual).all()
    assert mean("--linear").max() > 255  # 16 bits


def test_denoising_levels_reach_the_network(isp: Isp) -> None:
    shoot("a.dng")
    for level in ("auto", "off", "12.5"):
        assert isp("a.dng", "--denoise", level, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--wb", "warm"), "camera, auto, daylight"),
        (("--wb", "0,1,1"), "above 0"),
        (("--wb", "100K"), "between 1700K and 25000K"),
        (("--engine", "libraw", "--denoise", "20"), "LibRaw does not denoise"),
        (("--demosaic", "dcb"), "--engine libraw"),
        (("--proof", "--denoise", "20"), "a proof is not denoised"),
        (("--denoise", "300"), "0 to 255"),
        (("--linear", "--bits", "8"), "--linear needs 16 bits"),
        (("--linear", "--format", "jpg"), "8 bits"),
        (("--bits", "16", "-o", "x.jpg"), "8 bits"),
        (("--info", "--preview"), "exclude each other"),
        (("--black", "9", "--white", "8"), "not below"),
        (("--engine", "magic"), "magic"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_written(
    isp: Isp, words: tuple[str, ...], told: str
) -> None:
    shoot("a.dng")
    answer = isp("a.dng", *words)
    assert answer.code == 2
    assert told in answer.err
    assert not list(Path().glob("*-isp*"))


def test_without_its_model_the_learned_engine_names_the_other(
    isp: Isp, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot("a.dng")
    monkeypatch.setattr(zoo, "entries", list)
    answer = isp("a.dng", "--engine", "learned")
    assert answer.code == 2
    assert "--engine libraw" in answer.err
    # What needs no model works.
    assert isp("a.dng", "--engine", "libraw").code == 0


def test_models_of_the_other_command_are_refused(isp: Isp, tiny_model: str, isp_model: str) -> None:
    shoot("a.dng")
    answer = isp("a.dng", "--model", tiny_model)
    assert answer.code == 2
    assert "does not read RAW" in answer.err
    Image.new("RGB", (20, 20)).save("a.png")
    assert main(["infer", "a.png", "--model", isp_model]) == 2


def test_previews_are_copied_as_they_are(isp: Isp) -> None:
    source = Path(__file__).parents[3] / "shared" / "data" / "raw" / "dng_with_preview.dng"
    if not source.is_file():
        pytest.skip("no real RAW files beside the repository")
    assert isp(str(source), "--preview", "-o", "out/").code == 0
    preview = Path("out/dng_with_preview.jpg").read_bytes()
    assert preview[:2] == b"\xff\xd8"
    assert preview in source.read_bytes()
    assert isp(str(source), "--preview", "-o", "out/p.png").code == 0
    assert read("out/p.png").shape == (338, 600, 3)
    shoot("a.dng")
    assert "no preview" in isp("a.dng", "--preview").err


def test_noise_levels_differ_as_they_say(isp: Isp) -> None:
    """Off tells the network 0, auto what the file's NoiseProfile says, a number itself."""
    profile = Field(51041, 12, 2, np.array([2e-3, 1e-5]).tobytes())
    shoot("a.dng", size=(96, 128), more=(profile,))
    told = {}
    for level in ("off", "auto", "12.5"):
        record_ = isp("a.dng", "--denoise", level, "--overwrite").records[0]
        told[level] = record_["noise"]
    assert told["off"] == {"source": "off", "sigma": 0.0}
    assert told["12.5"] == {"source": "told", "sigma": 12.5}
    assert told["auto"]["source"] == "profile"
    assert 3 < told["auto"]["sigma"] < 12


def test_noise_is_estimated_where_no_tag_tells_it(isp: Isp) -> None:
    shoot("a.dng", size=(256, 256))
    quiet = isp("a.dng").records[0]["noise"]
    assert quiet["source"] == "estimated"
    assert quiet["sigma"] < 1


def test_raw_and_jpeg_pairs(isp: Isp) -> None:
    shoot("DCIM/one.dng")
    shoot("DCIM/two.dng")
    Image.new("RGB", (20, 10)).save("DCIM/one.JPG", "JPEG")
    answer = isp("DCIM", "-o", "raw", "--engine", "libraw")
    assert answer.records[-1]["done"] == 2
    assert isp("DCIM", "-o", "both", "--engine", "libraw", "--same-stem", "both").code == 0
    assert {p.name for p in Path("raw").glob("*.*g")} == {"one.png", "two.png"}
    assert {p.name for p in Path("both").glob("*.*g")} == {"one.png", "one-camera.jpg", "two.png"}
    assert Path("both/one-camera.jpg").read_bytes() == Path("DCIM/one.JPG").read_bytes()


def test_two_raw_files_of_one_stem_are_refused_with_a_hint_that_works(isp: Isp) -> None:
    shoot("a.dng")
    Path("a.nef").write_bytes(Path("a.dng").read_bytes())
    answer = isp("a.dng", "a.nef", "-o", "out", "--engine", "libraw")
    assert answer.code == 2
    assert "--format same" not in answer.err
    assert "separate runs" in answer.err


def test_a_proof_needs_no_model(isp: Isp, monkeypatch: pytest.MonkeyPatch) -> None:
    shoot("a.dng")
    monkeypatch.setattr(zoo, "entries", list)
    record_ = isp("a.dng", "--proof", "--engine", "learned").records[0]
    assert (record_["width"], record_["height"]) == (32, 24)


def test_the_installed_program_develops(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    shoot("a.dng")
    process = start("isp", "a.dng", "--engine", "libraw", "--json", "--quiet")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert [json.loads(line).get("status") for line in out.splitlines()] == ["done", None]
    assert err == ""
    assert Path("a-isp.png").is_file()


def test_without_a_look_it_gives_what_training_saw(isp: Isp, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = ISP(widths=(8,), depths=(1,))
    torch.nn.init.normal_(network.tail.weight, std=0.05)  # a style of some kind
    shape = ['network.name="isp"', "network.widths=[8]", "network.depths=[1]", 'model.task="isp"']
    zoo.export(tmp_path / "styled", network, Recipe.load(TINY, shape), "# styled\n")
    shoot("raws/a.dng")
    photos = RawPhotos(Path("raws"))
    sample = of_shot(photos[0], photos.shots[0])
    with torch.inference_mode():
        made = developed(network(sample.image[None]), SimpleNamespace(matrix=sample.matrix[None]))[
            0
        ]
    model = str(tmp_path / "styled")
    words = ("raws/a.dng", "--model", model, "--look", "none", "--bits", "16", "-o", "a.png")
    exact = ("--backend", "torch", "--precision", "fp32", "--hot-pixels", "off")
    assert isp(*words, *exact).code == 0
    expected = made.clamp(0, 1).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(read("a.png") / 65535, expected, atol=2e-3)
    assert np.abs(expected - sample.rendering.permute(1, 2, 0).numpy()).max() > 0.05


def test_verbose_names_who_developed(isp: Isp) -> None:
    shoot("a.dng")
    said = isp("a.dng", "--engine", "libraw", "-v").err
    assert "libraw, fp32, cpu" in said
    assert "torch" not in said
