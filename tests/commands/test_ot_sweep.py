"""`restore ot-correct sweep`: files, numbers, and wrong usage."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.images.picture import Picture

Answer = tuple[int, list[dict[str, Any]], str]


@pytest.fixture
def sweep(
    capsys: pytest.CaptureFixture[str], inside: None, run: Callable[..., Answer]
) -> Callable[..., Answer]:
    rng = np.random.default_rng(0)
    for index in range(6):
        clean = rng.normal(128, 30, (24, 30, 3)).clip(0, 255)
        smooth = (0.6 * clean + 0.4 * clean.mean((0, 1))).round().astype(np.uint8)
        for folder, pixels, suffix in (
            ("truth", clean.round().astype(np.uint8), ""),
            ("restored", smooth, "-denoise"),
        ):
            Path(folder).mkdir(exist_ok=True)
            Picture(pixels=pixels).write(Path(folder, f"{index}{suffix}.png"))
    fit = ["ot-correct", "fit", "restored", "truth", "-o", "look.safetensors", "--vae", "identity"]
    assert main([*fit, "--quiet"]) == 0
    capsys.readouterr()

    return partial(run, "ot-correct", "sweep", "look.safetensors", "restored", "truth")


def test_people_get_a_table(
    sweep: Callable[..., Answer], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["look.safetensors", "restored", "truth", "-o", "curve.csv", "--device", "cpu"]
    assert main(["ot-correct", "sweep", *words]) == 0
    assert "latent W2" in capsys.readouterr().out


def test_it_writes_the_curve_and_draws_it(sweep: Callable[..., Answer]) -> None:
    code, records, err = sweep("-o", "curve.csv", "--plot", "curve.png")
    assert code == 0, err
    assert [r["status"] for r in records[:-1]] == ["done"] * 6
    with Path("curve.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["alpha"]) for row in rows] == pytest.approx(np.linspace(0, 1, 11))
    distances = [float(row["latent_w2"]) for row in rows]
    assert distances[0] < 0.5 * distances[-1]
    assert distances == sorted(distances)
    curve = records[-1]["curve"]
    assert [p["latent_w2"] for p in curve] == distances
    assert curve[-1]["psnr"] == pytest.approx(float(rows[-1]["psnr"]))
    with Image.open("curve.png") as image:
        assert image.size == (960, 640)


def test_alpha_one_is_what_eval_says_of_the_input(
    sweep: Callable[..., Answer], capsys: pytest.CaptureFixture[str]
) -> None:
    _, records, _ = sweep("-o", "curve.csv", "--alphas", "1", "--decoding", "both")
    assert [p["decoding"] for p in records[-1]["curve"]] == ["residual", "plain"]
    words = ["eval", "restored", "truth", "--metrics", "psnr,latent-w2", "--vae", "identity"]
    assert main([*words, "--csv", "eval.csv", "--quiet"]) == 0
    with Path("eval.csv").open(encoding="utf-8") as file:
        (value,) = (r["value"] for r in csv.DictReader(file) if r["metric"] == "latent-w2")
    assert records[-1]["curve"][0]["latent_w2"] == pytest.approx(float(value), rel=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "curve.txt"), "should end in .csv"),
        (("-o", "none/curve.csv"), "no folder none"),
        (("-o", "curve.csv", "--plot", "curve.jpg"), "should end in .png"),
        (("-o", "curve.csv", "--alphas", "0,x"), "--alphas"),
        (("-o", "curve.csv", "--alphas", "0,nan"), "'nan' is not a number"),
        (("-o", "taken.csv"), "already exists"),
    ],
)
def test_wrong_usage_writes_nothing(
    sweep: Callable[..., Answer], words: tuple[str, ...], message: str
) -> None:
    Path("taken.csv").write_text("mine")
    code, records, err = sweep(*words)
    assert (code, records) == (2, [])
    assert message in err
    assert not Path("curve.csv").exists()
    assert Path("taken.csv").read_text() == "mine"


def test_orphans_are_errors(sweep: Callable[..., Answer]) -> None:
    Path("truth/0.png").unlink()
    code, _, err = sweep("-o", "curve.csv")
    assert code == 2
    assert "0-denoise" in err
