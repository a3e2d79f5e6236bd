"""Quality without a reference: NIQE and MUSIQ by pyiqa (extra `[no-reference]`), offline.

The reference is not looked at; it only has to be there, as for every metric. Needs the metric's
published weights on disk: nothing is downloaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.evaluation.perceptual import Distance
from restore_cli.evaluation.weights import fingerprint, require
from restore_cli.offline import offline

EXTRA_HINT = 'pip install "restore-cli[no-reference]"'
_FROM = "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/resolve/main/"


@dataclass(frozen=True, slots=True)
class Published:
    """A metric of pyiqa that needs no reference.

    Attributes:
        weights: its file's name, as published.
        higher_is_better: which end is the good one.
        smallest: pixels per side that it needs.
    """

    weights: str
    higher_is_better: bool
    smallest: int = 32


NO_REFERENCE: Mapping[str, Published] = {
    "niqe": Published("niqe_modelparameters.mat", False, 192),
    "musiq": Published("musiq_koniq_ckpt-e95806b9.pth", True),
}
"""What `--metrics` may name of them."""


def load_no_reference(
    name: str, *, device: torch.device, weights: Path | None = None
) -> tuple[Distance, str]:
    """A metric that looks at the output alone.

    Args:
        name: a key of `NO_REFERENCE`.
        device: where to compute.
        weights: a folder with the published file, or that file; None: torch.hub's folder.

    Returns:
        The score, of (B, C, H, W) outputs in [0, 1], and its protocol.

    Raises:
        RestoreError: the extra or the weights are missing or broken.
    """
    published = NO_REFERENCE[name]
    try:
        require("pyiqa", metric=name)
    except RestoreError as error:
        raise RestoreError(error.message, hint=EXTRA_HINT) from error
    import pyiqa  # pyright: ignore[reportMissingImports]

    path = _find(published, weights, metric=name)
    try:
        with offline(f"what {name} needs beside {path}"):
            network = pyiqa.create_metric(name, device=device, pretrained_model_path=str(path))
    except (RuntimeError, KeyError, TypeError, ValueError, OSError) as error:
        raise RestoreError(
            f"{path} is not what {name} takes: {error}", hint=f"download {_FROM}{published.weights}"
        ) from error

    def score(output: Tensor, reference: Tensor) -> Tensor:
        if min(output.shape[-2:]) < published.smallest:
            raise RestoreError(
                f"{name} needs pictures of at least {published.smallest} pixels per side",
                hint="leave it out for small pictures",
            )
        with torch.no_grad():
            return network(output.float().expand(-1, 3, -1, -1)).reshape(-1).double()

    return score, f"{name}; the output alone; RGB; {_library()}; weights {fingerprint(path)}"


def _library() -> str:
    try:
        return f"pyiqa {version('pyiqa')}"
    except PackageNotFoundError:
        return "pyiqa of unknown version"


def _find(published: Published, weights: Path | None, *, metric: str) -> Path:
    folder = Path(torch.hub.get_dir()) if weights is None else weights
    places = (folder, folder / published.weights, folder / "pyiqa" / published.weights)
    found = next((p for p in places if p.is_file() and p.name == published.weights), None)
    if found is None:
        raise RestoreError(
            f"{metric} needs the weights {published.weights}, which are not in {folder}",
            hint=f"download {_FROM}{published.weights} and give its folder with --weights; "
            "nothing is downloaded on its own",
        )
    if found.suffix == ".pth":
        try:  # pyiqa unpickles anything; what passes here is harmless
            torch.load(found, map_location="cpu", weights_only=True)
        except Exception as error:
            raise RestoreError(
                f"{found} is damaged, or holds other things than tensors",
                hint=f"download {_FROM}{published.weights}",
            ) from error
    return found
