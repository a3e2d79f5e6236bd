"""Defaults of options from files: `restore.toml` in the working folder, the user's `config.toml`.

What is nearer wins: the user's file, the working folder's, `RESTORE_*` variables, the command line.
The parser itself reads the variables; this gives it the files' values as a map of defaults.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from restore_cli.errors import RestoreError, meant
from restore_cli.small_file import parse_toml, read_small, why_unreadable
from restore_cli.tilde import from_home

PROJECT_FILE = "restore.toml"
USER_FILE = "config.toml"
PREFIX = "RESTORE"
"""Of environment variables: `RESTORE_INFER_FORMAT` stands for `restore infer --format`."""

WAY_OUT = "mend the file, or leave it out with --no-config"
"""Hint of whatever is wrong in such a file."""

# The class of a command lives in click for some releases of typer and inside typer for others.
Command: TypeAlias = Any
# What decides which files count cannot stand in one of them; and a folder of pictures from
# elsewhere may bring its restore.toml along, so only who types the command allows downloads.
_NOT_FROM_FILES = frozenset({"help", "config", "no_config", "allow_download"})
_MOST_BYTES = 2**20
_LARGEST = 2**63  # of TOML's own integers


@dataclass(frozen=True, slots=True)
class Setting:
    """A default from a file.

    Attributes:
        value: as TOML has it.
        source: the file.
    """

    value: object
    source: Path


def user_file() -> Path:
    """The user's own file, where the platform keeps such: `~/.config/restore/config.toml`."""
    import platformdirs

    return Path(platformdirs.user_config_dir("restore", appauthor=False, roaming=True)) / USER_FILE


def files(config: str | None, *, ignored: bool) -> list[Path]:
    """The files that count, the nearest last.

    Args:
        config: of `--config`, instead of both files.
        ignored: `--no-config`: none counts.

    Raises:
        RestoreError: there is no such file as `config`.
    """
    if ignored:
        return []
    if config:
        if not Path(config).is_file():
            raise RestoreError(f"--config {config}: there is no such file")
        return [Path(config)]
    return [path for path in (user_file(), Path(PROJECT_FILE)) if _is_there(path)]


def _is_there(path: Path) -> bool:
    """Whether there is such a file; one in a folder of somebody else's is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def settings_of(paths: Sequence[Path], root: Command) -> dict[str, dict[str, Setting]]:
    """What files say, checked against the options that there are.

    Args:
        paths: the nearest last.
        root: the whole program as the parser knows it.

    Returns:
        By command ("infer", "models list") and the parameter's name in the program.

    Raises:
        RestoreError: a file is no TOML, or names a command or an option that there is not.
    """
    found: dict[str, dict[str, Setting]] = {}
    for path in paths:
        _collect(_table(path), root, (), path, found)
    return found


def variable(words: Sequence[str], name: str) -> str:
    """The environment variable of an option: `("infer",), "format"` -> `RESTORE_INFER_FORMAT`."""
    return "_".join([PREFIX, *words, name]).replace("-", "_").upper()


def whole_program(context: Command) -> Command:
    """The program with all its commands; the parser may know only that which runs.

    Args:
        context: the parser's, of any command; its `obj` builds the program.
    """
    root = context.find_root()
    return root.command if root.obj is None else root.obj()


def from_environment(words: Sequence[str], name: str) -> str | None:
    """What the environment says of an option; None where nothing. Empty counts as nothing."""
    return os.environ.get(variable(words, name)) or None


class FileDefaults(dict[str, object]):
    """Map of defaults that reads the files when the first value is asked for.

    By then `--config` and `--no-config`, which come first, have been understood; and a command of
    which only the help is wanted reads nothing.

    Args:
        context: the parser's, of the command.
    """

    def __init__(self, context: Command) -> None:
        super().__init__()
        self._context = context
        self._known: Mapping[str, Setting] | None = None

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        """The value that files give an option."""
        setting = None if key in _NOT_FROM_FILES else self._settings().get(key)
        return default if setting is None else _as_typed(setting.value)

    def source(self, key: str) -> Path | None:
        """The file that an option's value came from."""
        setting = self._settings().get(key)
        return None if setting is None else setting.source

    def told(self, key: str) -> str:
        """An option's value as TOML would have it, on one line."""
        setting = self._settings().get(key)
        return "" if setting is None else _in_toml(setting.value)

    def _settings(self) -> Mapping[str, Setting]:
        if self._known is None:
            said = self._context.meta
            paths = files(said.get("config"), ignored=bool(said.get("no_config")))
            name = self._context.command_path.partition(" ")[2]
            known = settings_of(paths, whole_program(self._context)) if paths else {}
            self._known = known.get(name, {})
        return self._known


