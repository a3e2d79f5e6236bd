"""How shells are told to ask what the Tab key offers; `offers` answers them."""

import os
from collections.abc import Iterable
from pathlib import Path

import typer

from restore_cli.errors import RestoreError, meant
from restore_cli.folders import make_folder

# Each hands over the words up to the cursor, and gets one offer a line; files where there is none.
_BASH = """\
_restore_completion() {
    local IFS=$'\\n'
    COMPREPLY=( $(_RESTORE_COMPLETE=1 "$1" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) )
    [[ "${COMPREPLY[*]}" == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o default -F _restore_completion restore
"""
_ZSH = """\
#compdef restore
_restore() {
    local -a found
    found=("${(@f)$(_RESTORE_COMPLETE=1 "${words[1]}" "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
    if [[ -z "${found[1]}" ]]; then _files
    elif [[ "${found[-1]}" = *= ]]; then compadd -S '' -- "${found[@]}"
    else compadd -- "${found[@]}"; fi
}
if [[ "${funcstack[1]}" = "_restore" ]]; then _restore "$@"; else compdef _restore restore; fi
"""
_FISH = """\
function __restore_completion
    set -l words (commandline -opc) (commandline -ct)
    set -l found (env _RESTORE_COMPLETE=1 $words[1] $words[2..-1] 2>/dev/null)
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
        make_folder(place.parent)
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
