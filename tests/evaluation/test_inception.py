"""FID and KID: the statistics on features that can be checked, and the wiring to Inception."""

import math
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from restore_cli.errors import RestoreError
from restore_cli.evaluation.inception import InceptionDistance, load_inception
from restore_cli.evaluation.metrics import build
from restore_cli.evaluation.weights import INCEPTION, require

CPU = torch.device("cpu")


class MeanColours(nn.Module):
    """Three features: the mean of each channel, on 0..1."""

    num_features = 3

    def forward(self, pictures: Tensor) -> Tensor:
        assert pictures.dtype == torch.uint8
        assert pictures.shape[1] == 3
        return pictures.float().mean(dim=(2, 3)) / 255


def _sets(count: int = 40) -> tuple[Tensor, Tensor]:
    """Outputs and references of 8 x 8 pixels, as 8-bit values / 255."""
    generator = torch.Generator().manual_seed(0)
    colours = torch.rand(2, count, 3, 1, 1, generator=generator)
    colours[0] = colours[0] * 0.5 + 0.1
    images = (colours + 0.05 * torch.randn(2, count, 3, 8, 8, generator=generator)).clamp(0, 1)
    output, reference = (images * 255).round() / 255
    return output, reference


def _distance(kind: Any, output: Tensor, reference: Tensor) -> float:  # noqa: ANN401
    pytest.importorskip("torchmetrics", minversion="1.8")
    distance = InceptionDistance(kind, MeanColours(), device=CPU)
    for some, others in zip(output.split(7), reference.split(7), strict=True):
        distance.update(some, others)
    return distance.compute()


def test_fid_is_the_published_formula() -> None:
    output, reference = _sets()
    first, second = (images.double().mean(dim=(2, 3)).numpy() for images in (output, reference))
    covariances = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = sqrtm(covariances[0] @ covariances[1]).real
    means = ((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum()
    expected = means + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert _distance("fid", output, reference) == pytest.approx(expected, rel=1e-4)


def test_kid_is_the_published_formula() -> None:
    output, reference = _sets()
    first, second = (images.double().mean(dim=(2, 3)).numpy() for images in (output, reference))

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / 3 + 1) ** 3

    count = len(first)
    within = sum(kernel(a, a).sum() - np.trace(kernel(a, a)) for a in (first, second))
    expected = within / (count * (count - 1)) - 2 * kernel(first, second).mean()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _distance("kid", output, reference) == pytest.approx(expected, rel=1e-3)


def test_kid_of_large_sets_draws_the_same_subsets_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("restore_cli.evaluation.inception.KID_SUBSET_SIZE", 10)
    torch.manual_seed(1)
    values = {_distance("kid", *_sets()) for _ in range(3)}
    state = torch.get_rng_state()
    _distance("kid", *_sets())
    assert len(values) == 1
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["fid", "kid"])
def test_grey_counts_as_three_equal_channels(kind: str) -> None:
    output, reference = (images[:, :1] for images in _sets())
    wide = (images.expand(-1, 3, -1, -1) for images in (output, reference))
    assert _distance(kind, output, reference) == _distance(kind, *wide)


@pytest.mark.parametrize("kind", ["fid", "kid"])
def test_fewer_than_two_pictures_have_no_distance(kind: str) -> None:
    output, reference = _sets(1)
    assert math.isnan(_distance(kind, output, reference))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(RestoreError, match="differ"):
        _distance("fid", torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8))


@pytest.mark.parametrize("kind", ["fid", "kid"])
def test_without_torchvision_the_extra_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(RestoreError, match=f"{kind} needs the Python package torchvision") as told:
        build([kind], device=CPU)
    assert told.value.hint == 'pip install "restore-cli[perceptual]"'


def test_the_published_network_is_wired_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        for module in ("torchvision", "torch_fidelity", "torchmetrics.image"):
            require(module, metric="fid")
    except RestoreError as error:
        pytest.skip(str(error))
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with pytest.raises(RestoreError, match=INCEPTION.name):
        load_inception("fid", device=CPU, weights=tmp_path)
    with monkeypatch.context() as patch:  # a network of the right shape without its weights
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        torch.save({}, tmp_path / "empty.pth")
        network = FeatureExtractorInceptionV3("x", ["2048"], str(tmp_path / "empty.pth"))
    torch.save(network.state_dict(), tmp_path / INCEPTION.name)
    fid, kid = build(["fid", "kid"], device=CPU, weights=tmp_path)
    output, reference = torch.rand(2, 3, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    for metric in (fid, kid):
        assert not metric.per_picture
        assert metric.update(output, reference) is None
        assert math.isfinite(metric.compute())
        assert "resize 299 x 299" in metric.protocol
        assert f"{INCEPTION.name}, sha256 " in metric.protocol
    torch.save({}, tmp_path / INCEPTION.name)
    with pytest.raises(RestoreError, match="other names or sizes"):
        load_inception("kid", device=CPU, weights=tmp_path)
