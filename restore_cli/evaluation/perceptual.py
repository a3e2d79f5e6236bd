"""LPIPS and DISTS: distances between deep features, by torchmetrics on torchvision's backbones.

Needs the extra `[perceptual]` and the backbone's published weights on disk (`weights.find`). The
small calibration weights of both metrics come inside torchmetrics.
"""

import inspect
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore_cli.evaluation.fidelity import check_shapes, check_smallest_side
from restore_cli.evaluation.weights import (
    ALEXNET,
    OTHER_TENSORS,
    VGG16,
    Published,
    as_torch_hub,
    find,
    fingerprint,
    require,
    wrong_content,
)

SMALLEST_LPIPS = 31
"""Below this AlexNet's pooling leaves no pixel; VGG16 in DISTS pads and takes any size."""

Distance = Callable[[Tensor, Tensor], Tensor]
"""(B, C, H, W) output and reference in [0, 1] -> (B,) float64."""


def load_lpips(*, device: torch.device, weights: Path | None = None) -> tuple[Distance, str]:
    """LPIPS v0.1 with AlexNet, the variant that restoration papers print.

    Zhang, Isola, Efros, Shechtman, Wang 2018, "The unreasonable effectiveness of deep features as
    a perceptual metric". Pictures go in at their own size, scaled to [-1, 1]; grey is repeated
    to three channels.

    Args:
        device: where to compute.
        weights: a folder with alexnet-owt-7be5be79.pth, or that file; None: torch.hub's folder.

    Returns:
        The distance, at least 0 (0 for identical pictures), and its protocol.

    Raises:
        RestoreError: the extra or the weights are missing or broken.
    """
    require("torchvision", metric="lpips")
    require("torchmetrics.image", metric="lpips")
    from torchmetrics.functional.image import lpips
    from torchmetrics.image import LearnedPerceptualImagePatchSimilarity

    path, metric = _load(
        lambda: LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True),
        ALEXNET, weights, metric="lpips",
    )  # fmt: skip
    network = metric.net.to(device).eval()

    def distance(output: Tensor, reference: Tensor) -> Tensor:
        check_shapes(output, reference)
        check_smallest_side(output, SMALLEST_LPIPS, metric="LPIPS")
        with torch.no_grad():
            value = network(_rgb(output), _rgb(reference), normalize=True)
        return value.flatten().double()

    linear = Path(inspect.getfile(lpips)).parent / "lpips_models" / "alex.pth"
    return distance, _protocol("LPIPS 0.1; AlexNet", path, linear)


def load_dists(*, device: torch.device, weights: Path | None = None) -> tuple[Distance, str]:
    """DISTS with VGG16.

    Ding, Ma, Wang, Simoncelli 2020, "Image quality assessment: unifying structure and texture
    similarity". Pictures go in at their own size (the authors' example script shrinks them to 256
    pixels first; their benchmark numbers and this one are not the same then); grey is repeated to
    three channels.

    Args:
        device: where to compute.
        weights: a folder with vgg16-397923af.pth, or that file; None: torch.hub's folder.

    Returns:
        The distance, 0 for identical pictures, and its protocol.

    Raises:
        RestoreError: the extra or the weights are missing or broken.
    """
    require("torchvision", metric="dists")
    require("torchmetrics.image", metric="dists")
    from torchmetrics.functional.image import dists

    path, network = _load(dists.DISTSNetwork, VGG16, weights, metric="dists")
    network = network.to(device).eval()

    def distance(output: Tensor, reference: Tensor) -> Tensor:
        check_shapes(output, reference)
        with torch.no_grad():
            value = network(_rgb(output), _rgb(reference))
        # Of equal pictures rounding can leave a little less than nothing.
        return value.reshape(-1).double().clamp(min=0)

    calibration = Path(inspect.getfile(dists)).parent / "dists_models" / "weights.pt"
    return distance, _protocol("DISTS; VGG16", path, calibration)


def _load(
    make: Callable[[], Any], published: Published, weights: Path | None, *, metric: str
) -> tuple[Path, Any]:
    """Build a network whose backbone torchvision loads; its file and the network."""
    path = find(published, weights, metric=metric)
    try:
        with as_torch_hub(path, published):
            return path, make()
    except (RuntimeError, KeyError, AttributeError, TypeError) as error:  # names or sizes differ
        raise wrong_content(path, published, OTHER_TENSORS) from error


def _protocol(what: str, backbone: Path, calibration: Path) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torchmetrics", "torchvision"))
    files = ", ".join(fingerprint(path) for path in (backbone, calibration))
    return f"{what}; RGB; no resize; {libraries}; weights {files}"


def _rgb(image: Tensor) -> Tensor:
    return image.float().expand(-1, 3, -1, -1)
