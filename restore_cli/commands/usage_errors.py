"""The parser's errors in this project's words: what was wrong, where it was set, what was meant."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, TypeAlias, get_args, get_type_hints

from restore_cli.commands.settings import WAY_OUT, FileDefaults, from_environment, variable
from restore_cli.errors import RestoreError, meant, nearest

# The classes of the parser live in click for some releases of typer and inside typer for others.
Parsed: TypeAlias = Any

NO_ARGUMENTS = "NoArgsIsHelpError"
"""The parser's exception for a group without a command."""


def as_usage_error(error: Exception, arguments: Sequence[str]) -> RestoreError | None:
    """The parser's exception in this project's form, or None if it is something else.

    Recognised by what it can do, because where its class lives differs.

    Args:
        error: what the parser raised.
        arguments: what followed `restore` on the command line.
    """
    describe = getattr(error, "format_message", None)
    if not callable(describe):
        return None
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", None) or "restore"
    lists = f"`{command} --help` lists what it takes"
    # Raised for a group without a subcommand; some releases put the whole help text into it.
    if type(error).__name__ == NO_ARGUMENTS:
        return RestoreError(f"`{command}` needs a command", hint=lists)
    message = _without_advice(str(describe()).replace("Value error, ", "")).rstrip(".")
    near = _meant(error, message)
    parameter = getattr(error, "param", None)
    if context is not None and parameter is not None and message.startswith("Invalid value"):
        if takes := _number_words(context, parameter):
            message = f"Invalid value for {_spelled(parameter)}: it takes {takes}"
        if (set_in := _where_set(context, parameter.name)) is not None:
            said = message.partition(": ")[2]
            return RestoreError(f"{set_in[0]}: {said}", hint=f"{near}{set_in[1]}")
    if getattr(error, "option_name", None) and (file := _dashed_file(arguments)):
        lists = f"a file of that name is written ./{file}"
    return RestoreError(message, hint=near + lists)


def with_origins(error: RestoreError, context: Parsed) -> RestoreError:
    """An error of a command itself, with where the options that it speaks of were set.

    Whoever typed nothing of them would look for them in vain.
    """
    told = [
        set_in[0]
        for option in context.command.params
        if any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", error.message)
               for name in option.opts if name.startswith("--"))
        and (set_in := _where_set(context, option.name)) is not None
    ]  # fmt: skip
    if not told:
        return error
    return RestoreError(
        f"{error.message} ({'; '.join(told)})", hint=error.hint, exit_code=error.exit_code
    )


def unknown_variables(words: Sequence[str], command: Parsed) -> Iterator[str]:
    """What to say of variables that begin as those of a command do and stand for no option.

    Those of the program itself are of no one command: of a program that is one, nothing is said.
    """
    if not words:
        return
    begin = variable(words, "")
    known = [variable((), option.name).partition("_")[2] for option in command.params]
    longer = [variable((*words, name), "") for name in getattr(command, "commands", None) or ()]
    for name in sorted(os.environ):
        rest = name.removeprefix(begin)
        if name.startswith(begin) and rest not in known and not name.startswith((*longer, "_")):
            near = nearest(rest, known)
            guess = f": did you mean '{begin}{near}'?" if near else ""
            yield f"{name} in the environment stands for no option{guess}"


def _dashed_file(arguments: Sequence[str]) -> str | None:
    """The first word that was taken for options and is the name of a file."""
    words = (word for word in arguments if word.startswith("-") and word.strip("-"))
    return next((word for word in words if os.path.lexists(word)), None)


def _without_advice(message: str) -> str:
    """The parser's words without the options that it guesses at: it takes --quiet for --quality."""
    return re.sub(r" ?\(?(Did you mean|Possible options:) .*", "", message, flags=re.DOTALL)


def _meant(error: Exception, message: str) -> str:
    """The option or value that was probably meant, to begin a hint with."""
    context = getattr(error, "ctx", None)
    if (option := getattr(error, "option_name", None)) and context is not None:
        return meant(option, [name for one in context.command.params for name in one.opts])
    if (choices := re.search(r"'([^']*)' is not one of (.*)", message)) is not None:
        return meant(choices[1], re.findall(r"[^'|,\s]+", choices[2]))
    if (command := re.search(r"No such command '([^']*)'", message)) is not None:
        return meant(command[1], getattr(context.command, "commands", {}) if context else {})
    return ""


def _spelled(parameter: Parsed) -> str:
    return " / ".join(f"'{name}'" for name in parameter.opts)


def kinds_of(context: Parsed, parameter: Parsed) -> list[object]:
    """The type that a command declares of an option, and those that it is made of."""
    hint = _hints(context.command.callback).get(parameter.name)
    return [hint, *get_args(hint)]


@cache  # of all options at once, and asked for each
def _hints(callback: Callable[..., object]) -> dict[str, Any]:
    return get_type_hints(callback)


def _number_words(context: Parsed, parameter: Parsed) -> str:
    """What an option of numbers, or of true and false, takes; "" for all others."""
    kinds = kinds_of(context, parameter)
    if bool in kinds:
        return "true or false"
    words = {int: "a whole number", float: "a number"}
    found = next((words[kind] for kind in (int, float) if kind in kinds), "")
    # On the option for some releases of typer, on its type for others.
    of_type = getattr(parameter, "type", None)
    least, most = (
        getattr(parameter, name, None) if hasattr(parameter, name) else getattr(of_type, name, None)
        for name in ("min", "max")
    )
    if not found or (least is None and most is None):
        return found
    if most is None:
        return f"{found}, {least:.10g} or more"
    return (
        f"{found} from {least:.10g} to {most:.10g}"
        if least is not None
        else f"{found} up to {most:.10g}"
    )


def _where_set(context: Parsed, name: str) -> tuple[str, str] | None:
    """Where an option was set, if not on the command line, and how to do without."""
    words = context.command_path.split()[1:]
    source = context.get_parameter_source(name)
    spelled = next((one.opts for one in context.command.params if one.name == name), [name])
    key = max(spelled, key=len).lstrip("-")
    if getattr(source, "name", "") == "ENVIRONMENT":
        value, of = from_environment(words, name), variable(words, name)
        return f"{of}={value} in the environment", f"set it to another value, or unset {of}"
    known = context.default_map
    if getattr(source, "name", "") == "DEFAULT_MAP" and isinstance(known, FileDefaults):
        return f"{known.source(name)}: [{'.'.join(words)}] {key} = {known.told(name)}", WAY_OUT
    return None
