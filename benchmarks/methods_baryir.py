"""BaryIR against its L1 twin, and its parts against it (`methods.py`).

All arms have network, data and optimiser of the recipe `baryir`. Measured on photos/val: the five
tasks, levels beyond training's, mixtures, and types of damage that it never showed.
"""

from collections.abc import Iterator

from allinone import measure as measured
from allinone import recipe_of as base_recipe
from method_rows import Row, Settings, equal_steps
from quality_measure import read_photos

from restore_cli.recipe import Recipe
from restore_cli.training.loop import train
from restore_cli.training.runs import Run

METHOD = "baryir"
L1 = "L1 alone"
ARMS: dict[str, tuple[str, ...]] = {
    L1: (),
    "BaryIR": (),
    "BaryIR, larger potentials": (
        "objective.potential_width=256",
        "objective.potential_layers=3",
        "objective.potential_positions=true",
    ),
    "BaryIR, no potentials": ("objective.potential=0.0",),
    "BaryIR, no contrast": ("objective.contrast=0.0",),
}
METRICS = {"PSNR, dB": 2}


def measure(settings: Settings) -> Iterator[Row]:
    """Train every arm with every seed, and measure it; means by kind of case too."""
    arms = settings.chosen(tuple(ARMS))

    def recipe_of(arm: str, seed: int, changes: tuple[str, ...]) -> Recipe:
        kind = L1 if arm == L1 else "BaryIR"
        wanted = [*ARMS[arm], *settings.changes, *changes]
        return base_recipe(kind, seed, settings.data, wanted)

    steps = equal_steps(settings, arms, recipe_of)
    photos = read_photos(settings.data / "photos" / "val")
    for seed in settings.seeds:
        for arm in arms:
            recipe = recipe_of(arm, seed, steps)
            name = f"{arm}-{seed}".replace(", ", "-").replace(" ", "-").lower()
            network = train(recipe, Run(settings.runs / name, recipe, resume=True)).network
            kinds: dict[str, list[float]] = {}
            for kind, case, _, after in measured(network, photos):
                kinds.setdefault(kind, []).append(float(after))
                yield Row(METHOD, arm, case, seed, "PSNR, dB", float(after))
            for kind, values in kinds.items():
                if len(values) > 1:
                    mean = round(sum(values) / len(values), 4)
                    yield Row(METHOD, arm, f"mean of {kind}", seed, "PSNR, dB", mean)
