"""Recipes to start from, for `restore train --init`."""

import inspect
import re
import textwrap
import tomllib
from collections.abc import Callable
from importlib import resources
from typing import cast

import tomli_w

from restore_cli.degradations import DEGRADATIONS
from restore_cli.degradations.old_names import OLD_NAMES
from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.recipe.old_data import with_kind

_OWN = resources.files("restore_cli.training") / "recipes"
_WIDTH = 118


def template(what: str) -> str:
    """The text of a commented recipe, with the list of degradations at its end.

    Args:
        what: one of the recipes here (an objective or a use of it), or a task with a shipped model
            (its own recipe is returned, in the words of today).

    Raises:
        RestoreError: neither.
    """
    own = {entry.name.removesuffix(".toml"): entry for entry in _OWN.iterdir()}
    # Of several models of one task its default, which has the task's name, counts.
    ordered = sorted(zoo.entries(), key=lambda entry: entry.name == entry.task)
    shipped = {entry.task: entry.folder for entry in ordered}
    if what in own:
        text = own[what].read_text(encoding="utf-8")
    elif what in shipped:
        text = modernised_text((shipped[what] / zoo.RECIPE).read_text(encoding="utf-8"))
    else:
        known = ", ".join([*sorted(own), *sorted(shipped)])
        raise RestoreError(
            f"no recipe to start from for {what!r}", hint=f"there is one for: {known}"
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
    """All degradations as comments: what each is, and its options at their defaults."""
    lines = [
        "What a step of data.mixture may be, with its options at their defaults; two numbers in",
        "brackets are a range that each sample draws from.",
    ]
    shown = [f"# {line}" for line in lines]
    for name, factory in DEGRADATIONS.items():
        first = (inspect.getdoc(factory) or "").partition("\n\n")[0].replace("\n", " ")
        shown += textwrap.wrap(
            f"{name}: {first}", _WIDTH, initial_indent="#\n# ", subsequent_indent="#   "
        )
        step = ", ".join([f'name = "{name}"', *_options(factory)])
        shown.append(f"#     {{ {step} }}")
    return "\n".join(shown) + "\n"


def _options(factory: Callable[..., object]) -> list[str]:
    """`key = default` in TOML; what has none there is left out."""
    defaults = {name: p.default for name, p in inspect.signature(factory).parameters.items()}
    return [
        # One line a value, whatever tomli_w makes of a list.
        " ".join(tomli_w.dumps({name: value}).split()).replace("[ ", "[").replace(", ]", "]")
        for name, value in defaults.items()
        if value is not None and value is not inspect.Parameter.empty
    ]
