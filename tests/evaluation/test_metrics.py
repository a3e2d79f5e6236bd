"""The metrics by name: golden values from outside, protocols, means, and what is refused."""

import csv
import importlib.util
import math
import subprocess
import sys
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.evaluation.metrics import METRICS, Metric, build, psnr, ssim

CPU = torch.device("cpu")
GOLDEN = Path(__file__).parents[1] / "golden"
NETWORKED = {
    "lpips",
    "dists",
    "fid",
    "kid",
    "latent-w2",
    "niqe",
    "musiq",
}  # they need weights, or an autoencoder
FORMULAS = [name for name in METRICS if name not in NETWORKED]
# 1e-4 dB and 1e-5 are what `restore eval` promises; delta-e: scikit-image rounds the constants
# of Lab, we do not; pytorch-msssim holds its window in float32.
TOLERANCE = {
    "psnr": 1e-5, "ssim": 1e-7, "psnr-y": 1e-5, "ssim-y": 1e-7, "ms-ssim": 1e-6,
    "psnr-gtmean": 1e-4, "psnr-aligned": 1e-4, "photometric-share": 1e-6, "delta-e": 1e-4,
}  # fmt: skip


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_metrics", GOLDEN / "make_metrics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _golden() -> list[dict[str, str]]:
    with (GOLDEN / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


SCRIPT = _script()
ROWS = _golden()


def _tensor(image: np.ndarray) -> torch.Tensor:
    """(1, C, H, W) float32 in [0, 1], as files come in."""
    values = (image / np.iinfo(image.dtype).max).astype(np.float32)
    return torch.from_numpy(values).permute(2, 0, 1)[None].contiguous()


def _one(name: str, *, border: int = 0) -> Metric:
    return build([name], border=border, device=CPU)[-1]


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{r['picture']} {r['metric']} {r['source'].split()[0]}" for r in ROWS]
)
def test_golden_values_of_other_peoples_code(row: dict[str, str]) -> None:
    output, reference = (_tensor(image) for image in SCRIPT.draw(row["picture"]))
    value = _one(row["metric"]).update(output, reference)
    assert value is not None
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(float(row["value"]), abs=TOLERANCE[row["metric"]])


def test_golden_values_cover_every_formula_and_every_kind_of_picture() -> None:
    assert {row["metric"] for row in ROWS} == set(FORMULAS)
    covered = {(row["picture"], row["metric"]) for row in ROWS}
    always = [name for name in FORMULAS if name != "ms-ssim"]
    assert covered >= set(product(SCRIPT.PICTURES, always))


@pytest.mark.parametrize("name", FORMULAS)
def test_a_batch_gives_each_picture_its_own_value_and_the_mean(name: str) -> None:
    generator = torch.Generator().manual_seed(3)
    reference = torch.rand(3, 3, 170, 163, generator=generator) * 0.8 + 0.1
    noise = torch.randn(reference.shape, generator=generator)
    output = (reference + noise * torch.tensor([0.02, 0.05, 0.1]).view(3, 1, 1, 1)).clamp(0, 1)
    metric = _one(name)
    together = metric.update(output, reference)
    assert together is not None
    alone = [_one(name).update(output[i : i + 1], reference[i : i + 1]) for i in range(3)]
    expected = torch.cat([value for value in alone if value is not None])
    torch.testing.assert_close(together, expected, rtol=1e-12, atol=1e-12)
    assert together.unique().numel() == 3
    assert metric.compute() == pytest.approx(expected.mean().item())


@pytest.mark.parametrize("name", FORMULAS)
def test_the_border_is_cropped_by_the_metric(name: str) -> None:
    generator = torch.Generator().manual_seed(5)
    output, reference = torch.rand(2, 1, 3, 180, 170, generator=generator)
    cropped = _one(name).update(output[..., 4:-4, 4:-4], reference[..., 4:-4, 4:-4])
    metric = _one(name, border=4)
    assert torch.equal(metric.update(output, reference), cropped)  # type: ignore[arg-type]
    assert metric.protocol.endswith("; border 4 px cropped")
    assert _one(name).protocol == metric.protocol.replace("border 4 px cropped", "whole frame")


