"""`restore ot-correct fit`, `apply` and `infer --ot-correct`, through main and as a process."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ot_cases import folders, picture
from PIL import Image
from safetensors.torch import save_file

from restore_cli.images.picture import Picture
from restore_cli.networks.vae import VAE

Start = Callable[..., "subprocess.Popen[str]"]
Answer = tuple[int, list[dict[str, Any]], str]

pytestmark = pytest.mark.usefixtures("inside")


@pytest.fixture
def look(run: Callable[..., Answer]) -> str:
    folders()
    words = ("restored", "natural", "-o", "look.safetensors", "--vae", "identity")
    code, _, err = run("ot-correct", "fit", *words)
    assert code == 0, err
    return "look.safetensors"


def _read(path: str) -> np.ndarray:
    return Picture.read(Path(path)).pixels.astype(int)


def test_apply_moves_pictures_to_natural_statistics(run: Callable[..., Answer], look: str) -> None:
    code, records, _ = run("ot-correct", "apply", look, "restored", "-o", "out")
    assert code == 0
    assert [r["status"] for r in records[:-1]] == ["done"] * 3
    assert records[0]["task"] == "ot-correct"
    assert records[0]["model"] == look
    before, after = _read("restored/0.png"), _read("out/0.png")
    assert after.mean() == pytest.approx(140, abs=2)
    # Overlapping patches are averaged, so not all of the factor of three arrives.
    assert 2 * before.std() < after.std() < 3.2 * before.std()


def test_alpha_one_gives_the_input_and_the_middle_lies_between(
    run: Callable[..., Answer], look: str
) -> None:
    for alpha in ("0", "0.5", "1", "1.5"):
        assert (
            run(
                "ot-correct", "apply", look, "restored/0.png", "-o", f"a{alpha}/", "--alpha", alpha
            )[0]
            == 0
        )
    source, full, half, same, beyond = (
        _read(f) for f in ("restored/0.png", "a0/0.png", "a0.5/0.png", "a1/0.png", "a1.5/0.png")
    )
    assert np.array_equal(same, source)
    inside = (full > 0) & (full < 255)
    assert np.abs(half - (full + source) / 2)[inside].max() <= 1
    assert beyond.mean() < source.mean() < half.mean() < full.mean()


def test_default_names_existing_outputs_and_skipping(run: Callable[..., Answer], look: str) -> None:
    assert run("ot-correct", "apply", look, "restored")[0] == 0
    assert sorted(p.name for p in Path("restored-ot-correct").glob("*.png")) == [
        "0.png", "1.png", "2.png",
    ]  # fmt: skip
    assert run("ot-correct", "apply", look, "restored/0.png")[0] == 0
    assert Path("restored/0-ot-correct.png").is_file()
    code, records, err = run("ot-correct", "apply", look, "restored/0.png")
    assert (code, records[0]["status"]) == (1, "failed")
    assert "already exists" in err
    again = ("ot-correct", "apply", look, "restored/0.png", "--skip-existing")
    assert run(*again)[1][0]["status"] == "skipped"
    assert run(*again, "--alpha", "0.5")[1][0]["status"] == "done"
    code, _, err = run("ot-correct", "apply", look, "restored", "-o", "restored", "--overwrite")
    assert code == 2
    assert "inputs are never changed" in err


def test_sixteen_bits_grey_alpha_and_odd_sizes_survive(
    run: Callable[..., Answer], look: str
) -> None:
    rng = np.random.default_rng(0)
    deep = rng.normal(30000, 3000, (7, 11, 3)).astype(np.uint16)
    grey = rng.normal(120, 10, (1, 1, 1)).astype(np.uint8)
    veil = rng.integers(0, 255, (13, 9), np.uint8)
    colour = rng.normal(120, 10, (13, 9, 3)).astype(np.uint8)
    Path("odd").mkdir()
    Picture(pixels=deep).write(Path("odd/deep.tif"))
    Picture(pixels=grey).write(Path("odd/grey.png"))
    Picture(pixels=colour, alpha=veil).write(Path("odd/veiled.png"))
    code, _, err = run("ot-correct", "apply", look, "odd", "-o", "out", "--format", "same")
    assert code == 0, err
    made = Picture.read(Path("out/deep.tif"))
    assert made.pixels.dtype == np.uint16
    assert made.pixels.shape == (7, 11, 3)
    assert len(np.unique(made.pixels)) > 150
    assert Picture.read(Path("out/grey.png")).is_grey
    kept = Picture.read(Path("out/veiled.png"))
    assert kept.alpha is not None
    assert np.array_equal(kept.alpha, veil)


def test_a_bad_picture_is_left_out_and_exit_code_says_so(run: Callable[..., Answer]) -> None:
    folders()
    Path("natural/broken.png").write_bytes(b"x")
    picture("natural/thin.png", 0, size="2x40")
    words = ("restored", "natural", "-o", "look.safetensors", "--vae", "identity")
    code, records, err = run("ot-correct", "fit", *words)
    assert code == 1
    assert records[-1]["failed"] == 2
    assert records[-1]["natural"] == 3
    assert "broken.png" in err
    assert "40x2 is too small" in err
    assert Path("look.safetensors").is_file()
    Path("restored/broken.png").write_bytes(b"x")
    code, records, err = run("ot-correct", "apply", "look.safetensors", "restored", "-o", "out")
    assert code == 1
    assert (records[-1]["done"], records[-1]["failed"]) == (3, 1)


def test_flat_pictures_get_noise_by_the_seed(run: Callable[..., Answer]) -> None:
    for index in range(3):
        picture(f"flat/{index}.png", 0, mean=100 + index, spread=0)
        picture(f"natural/{index}.png", index)
    words = ("flat", "natural", "-o", "look.safetensors", "--vae", "identity")
    code, _, err = run("ot-correct", "fit", *words, "--shrinkage", "0")
    assert code == 0
    assert "adds noise" in err
    for seed, folder in (("0", "a"), ("0", "b"), ("5", "c")):
        words = ("look.safetensors", "flat", "-o", folder, "--seed", seed)
        assert run("ot-correct", "apply", *words)[0] == 0
    assert np.array_equal(_read("a/0.png"), _read("b/0.png"))
    assert not np.array_equal(_read("a/0.png"), _read("c/0.png"))


def test_truncated_corrections_and_other_files_are_refused(
    run: Callable[..., Answer], look: str
) -> None:
    Path("cut.safetensors").write_bytes(Path(look).read_bytes()[:-100])
    save_file({"a": torch.zeros(1)}, "other.safetensors")
    for name, message in (("cut", "damaged"), ("other", "not a correction"), ("no", "no such")):
        code, records, err = run(
            "ot-correct", "apply", f"{name}.safetensors", "restored", "-o", "out"
        )
        assert (code, records) == (2, [])
        assert f"{name}.safetensors" in err
        assert message in err
    assert not Path("out").exists()


def test_a_mismatched_autoencoder_is_refused(run: Callable[..., Answer]) -> None:
    folders()
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = VAE(channels=4, widths=(4, 4), blocks=(0, 0))
        Path(f"vae{seed}").mkdir()
        for part in ("encoder", "decoder"):
            save_file(getattr(network, part).state_dict(), f"vae{seed}/{part}.safetensors")
    fit = ("ot-correct", "fit", "restored", "natural", "-o", "look.safetensors")
    assert run(*fit, "--vae", "vae0")[0] == 0
    apply = ("ot-correct", "apply", "look.safetensors", "restored", "-o", "out")
    code, _, err = run(*apply, "--vae", "vae1")
    assert code == 2
    assert "was fitted with the autoencoder 'vae0'" in err
    Path("vae0").rename("moved")
    code, _, err = run(*apply)
    assert code == 2
    assert "--vae" in err
    assert run(*apply, "--vae", "moved")[0] == 0


def test_infer_corrects_in_the_same_pass(
    run: Callable[..., Answer], look: str, tiny_model: str
) -> None:
    model = ("--model", tiny_model)
    assert run("infer", "restored", *model, "-o", "plain")[0] == 0
    assert run("ot-correct", "apply", look, "plain", "-o", "two", "--alpha", "0.5")[0] == 0
    corrected = ("infer", "restored", *model, "-o", "one", "--ot-correct", look, "--alpha", "0.5")
    code, records, _ = run(*corrected)
    assert code == 0
    assert records[0]["task"] == "denoise"
    # Only the rounding of the file in between differs.
    assert np.abs(_read("one/0.png") - _read("two/0.png")).max() <= 3
    assert run(*corrected, "--skip-existing")[1][-1]["skipped"] == 3
    assert run(*corrected[:-1], "0.7", "--skip-existing")[1][-1]["done"] == 3
    code, _, err = run("infer", "restored", *model, "-o", "x", "--alpha", "0.5")
    assert code == 2
    assert "--alpha belongs to --ot-correct" in err


def test_eval_takes_latent_w2_as_a_metric(run: Callable[..., Answer], look: str) -> None:
    assert run("ot-correct", "apply", look, "restored", "-o", "out")[0] == 0
    Path("truth").mkdir()
    for index in range(3):
        Path(f"truth/{index}.png").write_bytes(Path(f"natural/n{index}.png").read_bytes())
    found = [
        run("eval", folder, "truth", "--metrics", "latent-w2", "--vae", "identity")[1][-1]
        for folder in ("restored", "out")
    ]
    numbers = [json.dumps(summary) for summary in found]
    assert all("identity" in text for text in numbers)
    assert numbers[0] != numbers[1]


def test_the_installed_program_runs_it(start: Start) -> None:
    folders()
    fit = start("ot-correct", "fit", "restored", "natural", "-o", "l.safetensors", "--vae=identity")
    out, err = fit.communicate()
    assert fit.returncode == 0, err
    assert out == ""
    assert "latent W2" in err
    apply = start("ot-correct", "apply", "l.safetensors", "restored", "-o", "out", "--json")
    out, err = apply.communicate()
    assert apply.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["done"] == 3
    with Image.open("out/0.png") as image:
        assert image.size == (30, 24)
