"""Recipes to start from, for `restore train --init`."""

from importlib import resources

from restore_cli.errors import RestoreError, meant
from restore_cli.models import zoo

_OWN = resources.files("restore_cli.training") / "recipes"


def template(what: str) -> str:
    """The text of a commented recipe.

    Args:
        what: one of the recipes here (an objective or a use of it), or a task with a shipped model
            (its own recipe is returned).

    Raises:
        RestoreError: neither.
    """
    own = {entry.name.removesuffix(".toml"): entry for entry in _OWN.iterdir()}
    if what in own:
        return own[what].read_text(encoding="utf-8")
    # Of several models of one task its default, which has the task's name, counts.
    ordered = sorted(zoo.entries(), key=lambda entry: entry.name == entry.task)
    shipped = {entry.task: entry.folder for entry in ordered}
    if what in shipped:
        return (shipped[what] / zoo.RECIPE).read_text(encoding="utf-8")
    known = [*sorted(own), *sorted(shipped)]
    raise RestoreError(
        f"no recipe to start from for {what!r}",
        hint=f"{meant(what, known)}there is one for: {', '.join(known)}",
    )
