"""`restore ot-correct fit`: from folders and from clean photos, checked on pictures held out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ot_cases import folders, picture

from restore_cli.images.picture import Picture
from restore_cli.models import shipped

Answer = tuple[int, list[dict[str, Any]], str]

pytestmark = pytest.mark.usefixtures("inside")


def _read(path: str) -> np.ndarray:
    return Picture.read(Path(path)).pixels.astype(int)


def test_fit_tells_each_picture_and_the_distance_before_and_after(
    run: Callable[..., Answer],
) -> None:
    folders()
    words = ("restored", "natural", "-o", "look.safetensors", "--vae", "identity")
    code, records, err = run("ot-correct", "fit", *words)
    assert code == 0
    *pictures, summary = records
    assert [(r["side"], r["status"]) for r in pictures] == [("restored", "done")] * 3 + [
        ("natural", "done")
    ] * 3
    assert {r["patches"] for r in pictures} == {22 * 28}
    assert summary["event"] == "summary"
    assert (summary["restored"], summary["natural"], summary["patch"]) == (3, 3, 3)
    assert summary["latent_w2_after"] < 0.5 * summary["latent_w2_before"]
    assert f"{summary['latent_w2_before']:.4f} before" in err
    assert Path("look.safetensors").is_file()


def test_refine_adds_pictures_and_equals_fitting_at_once(run: Callable[..., Answer]) -> None:
    for index in range(6):
        picture(f"restored/{index}.png", index, spread=10)
        picture(f"natural/n{index}.png", 10 + index, mean=140, spread=30)
        for side in ("restored/", "natural/n"):
            path = Path(f"{side}{index}.png")
            target = Path("more" if index > 2 else "first", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    vae = ("--vae", "identity", "--shrinkage", "0")
    assert (
        run("ot-correct", "fit", "first/restored", "first/natural", "-o", "a.safetensors", *vae)[0]
        == 0
    )
    more = (
        "ot-correct",
        "fit",
        "more/restored",
        "more/natural",
        "--refine",
        "a.safetensors",
        "--shrinkage",
        "0",
    )
    assert run(*more, "-o", "b.safetensors")[1][-1]["restored"] == 6
    assert run("ot-correct", "fit", "restored", "natural", "-o", "c.safetensors", *vae)[0] == 0
    for look, folder in (("b", "ob"), ("c", "oc")):
        run("ot-correct", "apply", f"{look}.safetensors", "restored", "-o", folder)
    assert np.abs(_read("ob/0.png") - _read("oc/0.png")).max() <= 1
    code, _, err = run(*more, "-o", "a.safetensors", "--overwrite")
    assert code == 2
    assert "would be overwritten" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("restored", "natural", "-o", "look.txt"), "a .safetensors file"),
        (("restored", "natural", "-o", "none/look.safetensors"), "no folder none"),
        (("missing", "natural", "-o", "look.safetensors"), "missing does not exist"),
        (("restored", "empty", "-o", "look.safetensors"), "holds no pictures"),
        (("restored", "natural", "-o", "taken.safetensors"), "already exists"),
        (("restored", "natural", "-o", "look.safetensors", "--vae", "nothing"), "no autoencoder"),
    ],
)
def test_wrong_usage_of_fit_writes_nothing(
    run: Callable[..., Answer], words: tuple[str, ...], message: str
) -> None:
    folders()
    Path("empty").mkdir()
    Path("taken.safetensors").write_bytes(b"mine")
    code, _, err = run("ot-correct", "fit", "--vae", "identity", *words)
    assert code == 2
    assert message in err
    assert "hint:" in err
    assert Path("taken.safetensors").read_bytes() == b"mine"
    assert not Path("look.safetensors").exists()


def test_without_the_small_autoencoder_the_error_names_the_others(
    run: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders()
    monkeypatch.setattr(shipped, "folders", list)
    code, _, err = run("ot-correct", "fit", "restored", "natural", "-o", "look.safetensors")
    assert code == 2
    assert "'small' is not shipped" in err
    assert "--vae identity" in err


def test_from_clean_fits_to_the_same_scenes_in_one_command(
    run: Callable[..., Answer], tiny_model: str
) -> None:
    for index in range(4):
        picture(f"clean/{index}.png", index, size="40x48")
    words = ("--from-clean", "clean", "--task", "denoise", "--model", tiny_model, "--sigma", "15")
    code, records, err = run(
        "ot-correct", "fit", *words, "-o", "look.safetensors", "--vae", "identity"
    )
    assert code == 0, err
    *pictures, summary = records
    assert [r["side"] for r in pictures] == ["restored", "natural"] * 4
    assert (summary["restored"], summary["natural"]) == (4, 4)
    # The model makes pictures brighter and leaves the noise; of the same scenes both are seen.
    assert summary["held_out_w2_after"] < 0.6 * summary["held_out_w2_before"]
    assert summary["shrinkage"] < 1
    assert run("ot-correct", "apply", "look.safetensors", "clean", "-o", "out")[0] == 0
    assert _read("out/0.png").mean() < _read("clean/0.png").mean() - 15


def test_a_bad_clean_picture_is_told_once(run: Callable[..., Answer], tiny_model: str) -> None:
    for index in range(3):
        picture(f"clean/{index}.png", index, size="40x48")
    Path("clean/broken.png").write_bytes(b"x")
    words = ("--from-clean", "clean", "--task", "denoise", "--model", tiny_model)
    code, records, err = run(
        "ot-correct", "fit", *words, "-o", "look.safetensors", "--vae", "identity"
    )
    assert code == 1
    assert records[-1]["failed"] == 1
    assert err.count("broken.png") == 2  # as it happens, and in the end


def test_kind_colour_moves_colours_alone(run: Callable[..., Answer]) -> None:
    for index in range(4):
        picture(f"restored/{index}.png", index, mean=90, spread=10)
        picture(f"natural/{index}.png", index, mean=140, spread=20)
    words = ("restored", "natural", "-o", "look.safetensors", "--kind", "colour")
    code, records, err = run("ot-correct", "fit", *words)
    assert code == 0, err
    assert (records[-1]["autoencoder"], records[-1]["patch"]) == ("identity", 1)
    assert run("ot-correct", "apply", "look.safetensors", "restored", "-o", "out")[0] == 0
    assert _read("out/0.png").mean() == pytest.approx(140, abs=2)
    code, _, err = run("ot-correct", "fit", *words, "--patch", "5", "--overwrite")
    assert code == 2
    assert "--kind colour is --vae identity --patch 1" in err


def test_pictures_of_other_things_bring_a_warning_with_the_reason(
    run: Callable[..., Answer],
) -> None:
    levels = {"restored": (30, 200, 90, 160), "natural": (220, 20, 180, 60)}
    for side, means in levels.items():
        for index, mean in enumerate(means):
            picture(f"{side}/{index}.png", index, mean=mean, spread=5)
    words = ("restored", "natural", "-o", "look.safetensors", "--vae", "identity")
    code, records, err = run("ot-correct", "fit", *words, "--shrinkage", "0")
    assert code == 0
    assert records[-1]["held_out_w2_after"] >= records[-1]["held_out_w2_before"]
    assert "on pictures held out the latent W2 does not fall" in err
    assert "--from-clean needs the fewest" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing to fit to"),
        (("restored",), "nothing to fit to"),
        (("restored", "natural", "--task", "denoise"), "are of --from-clean"),
        (("restored", "--from-clean", "natural", "--task", "denoise"), "give two folders or"),
        (("--from-clean", "natural"), "needs --task"),
        (("--from-clean", "natural", "--task", "derain", "--sigma", "5"), "--sigma is of noise"),
        (("restored", "natural", "--shrinkage", "2"), "neither auto nor a number from 0 to 1"),
        (("restored", "natural", "--sample", "1"), "no posterior"),
        (("restored", "few"), "too few to fit to"),
    ],
)
def test_what_to_fit_to_is_said_once_and_whole(
    run: Callable[..., Answer], words: tuple[str, ...], message: str
) -> None:
    folders()
    for index in range(2):
        picture(f"few/{index}.png", index)
    given = ("ot-correct", "fit", "-o", "look.safetensors", "--vae", "identity")
    code, _, err = run(*given, *words)
    assert code == 2
    assert message in err
    assert "hint:" in err
    assert not Path("look.safetensors").exists()
