"""FID and KID: how far two sets of pictures are, not two pictures.

Inception features by torch-fidelity (the original TensorFlow weights), statistics by torchmetrics.
Needs the extra `[perceptual]` and the published weights on disk (`weights.find`).
"""

import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from restore_cli.evaluation.fidelity import check_shapes
from restore_cli.evaluation.weights import (
    INCEPTION,
    OTHER_TENSORS,
    find,
    fingerprint,
    require,
    wrong_content,
)
from restore_cli.offline import offline

KID_SUBSETS, KID_SUBSET_SIZE = 100, 1000
"""As in the paper's code and torch-fidelity; a smaller set is one subset of all pictures."""


class InceptionDistance:
    """FID (Heusel et al. 2017) or KID (Binkowski et al. 2018) between outputs and references.

    Args:
        kind: "fid" or "kid".
        features: a module, uint8 pictures in, features out.
        device: where features and sums are computed.
    """

    def __init__(
        self, kind: Literal["fid", "kid"], features: nn.Module, *, device: torch.device
    ) -> None:
        from torchmetrics.image.fid import FrechetInceptionDistance
        from torchmetrics.image.kid import KernelInceptionDistance

        self._kind = kind
        self._count = 0
        metric: Any
        if kind == "fid":
            metric = FrechetInceptionDistance(feature=features)
        else:
            with warnings.catch_warnings():  # that it keeps all features: 8 KiB for each picture
                warnings.simplefilter("ignore", UserWarning)
                metric = KernelInceptionDistance(
                    feature=features, subsets=KID_SUBSETS, subset_size=KID_SUBSET_SIZE
                )
        self._metric = metric.to(device)

    @torch.no_grad()
    def update(self, output: Tensor, reference: Tensor) -> None:
        """Take in a batch of both sets.

        Args:
            output: (B, C, H, W) in [0, 1], RGB or grey (repeated to three channels).
            reference: the same shape.

        Raises:
            RestoreError: the shapes differ.
        """
        check_shapes(output, reference)
        self._metric.update(_eight_bits(output), real=False)
        self._metric.update(_eight_bits(reference), real=True)
        self._count += len(output)

    def compute(self) -> float:
        """The distance of all that was taken in; nan for fewer than two pictures."""
        if self._count < 2:
            return float("nan")
        if self._kind == "fid":
            return float(self._metric.compute())
        if self._count <= KID_SUBSET_SIZE:
            self._metric.subsets, self._metric.subset_size = 1, self._count
        with torch.random.fork_rng(devices=[]):  # subsets are drawn on the CPU
            torch.manual_seed(0)
            mean, _ = self._metric.compute()
        return float(mean)


def load_inception(
    kind: Literal["fid", "kid"], *, device: torch.device, weights: Path | None = None
) -> tuple[InceptionDistance, str]:
    """FID or KID with the published Inception network.

    Args:
        kind: "fid" or "kid".
        device: where to compute.
        weights: a folder with weights-inception-2015-12-05-6726825d.pth, or that file; None:
            torch.hub's folder.

    Returns:
        The metric and its protocol.

    Raises:
        RestoreError: the extra or the weights are missing or broken.
    """
    # torch-fidelity imports torchvision, and torchmetrics imports both where it finds them.
    for module in ("torchvision", "torch_fidelity", "torchmetrics.image"):
        require(module, metric=kind)
    from torchmetrics.image.fid import NoTrainInceptionV3

    path = find(INCEPTION, weights, metric=kind)
    try:
        # Without antialias it is TensorFlow 1's bilinear resize, with which papers' numbers are
        # made; torchmetrics' own default is another one.
        with offline(f"what belongs to {path}"):
            features = NoTrainInceptionV3(
                name="inception-v3-compat",
                features_list=["2048"],
                feature_extractor_weights_path=str(path),
                antialias=False,
            )
    except (RuntimeError, KeyError, AttributeError, TypeError) as error:  # names or sizes differ
        raise wrong_content(path, INCEPTION, OTHER_TENSORS) from error
    features.num_features = 2048  # saves torchmetrics a run on noise to find it out
    name = "FID" if kind == "fid" else "KID; polynomial kernel of degree 3; subsets of at most 1000"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torchmetrics", "torch-fidelity"))
    protocol = (
        f"{name}; Inception v3 (2015-12-05), 2048 features; 8-bit RGB; resize 299 x 299, bilinear "
        f"as in TensorFlow 1, no antialias; {libraries}; weights {fingerprint(path)}"
    )
    return InceptionDistance(kind, features, device=device), protocol


def _eight_bits(image: Tensor) -> Tensor:
    """Rounded; torchmetrics' own conversion cuts off, which can lose a step of exact values."""
    return (image.clamp(0, 1) * 255).round().byte().expand(-1, 3, -1, -1)
