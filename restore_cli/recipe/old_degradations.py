"""What recipes of 0.1 called some degradations; these names stay valid."""

from restore_cli.recipe.data import DataSection

OLD_NAMES: dict[str, str] = {
    "file": "quantize8",
    "hide-sigma": "drop-noise-level",
    "keep": "set-target",
    "shrink": "downscale-crop",
}
"""Old names and those of today."""


def old_steps(data: DataSection) -> list[str]:
    """A sentence for each old name in the recipe's mixtures."""
    entries = [*data.simulated, *data.looks, *data.validation]
    used = dict.fromkeys(step.name for entry in entries for step in entry.steps)
    return [
        f"the degradation {name!r} is now called {OLD_NAMES[name]!r}"
        for name in used
        if name in OLD_NAMES
    ]
