"""The weights that measured best so far, kept beside the checkpoint."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from restore_cli.images.atomic import write_atomically
from restore_cli.networks.base import Network

BEST = "best.safetensors"


@dataclass(frozen=True)
class Best:
    """Averaged weights, and what they measured.

    Attributes:
        step: after which they were measured.
        psnr: mean over the validation pictures, dB.
        weights: of the averaged network, on the CPU.
    """

    step: int
    psnr: float
    weights: dict[str, Tensor]


def best_of(network: Network, *, step: int, psnr: float) -> Best:
    """The network's weights as they are now."""
    weights = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
    return Best(step, psnr, weights)


def keep_best(folder: Path, best: Best) -> None:
    """Write weights in place of the best of before, in one step.

    Raises:
        RestoreError: they cannot be written.
    """
    told = {"step": str(best.step), "psnr": repr(best.psnr)}
    write_atomically(folder / BEST, save(best.weights, told))


def load_best(folder: Path, *, step: int) -> Best | None:
    """What a run found best up to `step`; None where it found nothing, or only later.

    A file that cannot be read counts as nothing: the run measures again.
    """
    path = folder / BEST
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            found = int(told["step"]), float(told["psnr"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError):
        return None
    return Best(*found, weights) if found[0] <= step else None
