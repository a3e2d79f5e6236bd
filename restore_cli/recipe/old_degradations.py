"""What recipes of 0.1 called some degradations; these names stay valid."""

from typing import Any, cast

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


def renamed(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    """A table of a recipe, or a part of it, with the degradations' names of today; a copy."""
    if isinstance(value, list):
        return [renamed(one) for one in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    new = {key: renamed(one) for key, one in cast("dict[str, Any]", value).items()}
    for step in new.get("steps", []) if isinstance(new.get("steps"), list) else []:
        if isinstance(step, dict) and isinstance(name := step.get("name"), str):
            step["name"] = OLD_NAMES.get(name, name)
    return new
