"""`[data]` as recipes of 0.1 write it: without `kind`, which their other keys give away."""

from collections.abc import Mapping
from typing import Any

_NOTHING: dict[str, object] = {"unpaired": False, "mixture": [], "targets": []}
"""Old keys that say nothing where they have these values, whatever the kind."""


def with_kind(data: Mapping[str, Any]) -> dict[str, Any]:
    """The table under the keys of today.

    A section that has a `kind` keeps all its keys; keys that its kind does not have are refused
    later. Where the kind cannot be told it is left out.

    Args:
        data: the section's table; not changed.
    """
    new = {key: value for key, value in data.items() if _says_something(key, value)}
    if "kind" in new:
        return new
    if "train" in new:
        return {"kind": "clean", **new}
    if "train_input" not in new and "train_target" not in new and "sources" not in new:
        return new
    apart = new.get("unpaired") is True
    if "paired_share" in new and not apart:
        return {"kind": "mixed", **new}
    if apart:
        new.pop("unpaired")
    if "targets" in new:
        return {"kind": "mixed", "paired_share": 0.0 if apart else 1.0, **new}
    return {"kind": "unpaired" if apart else "paired", **new}


def _says_something(key: str, value: object) -> bool:
    return key not in _NOTHING or value != _NOTHING[key]


def old_flips(value: object) -> object:
    """`flips` as it is called today: recipes of 0.1 said true or false."""
    return {True: "all", False: "none"}[value] if isinstance(value, bool) else value


def old_forms(data: Mapping[str, Any]) -> list[str]:
    """What of the table is written in an old way, and how it is written today."""
    notes: list[str] = []
    if "kind" not in data and "kind" in (new := with_kind(data)):
        notes.append(f"[data] has no kind: it is taken for kind = {new['kind']!r}")
    if isinstance(data.get("flips"), bool):
        notes.append(
            f"data.flips = {str(data['flips']).lower()} is now {old_flips(data['flips'])!r}"
        )
    return notes
