from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.api.measuring import evaluate
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture


def _pictures(count: int = 3) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    clean = [rng.integers(0, 256, (24 + 8 * n, 40, 3), np.uint8) for n in range(count)]
    shifted = [(one.clip(4, 250) + 3).astype(np.uint8) for one in clean]
    return shifted, clean


def _folders(root: Path) -> tuple[Path, Path]:
    for name, pictures in zip(("restored", "truth"), _pictures(), strict=True):
        (root / name).mkdir()
        for index, pixels in enumerate(pictures):
            Picture(pixels).save(root / name / f"photo{index}.png")
    return root / "restored", root / "truth"


def test_folders_and_pictures_in_memory_give_the_same_numbers(tmp_path: Path) -> None:
    ours, theirs = _pictures()
    folders = evaluate(*map(str, _folders(tmp_path)), metrics=("psnr", "ssim", "delta-e"))
    memory = evaluate(ours, theirs, metrics=("psnr", "ssim", "delta-e"))
    mixed = evaluate(
        [Image.fromarray(one) for one in ours],
        sorted((tmp_path / "truth").iterdir()),
        metrics=("psnr", "ssim", "delta-e"),
    )
    assert [row.name for row in folders.rows] == ["photo0", "photo1", "photo2"]
    assert [row.name for row in memory.rows] == ["0", "1", "2"]
    assert memory.means == mixed.means == pytest.approx(folders.means, rel=1e-6)
    assert folders.protocols == memory.protocols
    assert memory.protocols["psnr"] == "PSNR; RGB or grey; range 1; whole frame"


def test_the_mean_is_over_the_rows_and_psnr_is_the_formula() -> None:
    ours, theirs = _pictures()
    found = evaluate(ours, theirs, metrics=["psnr"], crop_border=2)
    for row, one, other in zip(found.rows, ours, theirs, strict=True):
        inner = (one[2:-2, 2:-2] / 255.0 - other[2:-2, 2:-2] / 255.0) ** 2
        assert row.values["psnr"] == pytest.approx(-10 * np.log10(inner.mean()), abs=1e-4)
    assert found.means["psnr"] == pytest.approx(np.mean([r.values["psnr"] for r in found.rows]))
    assert "border 2 px" in found.protocols["psnr"]


def test_single_pictures_are_compared_without_a_list() -> None:
    (ours, *_), (theirs, *_) = _pictures()
    assert len(evaluate(ours, theirs).rows) == 1
    same = evaluate(theirs, theirs)
    assert same.rows[0].values["psnr"] == same.means["psnr"] == float("inf")


def test_grey_pictures_are_compared_in_one_channel() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    found = evaluate(grey // 2, grey, metrics=("ssim",))
    colour = evaluate(np.dstack([grey // 2] * 3), grey, metrics=("ssim",))
    assert found.means["ssim"] == pytest.approx(colour.means["ssim"], abs=1e-6)


def test_metrics_of_the_set_stand_among_the_means_only() -> None:
    ours, theirs = _pictures()
    found = evaluate(ours, theirs, metrics=("psnr", "latent-w2"), vae="identity")
    assert set(found.means) == {"psnr", "latent-w2"}
    assert all(set(row.values) == {"psnr"} for row in found.rows)


def test_what_does_not_pair_up_is_refused_with_a_cure(tmp_path: Path) -> None:
    ours, theirs = _pictures()
    with pytest.raises(RestoreError, match="2 outputs and 3 references"):
        evaluate(ours[:2], theirs)
    with pytest.raises(RestoreError, match="0 outputs"):
        evaluate([], [])
    with pytest.raises(RestoreError, match="picture 1: the output is 40x24, the reference 40x32"):
        evaluate([ours[0], ours[0]], theirs[:2])
    with pytest.raises(TypeError, match="both"):
        evaluate(tmp_path, theirs)
    with pytest.raises(RestoreError, match="sharpness"):
        evaluate(ours, theirs, metrics=("sharpness",))
