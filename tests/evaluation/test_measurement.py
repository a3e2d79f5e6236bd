"""What is put together of rows and metrics."""

from pathlib import Path

import pytest
import torch

from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
from restore_cli.evaluation.metrics import build
from restore_cli.evaluation.pairing import Pair


def test_a_metric_says_what_its_numbers_mean() -> None:
    (psnr,) = build(["psnr"], border=2, device=torch.device("cpu"))
    assert MetricInfo.of(psnr) == MetricInfo("psnr", "dB", True, True, psnr.protocol)
    assert "border 2 px" in psnr.protocol


def test_totals_are_what_the_metrics_gathered() -> None:
    metrics = build(["psnr", "delta-e"], border=0, device=torch.device("cpu"))
    pictures = torch.full((2, 3, 16, 16), 0.5)
    values = [metric.update(pictures, pictures + 0.1) for metric in metrics]
    rows = [
        Row(
            Pair(str(index), Path("o"), Path("r")),
            16,
            16,
            {
                metric.name: float(value[index])
                for metric, value in zip(metrics, values, strict=True)
            },
        )
        for index in range(2)
    ]
    one = Measurement.of("out", rows, metrics)
    assert (one.label, one.rows) == ("out", rows)
    assert list(one.metrics) == ["psnr", "delta-e"]
    assert one.totals["psnr"] == pytest.approx(20, abs=1e-3)
    assert one.totals["delta-e"] == pytest.approx(rows[0].values["delta-e"])
