"""Recipes to start from, for `restore train --init`."""

import re
import tomllib
from importlib import resources
from typing import cast

from restore_cli.errors import RestoreError, meant
from restore_cli.models.entries import RECIPE, entries
from restore_cli.recipe.old_data import with_kind
from restore_cli.recipe.old_degradations import OLD_NAMES

_OWN = resources.files("restore_cli.training") / "recipes"


def template(what: str) -> str:
    """The text of a commented recipe, with the list of degradations at its end.

    Args:
        what: one of the recipes here (an objective or a use of it), or a task with a shipped model
            (its own recipe is returned, in the words of today).

    Raises:
        RestoreError: neither.
    """
    files = [entry for entry in _OWN.iterdir() if entry.name.endswith(".toml")]
    own = {entry.name.removesuffix(".toml"): entry for entry in files}
    # Of several models of one task its default, which has the task's name, counts.
    ordered = sorted(entries(), key=lambda entry: entry.name == entry.task)
    shipped = {entry.task: entry.folder for entry in ordered}
    if what in own:
        text = own[what].read_text(encoding="utf-8")
    elif what in shipped:
        text = modernised_text((shipped[what] / RECIPE).read_text(encoding="utf-8"))
    else:
        known = [*sorted(own), *sorted(shipped)]
        raise RestoreError(
            f"no recipe to start from for {what!r}",
            hint=f"{meant(what, known)}there is one for: {', '.join(known)}",
        )
    return f"{text.rstrip()}\n\n{degradations()}"


def modernised_text(text: str) -> str:
    """A recipe with its comments, its old names of degradations and its `[data]` as of today."""
    for old, new in OLD_NAMES.items():
        text = re.sub(rf'(\bname\s*=\s*)"{old}"', rf'\1"{new}"', text)
    data = cast("dict[str, object]", tomllib.loads(text)["data"])
    if "kind" in data:
        return text
    text = re.sub(r"^unpaired\s*=.*\n", "", text, flags=re.MULTILINE)
    kind = with_kind(data)["kind"]
    return re.sub(r"^\[data\]$", f'[data]\nkind = "{kind}"', text, count=1, flags=re.MULTILINE)


def degradations() -> str:
    """All degradations as comments: what each is, and its options at their defaults.

    The text is kept as a file (docs/generate.py writes it), so that nothing has to be imported.
    """
    return (_OWN / "degradations.txt").read_text(encoding="utf-8")