def test_protocols_tell_variants_apart() -> None:
    metrics = build(FORMULAS, device=CPU)
    assert [metric.name for metric in metrics] == FORMULAS
    assert len({metric.protocol for metric in metrics}) == len(FORMULAS)
    assert all(metric.per_picture for metric in metrics)
    told = {metric.name: metric for metric in metrics}
    assert told["psnr"].protocol == "PSNR; RGB or grey; range 1; whole frame"
    assert "Gaussian 11x11 sigma 1.5, valid" in told["ssim"].protocol
    assert "unrounded" in told["psnr-y"].protocol
    assert "unrounded" in told["ssim-y"].protocol
    assert "Wang 2003" in told["ms-ssim"].protocol
    decibel = {name for name, metric in told.items() if metric.unit == "dB"}
    assert decibel == {"psnr", "psnr-y", "psnr-aligned", "psnr-gtmean"}
    worse = {name for name, metric in told.items() if not metric.higher_is_better}
    assert worse == {"delta-e", "photometric-share"}


def test_identical_pictures_do_not_make_the_mean_infinite() -> None:
    reference = torch.zeros(1, 3, 12, 12)
    metric = _one("psnr")
    assert math.isnan(metric.compute())
    metric.update(reference, reference)
    assert metric.compute() == math.inf
    metric.update(reference + 0.1, reference)
    metric.update(reference + 0.01, reference)
    assert metric.compute() == pytest.approx(30.0, abs=1e-4)


def test_a_picture_with_nan_is_not_hidden_in_the_mean() -> None:
    reference = torch.zeros(1, 3, 12, 12)
    metric = _one("psnr")
    metric.update(reference + 0.1, reference)
    metric.update(reference + math.nan, reference)
    assert math.isnan(metric.compute())


def test_gtmean_never_comes_without_plain_psnr() -> None:
    def names(*asked: str) -> list[str]:
        return [metric.name for metric in build(asked, device=CPU)]

    assert names("psnr-gtmean") == ["psnr", "psnr-gtmean"]
    assert names("ssim", "psnr-gtmean", "psnr") == ["ssim", "psnr", "psnr-gtmean"]
    assert names("psnr", "ssim", "psnr") == ["psnr", "ssim"]


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(RestoreError, match="unknown metric 'pnsr'") as caught:
        build(["ssim", "pnsr"], device=CPU)
    assert "did you mean 'psnr'?" in (caught.value.hint or "")
    assert "photometric-share" in (caught.value.hint or "")
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_negative_border_is_refused() -> None:
    with pytest.raises(RestoreError, match="-1 pixels"):
        build(["psnr"], border=-1, device=CPU)


def test_a_border_that_eats_the_picture_is_refused() -> None:
    small = torch.zeros(1, 3, 8, 30)
    with pytest.raises(RestoreError, match=r"cropping 4 pixels .* 30 x 8"):
        _one("psnr", border=4).update(small, small)


@pytest.mark.parametrize("name", FORMULAS)
def test_shapes_that_would_broadcast_are_refused(name: str) -> None:
    with pytest.raises(RestoreError, match=r"1 x 3 x 200 x 200 .* 1 x 1 x 200 x 200"):
        _one(name).update(torch.zeros(1, 3, 200, 200), torch.zeros(1, 1, 200, 200))


@pytest.mark.parametrize("name", FORMULAS)
def test_metrics_keep_no_gradient(name: str) -> None:
    output = torch.rand(1, 3, 161, 161, requires_grad=True)
    value = _one(name).update(output, torch.rand(1, 3, 161, 161))
    assert value is not None
    assert not value.requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", FORMULAS)
def test_cuda_gives_the_numbers_of_the_cpu(name: str) -> None:
    generator = torch.Generator().manual_seed(3)
    output, reference = torch.rand(2, 2, 3, 170, 163, generator=generator)
    expected = _one(name).update(output, reference)
    value = build([name], device=torch.device("cuda"))[-1].update(output.cuda(), reference.cuda())
    torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-9, check_device=False)


def test_the_pure_functions_stay() -> None:
    dark = torch.zeros(2, 3, 16, 16)
    torch.testing.assert_close(
        psnr(dark + 0.1, dark), torch.full((2,), 20.0, dtype=torch.float64), rtol=0, atol=1e-5
    )
    assert ssim(dark, dark).tolist() == [1.0, 1.0]


def test_no_torchvision_and_no_torchmetrics_for_the_formulas() -> None:
    code = (
        "import sys, torch\n"
        "from restore_cli.evaluation.metrics import build\n"
        f"metrics = build({FORMULAS!r}, device=torch.device('cpu'))\n"
        "image = torch.zeros(1, 3, 161, 161)\n"
        "for metric in metrics: metric.update(image, image)\n"
        "assert 'torchvision' not in sys.modules\n"
        "assert 'torchmetrics' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