def _table(path: Path) -> dict[str, Any]:
    try:
        text = read_small(path, most=_MOST_BYTES).decode("utf-8")
    except (UnicodeDecodeError, OSError) as error:
        why = why_unreadable(error)
        raise RestoreError(f"{path} cannot be read: {why}", hint=WAY_OUT) from error
    return parse_toml(text, str(path), hint=WAY_OUT)


def _collect(
    table: Mapping[str, Any],
    command: Command,
    words: tuple[str, ...],
    path: Path,
    found: dict[str, dict[str, Setting]],
) -> None:
    """Add what a table says of a command and of those below it."""
    children = getattr(command, "commands", None) or {}
    options = {
        spelling.lstrip("-"): option
        for option in command.params
        for spelling in option.opts
        if spelling.startswith("--")
    }
    for key, value in table.items():
        if key in children and isinstance(value, dict):
            _collect(cast("dict[str, Any]", value), children[key], (*words, key), path, found)
            continue
        spelled = key.replace("_", "-")
        if key in children:
            raise RestoreError(
                f"{path}: {key} is a command, not an option",
                hint=f"what it takes stands below it, in a table [{'.'.join((*words, key))}]; "
                + WAY_OUT,
            )
        if not words or spelled not in options:
            where = f"[{'.'.join(words)}] " if words else ""
            known = [*children, *(options if words else ())]
            raise RestoreError(
                f"{path}: {where}{key} is not {'an option' if words else 'a command'}",
                hint=f"{_elsewhere(spelled, words, command)}{meant(spelled, known)}{WAY_OUT}",
            )
        option = options[spelled]
        problem = _problem(option, value)
        if problem:
            raise RestoreError(f"{path}: [{'.'.join(words)}] {key} {problem}", hint=WAY_OUT)
        several = option.multiple and not isinstance(value, list)
        setting = Setting([value] if several else value, path)
        found.setdefault(" ".join(words), {})[option.name] = setting


def _elsewhere(spelled: str, words: tuple[str, ...], command: Command) -> str:
    """Where an option stands that was written outside of its command; "" if there is none."""
    for name, child in (getattr(command, "commands", None) or {}).items():
        if any(f"--{spelled}" in option.opts for option in child.params):
            table = ".".join((*words, name))
            return f"options stand below their command: [{table}] {spelled} = ...; "
    return ""


def _problem(option: Command, value: object) -> str:
    """Why an option cannot have a value from a file, whatever its type is; "" if nothing is wrong.

    What passes could have been typed; the parser then judges it as if it had been.
    """
    if option.name in _NOT_FROM_FILES:
        return "stands on the command line only"
    if option.name == "vae" and isinstance(value, str) and _is_hub_id(value):
        return "names what could be downloaded: that stands on the command line only"
    if isinstance(value, list) and (option.multiple or option.nargs != 1):
        return next(filter(None, (_of_one(one) for one in cast("list[object]", value))), "")
    if isinstance(value, list):
        return "takes one value, not a list"
    if isinstance(value, bool) and not getattr(option, "is_flag", False):
        return f"takes a text or a number, not {_in_toml(value)}"
    return _of_one(value)


def _is_hub_id(name: str) -> bool:
    return name.count("/") == 1 and not Path(name.replace("\0", "")).is_dir()


def _of_one(value: object) -> str:
    if not isinstance(value, str | int | float):
        return "takes a text, a number, true or false"
    if isinstance(value, str) and "\0" in value:
        return "holds a zero byte"
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return "is a number beyond all bounds"
    return ""


def _in_toml(value: object) -> str:
    """A value of TOML's as it is written there."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _as_typed(value: object) -> object:
    """A value as the command line would give it to the parser."""
    if isinstance(value, list):
        return [_as_typed(one) for one in cast("list[object]", value)]
    return value if isinstance(value, bool) else from_home(str(value))
