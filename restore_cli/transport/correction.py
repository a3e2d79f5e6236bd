"""The file that `restore ot-correct fit` writes: statistics of both sides, as safetensors.

It holds what was measured, not the map that follows from it, so that more pictures can be added
later; the map takes milliseconds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.images.atomic import write_atomically
from restore_cli.tensors import to_safetensors
from restore_cli.transport.moments import Moments

FORMAT = "restore-ot-1"
_SIDES = ("restored", "natural")
_NUMBERS = ("channels", "factor", "patch", *(f"{s}_{n}" for s in _SIDES for n in ("count", "pictures")))  # fmt: skip  # noqa: E501


@dataclass(frozen=True, slots=True)
class Correction:
    """Everything that a fitted transport consists of.

    Attributes:
        autoencoder: its name.
        sha256: of its weights.
        factor: px for each latent.
        restored: statistics of the pictures to correct.
        natural: statistics of natural pictures; the same channels and patch.
        shrinkage: within [0, 1], see `transport.latent.LatentTransport`; 0 in files that do not
            say.
    """

    autoencoder: str
    sha256: str
    factor: int
    restored: Moments
    natural: Moments
    shrinkage: float = 0.0

    def write(self, path: Path) -> None:
        """Write the file at once. Raises RestoreError where that is not possible."""
        tensors: dict[str, Tensor] = {}
        metadata = {
            "format": FORMAT,
            "autoencoder": self.autoencoder,
            "sha256": self.sha256,
            "factor": str(self.factor),
            "channels": str(self.restored.channels),
            "patch": str(self.restored.patch),
            "shrinkage": repr(self.shrinkage),
        }
        for side, moments in zip(_SIDES, (self.restored, self.natural), strict=True):
            tensors |= {f"{side}.mean": moments.mean, f"{side}.scatter": moments.scatter}
            metadata[f"{side}_count"] = str(moments.count)
            metadata[f"{side}_pictures"] = str(moments.pictures)
        write_atomically(path, to_safetensors(tensors, metadata))

    @classmethod
    def read(cls, path: Path) -> "Correction":
        """Read what `write` wrote.

        Raises:
            RestoreError: no such file, a damaged one, or one of something else.
        """
        if not path.is_file():
            raise RestoreError(
                f"{path}: there is no such correction",
                hint="`restore ot-correct fit` makes one",
            )
        try:
            with safe_open(path, framework="pt") as file:  # pyright: ignore[reportUnknownVariableType]
                known = cast("dict[str, str]", file.metadata() or {})  # pyright: ignore
                names = cast("list[str]", list(file.keys()))  # pyright: ignore
                tensors = {name: cast("Tensor", file.get_tensor(name)) for name in names}  # pyright: ignore
        except (SafetensorError, OSError, RuntimeError, ValueError, AttributeError) as error:
            raise RestoreError(
                f"{path}: damaged, or not a correction: {error}", hint="fit it again"
            ) from error
        if known.get("format") != FORMAT:
            raise RestoreError(
                f"{path} is not a correction made by `restore ot-correct fit`",
                hint="it holds other tensors, perhaps a model: models go to --model",
            )
        try:
            numbers = {name: int(known[name]) for name in _NUMBERS}
            sides = [_moments(side, tensors, numbers) for side in _SIDES]
            shrinkage = float(known.get("shrinkage", "0"))
            if not 0 <= shrinkage <= 1:
                raise ValueError(f"shrinkage {shrinkage} is not within 0 and 1")
            its = (known["autoencoder"], known["sha256"], numbers["factor"])
            return cls(*its, *sides, shrinkage=shrinkage)
        except (KeyError, ValueError, RuntimeError) as error:
            raise RestoreError(
                f"{path}: its content does not fit together: {error}", hint="fit it again"
            ) from error


def _moments(side: str, tensors: dict[str, Tensor], numbers: dict[str, int]) -> Moments:
    mean, scatter = tensors[f"{side}.mean"], tensors[f"{side}.scatter"]
    size = numbers["channels"] * numbers["patch"] ** 2
    # Before anything of that size is made: the file may say anything.
    if mean.shape != (size,) or scatter.shape != (size, size):
        raise ValueError(f"the {side} side is of another size than it says")
    if not all(t.dtype in (torch.float32, torch.float64) for t in (mean, scatter)):
        raise ValueError(f"the {side} side is {mean.dtype}, not float64")
    if not all(bool(torch.isfinite(t).all()) for t in (mean, scatter)):
        raise ValueError(f"the {side} side is not finite")
    moments = Moments(numbers["channels"], numbers["patch"])
    moments.mean, moments.scatter = mean.double(), scatter.double()
    moments.count, moments.pictures = numbers[f"{side}_count"], numbers[f"{side}_pictures"]
    return moments
