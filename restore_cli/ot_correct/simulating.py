"""Restored pictures from clean ones: degraded as a task's model was validated, and restored."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations.compose import Compose
from restore_cli.engine.restorer import Restorer
from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.recipe import Mixture

MOST = 768
"""px along each side: the centre of a larger picture stands for it."""


class Simulated(NamedTuple):
    """One scene on both sides.

    Attributes:
        restored: (1, 3, H, W), what the model made of it, rounded as its file would be.
        natural: (1, 3, H, W), the clean picture.
    """

    restored: Tensor
    natural: Tensor


class Simulation:
    """Degrades clean pictures and restores them, so that both sides show the same scenes.

    Args:
        task: whose validation mixture degrades, and whose shipped model restores. Entries
            that leave pictures as they are, are left out.
        model: another model: a name, a folder or a file. Its own validation mixture is taken,
            where it has one.
        sigma: degrade by Gaussian noise of this strength (0..255 scale) instead.
        seed: of the degradations; every picture draws its own.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        RestoreError: no such task or model, none with a mixture, or `sigma` for another task.
    """

    def __init__(
        self,
        task: str,
        *,
        model: str | None = None,
        sigma: float | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        if sigma is not None and task != "denoise":
            raise RestoreError(
                f"--sigma is of noise, and the task is {task!r}",
                hint="leave it away: the task's own degradations are taken",
            )
        loaded = zoo.load(model or zoo.default_for_task(task))
        self._change = Compose(_mixture(task, loaded, sigma))
        self._restorer = Restorer(loaded.network, device=device, overlap=loaded.overlap)
        self._seed = seed

    def __call__(self, clean: Tensor, index: int) -> Simulated:
        """Degrade and restore the picture with that number.

        Args:
            clean: (1, 3, H, W) float32 in [0, 1].
            index: makes what is drawn differ from picture to picture.
        """
        height, width = clean.shape[-2:]
        top, left = max(0, (height - MOST) // 2), max(0, (width - MOST) // 2)
        clean = clean[0, :, top : top + MOST, left : left + MOST].contiguous()
        rng = np.random.default_rng([self._seed, index])
        sample = self._change(clean, rng)
        restored = self._restorer(sample.image).image
        rounded = torch.round(restored.clamp(0.0, 1.0) * 255) / 255
        return Simulated(rounded[None], sample.target[None])

    def over(
        self, pictures: Iterable[tuple[Path, Tensor | RestoreError]]
    ) -> Iterator[tuple[Path, Simulated | RestoreError]]:
        """Each picture on both sides, or why it was left out."""
        for index, (path, picture) in enumerate(pictures):
            if isinstance(picture, RestoreError):
                yield path, picture
                continue
            try:
                yield path, self(picture, index)
            except RestoreError as error:
                yield path, RestoreError(f"{path}: {error.message}")


def _mixture(task: str, model: zoo.Model, sigma: float | None) -> list[Mixture]:
    if sigma is not None:
        noise = {"name": "gaussian-noise", "sigma": [sigma, sigma]}
        return [Mixture.model_validate({"steps": [noise, {"name": "quantize8"}]})]
    for known in (model, None):
        recipe = (known or zoo.load(zoo.default_for_task(task))).recipe
        if recipe is None:
            continue
        # Entries without steps check that a model leaves good pictures alone. They are no examples
        # of what it restores: a map fitted to them as well goes towards the identity.
        mixture = recipe.data.validation or recipe.data.simulated
        if found := [entry for entry in mixture if entry.steps]:
            return found
    raise RestoreError(
        f"the task {task!r} has no degradations to simulate",
        hint="give outputs of the model and natural pictures instead: "
        "`restore ot-correct fit RESTORED_DIR NATURAL_DIR`",
    )
