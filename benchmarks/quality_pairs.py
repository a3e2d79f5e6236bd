"""Real pairs for `quality.py`: dark and noisy photos beside the same scene as it should look."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from quality_measure import Restoring, Values, as_file, compared, means, read_picture
from torch import Tensor

_GAMMAS = torch.linspace(0.1, 1.5, 57)


def measure_pairs(
    model: str, folder: Path, restorer: Restoring, *, first: int | None = None
) -> Iterator[dict[str, str]]:
    """The rows of one model; none where it is not for what the pairs show.

    Args:
        model: its name.
        folder: with `lowlight_pairs/dark`, `noise_pairs/noisy` and a `reference` beside each.
        restorer: of the model.
        first: only so many pairs of each kind.
    """
    if model in ("lowlight", "auto"):
        pairs = list(real_pairs(folder / "lowlight_pairs", "dark", first))
        outputs = [as_file(restorer(dark).image) for dark, _ in pairs]
        yield _row("real dark exposures", pairs, outputs)
        scaled = [_of_mean(o, right) for o, (_, right) in zip(outputs, pairs, strict=True)]
        yield _row("real dark exposures, scaled to the right mean", pairs, scaled)
        curves = [best_gamma(dark, right) for dark, right in pairs]
        yield _row("the same without a model: each picture's best gamma", pairs, curves)
    if model in ("denoise", "auto"):
        pairs = list(real_pairs(folder / "noise_pairs", "noisy", first))
        outputs = [as_file(restorer(noisy).image) for noisy, _ in pairs]
        yield _row("real camera noise", pairs, outputs)


def real_pairs(folder: Path, degraded: str, first: int | None) -> Iterator[tuple[Tensor, Tensor]]:
    """Degraded pictures of `folder / degraded` by name, and the reference of each."""
    for path in sorted((folder / degraded).iterdir())[:first]:
        right = next(iter(sorted((folder / "reference").glob(f"{path.stem}.*"))))
        yield read_picture(path), read_picture(right)


def _row(name: str, pairs: list[tuple[Tensor, Tensor]], outputs: list[Tensor]) -> dict[str, str]:
    values: list[Values] = [
        compared(before, output, right)
        for (before, right), output in zip(pairs, outputs, strict=True)
    ]
    gains = sum(after[2] < after[0] for after in values)
    return {"case": f"{name} ({gains} made worse)", "photos": "real pairs"} | means(values)


def _of_mean(image: Tensor, right: Tensor) -> Tensor:
    return as_file(image * (right.mean() / image.mean().clamp(min=1e-4)))


def best_gamma(dark: Tensor, right: Tensor) -> Tensor:
    """The power of the input that comes nearest to the target: what exposure alone can do."""
    error: Callable[[Tensor], float] = lambda image: float((image - right).square().mean())  # noqa: E731
    return as_file(min((dark.clamp(min=1e-4) ** float(g) for g in _GAMMAS), key=error))
