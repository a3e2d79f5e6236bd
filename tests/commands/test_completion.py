"""What Tab offers, asked by the real shells."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from restore_cli.__main__ import main

RESTORE = Path(sys.executable).with_name("restore")
D = ["dehaze", "deblur", "dejpeg", "denoise", "derain"]

# Each prints what the shell offers for a line, one a line.
BASH = """
. "$HOME/.local/share/bash-completion/completions/restore"
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_restore_completion restore
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
compdef() {{ :; }}
_files() {{ print FILES; }}
compadd() {{ shift; print -l -- "$@"; }}
source "$HOME/.zfunc/_restore"
words=({words}); CURRENT=${{#words}}
_restore
"""
FISH = 'complete -C "{line}"'


def _offered(shell: str, line: str, home: Path) -> list[str]:
    """What a shell offers, after `restore --install-completion`."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    environment = {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(RESTORE.parent), os.environ["PATH"]]),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "TERM": "xterm",
    }
    install = [str(RESTORE), "--install-completion", shell]
    assert (
        "wrote"
        in subprocess.run(
            install, env=environment, check=True, capture_output=True, text=True
        ).stdout
    )
    script = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell].format(words=line, line=line)
    done = subprocess.run(
        [shell, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [entry.split("\t")[0] for entry in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_task_is_completed_in_the_shell(shell: str, tmp_path: Path) -> None:
    # Processor time, since a busy machine must not fail the test, and the least of three, since its
    # caches are shared: the program starts twice in it, to install and to complete.
    spent: list[float] = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        offered = _offered(shell, "restore infer --task d", tmp_path)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert sorted(offered) == sorted(D)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) / 2 <= 0.2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_options_and_commands_are_completed(shell: str, tmp_path: Path) -> None:
    assert "--watch" in _offered(shell, "restore infer --wa", tmp_path)
    assert _offered(shell, "restore compa", tmp_path) == ["compare"]


def test_installing_twice_adds_its_line_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    (tmp_path / ".bashrc").write_text("alias ll='ls -l'")
    assert main(["--install-completion", "bash"]) == main(["--install-completion", "bash"]) == 0
    lines = (tmp_path / ".bashrc").read_text().splitlines()
    assert lines[0] == "alias ll='ls -l'"
    assert len(lines) == 2
    capsys.readouterr()
    assert main(["--show-completion", "bash"]) == 0
    shown = capsys.readouterr().out
    place = tmp_path / ".local" / "share" / "bash-completion" / "completions" / "restore"
    assert shown == place.read_text()
