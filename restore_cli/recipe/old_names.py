"""Names that recipes of 0.1 use, and what they are called today: the only such table."""

from collections.abc import Mapping
from typing import Any, cast

from restore_cli.recipe import old_data

OLD_OPTIONS: dict[str, dict[str, str]] = {
    "network": {"survey": "global_context", "taps": "feature_layers"},
    "objective": {
        "places": "patches",
        "critic_width": "discriminator_width",
        "critic_layers": "discriminator_layers",
        "critic_antialias": "discriminator_antialias",
    },
}
"""Of a section: old keys and new ones."""


def modernised(table: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's table under the names of today.

    Args:
        table: as read from TOML; not changed. A name that also stands there as it is today is left,
            to be refused as unknown.
    """
    new = dict(table)
    for section, names in OLD_OPTIONS.items():
        options = table.get(section)
        if isinstance(options, dict):
            given = cast("dict[str, Any]", options)
            new[section] = {
                names[key] if key in names and names[key] not in given else key: value
                for key, value in given.items()
            }
    return new


def modernised_key(item: str) -> str:
    """`section.key=value` with the key's name of today."""
    key, equals, value = item.partition("=")
    section, _, option = key.strip().partition(".")
    name = OLD_OPTIONS.get(section, {}).get(option)
    return item if name is None else f"{section}.{name}{equals}{value}"


def old_forms(table: Mapping[str, Any]) -> list[str]:
    """A sentence for each thing that a recipe's table writes in an old way."""
    notes = [
        f"{section}.{old} is now called {new!r}"
        for section, names in OLD_OPTIONS.items()
        for old, new in names.items()
        if isinstance(table.get(section), dict) and old in table[section]
    ]
    data = table.get("data")
    return notes + (
        old_data.old_forms(cast("dict[str, Any]", data)) if isinstance(data, dict) else []
    )
