"""What the Tab key offers, and how shells are told to ask.

Shells start `restore` itself for each Tab, so nothing heavy is imported here: values come from
names of folders and from lists that cost nothing.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from restore_cli.errors import RestoreError, meant
from restore_cli.models.shipped import TASKS, folders

VARIABLE = "_RESTORE_COMPLETE"
"""Set by the scripts below; what is in it and beside it is the parser's own protocol."""

_BASH = f"""\
_restore_completion() {{
    local IFS=$'\\n'
    # `=` and `:` part words in bash, and not here.
    COMPREPLY=( $( COMP_WORDS="${{COMP_WORDS[*]}}" COMP_CWORD=$COMP_CWORD \\
        {VARIABLE}=complete_bash "$1" ) )
}}
complete -o default -F _restore_completion restore
"""
_ZSH = f"""\
#compdef restore
_restore_completion() {{
    eval $(_TYPER_COMPLETE_ARGS="${{words[1,$CURRENT]}}" {VARIABLE}=complete_zsh "${{words[1]}}")
}}
compdef _restore_completion restore
"""
# One start of the program for each Tab, and files where it has nothing to offer.
_FISH = f"""\
function __restore_completion
    set -l found (env {VARIABLE}=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \\
        _TYPER_COMPLETE_ARGS=(commandline -cp | string collect) restore)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command restore --no-files --arguments '(__restore_completion)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def show_completion(shell: str | None) -> None:
    """Print the script of a shell and end. Raises RestoreError for a shell that is not known."""
    if shell is not None:
        typer.echo(_script(shell), nl=False)
        raise typer.Exit


def install_completion(shell: str | None) -> None:
    """Write the script of a shell where it looks for such, say where, and end.

    Raises:
        RestoreError: a shell that is not known, or a file that cannot be written.
    """
    if shell is None:
        return
    script, home = _script(shell), Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    place, lines = {
        # Loaded by the package bash-completion when `restore` is first completed.
        "bash": (data / "bash-completion" / "completions" / "restore", ()),
        "zsh": (
            home / ".zfunc" / "_restore",
            ("fpath+=~/.zfunc", "autoload -Uz compinit; compinit"),
        ),
        "fish": (configuration / "fish" / "completions" / "restore.fish", ()),
    }[shell]
    startup = {"bash": home / ".bashrc", "zsh": Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"}
    if shell == "bash":
        lines = (f'[ -f "{place}" ] && . "{place}"',)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(script, encoding="utf-8")
        if shell in startup:
            _add_lines(startup[shell], lines)
    except OSError as error:
        raise RestoreError(
            f"{error.filename}: cannot be written: {error.strerror}",
            hint=f"`restore --show-completion {shell}` prints what to put where",
        ) from error
    typer.echo(f"wrote {place}: completion works in shells that are started from now on")
    raise typer.Exit


def _add_lines(path: Path, lines: Iterable[str]) -> None:
    """Add lines that are not there yet to the end of a file."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    missing = [line for line in lines if line not in text.splitlines()]
    if missing:
        between = "" if not text or text.endswith("\n") else "\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(between + "\n".join(missing) + "\n")


def _script(shell: str) -> str:
    if shell not in SCRIPTS:
        raise RestoreError(
            f"there is no completion for {shell!r}",
            hint=f"{meant(shell, SCRIPTS)}there is one for {', '.join(SCRIPTS)}",
        )
    return SCRIPTS[shell]


def listed(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Completion of one or several of some names, with commas between them."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in names() if name.startswith(last)]

    return complete


complete_tasks = listed(lambda: TASKS)
complete_models = listed(lambda: [folder.name for folder in folders()])


def complete_recipe_keys(incomplete: str) -> list[str]:
    """`section.key=` of recipes."""
    from restore_cli.recipe import Recipe

    keys: list[str] = []
    for section, field in Recipe.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        keys += [f"{section}.{key}=" for key in inner or ()] or [f"{section}."]
    return [key for key in keys if key.startswith(incomplete)]
