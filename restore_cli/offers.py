"""What the Tab key offers after some words.

Shells start `restore` itself for each Tab. Values of the options that are typed most come from
lists and names of folders, before the commands are imported and the types of their options read.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from restore_cli.models.shipped import TASKS, folders

# The class of a command lives in click for some releases of typer and inside typer for others.
Command: TypeAlias = Any


def _models() -> list[str]:
    return [folder.name for folder in folders()]


def _recipe_keys() -> list[str]:
    """`section.key=` of recipes."""
    from restore_cli.recipe import Recipe

    keys: list[str] = []
    for section, field in Recipe.model_fields.items():
        # Of `[data]`, a union, what any of its kinds takes.
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = [key for kind in kinds for key in getattr(kind, "model_fields", ())]
        keys += [f"{section}.{key}=" for key in dict.fromkeys(inner)] or [f"{section}."]
    return keys


def _metrics() -> list[str]:
    from restore_cli.evaluation.metric_names import NAMES

    return list(NAMES)


def _templates() -> list[str]:
    """Names that `restore train --init` takes."""
    from importlib import resources

    own = [one.name for one in (resources.files("restore_cli.training") / "recipes").iterdir()]
    recipes = [name.removesuffix(".toml") for name in own if name.endswith(".toml")]
    return [*recipes, *_models()]


VALUES: Mapping[str, Callable[[], Iterable[str]]] = {
    "--task": lambda: TASKS,
    "--model": _models,
    "-n": _models,
    "--models": _models,
    "--metrics": _metrics,
    "--set": _recipe_keys,
    "--init": _templates,
    "--install-completion": lambda: ("bash", "zsh", "fish"),
    "--show-completion": lambda: ("bash", "zsh", "fish"),
}
"""What may follow an option, by its spelling; commas may join several."""


def offers(words: Sequence[str]) -> list[str]:
    """What may stand for the last word.

    Args:
        words: what follows `restore`, up to the cursor; the last may be empty or half typed.

    Returns:
        Whole words; none where only file names can follow.
    """
    *before, begun = _parted(words) or [""]
    spelling, equals, value = begun.partition("=")
    if equals and spelling.startswith("--"):  # one word in zsh and fish, three in bash
        return [f"{spelling}={one}" for one in offers([*before, spelling, value])]
    if before and before[-1] in VALUES:
        return _several(VALUES[before[-1]](), begun)
    import typer.main

    from restore_cli.commands import app

    command: Command = typer.main.get_command(app)
    path: list[str] = []
    for word in before:
        if word in getattr(command, "commands", {}):
            command = command.commands[word]
            path.append(word)
    if before and before[-1].startswith("-"):
        return [one for one in _choices(command, before[-1]) if one.startswith(begun)]
    if begun.startswith("-"):
        spelled = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        return sorted(
            name
            for name in spelled | {"--help"}
            if name.startswith("--") and name.startswith(begun)
        )
    names = list(getattr(command, "commands", {}))
    if path in (["models", "show"], ["models", "verify"], ["models", "export"]):
        names = _models()
    return [name for name in names if name.startswith(begun)]


def _parted(words: Sequence[str]) -> list[str]:
    """The words, those that bash parts at `=` as if they had been written without it."""
    return [
        "" if word == "=" else word
        for at, word in enumerate(words)
        if word != "=" or at == len(words) - 1
    ]


def _several(names: Iterable[str], begun: str) -> list[str]:
    """Names that go on from what is begun, which may be a list with commas already."""
    earlier, comma, last = begun.rpartition(",")
    return [f"{earlier}{comma}{name}" for name in names if name.startswith(last)]


def _choices(command: Command, spelling: str) -> list[str]:
    """The values that an option takes, where its type lists them."""
    names = [one.name for one in command.params if spelling in one.opts]
    if not names or command.callback is None:
        return []
    kind = get_type_hints(inspect.unwrap(command.callback)).get(names[0])
    for part in (kind, *get_args(kind)):
        if get_origin(part) is Literal:
            return [str(value) for value in get_args(part)]
    return []
