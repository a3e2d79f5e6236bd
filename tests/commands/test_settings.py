"""Defaults from files and the environment, through the installed command."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from restore_cli.__main__ import main
from restore_cli.commands import app
from restore_cli.commands.settings import files, settings_of, user_file, variable
from restore_cli.errors import RestoreError


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HOME", str(tmp_path))


def _show(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, tuple[Any, str]]:
    assert main(["config", "show", "--json", *words]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()][:-1]
    return {f"{row['command']} {row['option']}": (row["value"], row["source"]) for row in rows}


def _user(text: str) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text(text)


def test_the_nearest_wins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _user('[infer]\nformat = "webp"\ndevice = "cpu"\nquality = 80\n[models.list]\nquiet = true\n')
    Path("restore.toml").write_text('[infer]\nformat = "jpg"\nskip-existing = true\n')
    monkeypatch.setenv("RESTORE_INFER_QUALITY", "70")
    assert _show(capsys) == {
        "infer --format": ("jpg", "restore.toml"),
        "infer --skip-existing": (True, "restore.toml"),
        "infer --device": ("cpu", str(user_file())),
        "infer --quality": ("70", "RESTORE_INFER_QUALITY"),
        "models list --quiet": (True, str(user_file())),
    }
    assert _show(capsys, "--no-config") == {
        "infer --quality": ("70", "RESTORE_INFER_QUALITY"),
    }
    assert _show(capsys, "infer", "--all")["infer --strength"] == (1.0, "default")
    Path("other.toml").write_text("[infer]\ntta = true\n")
    shown = _show(capsys, "infer", "--config", "other.toml")
    assert shown["infer --tta"] == (True, "other.toml")
    assert "infer --format" not in shown


def test_a_tilde_in_a_file_is_the_users_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save("a.png")
    Path("restore.toml").write_text('[infer]\noutput = "~/out/"\n')
    assert main(["infer", "a.png", "--task", "denoise", "--dry-run", "--json"]) == 0
    assert str(tmp_path / "out" / "a.png") in capsys.readouterr().out


def test_a_run_goes_by_file_then_environment_then_line(
    start: Callable[..., "subprocess.Popen[str]"],
    tiny_model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save("a.png")
    Path("restore.toml").write_text(
        f'[infer]\nformat = "jpg"\nmodel = "{tiny_model}"\ndevice = "cpu"\nsuffix = "-x"\n'
    )

    def run(*words: str) -> int:
        process = start("infer", "a.png", "--overwrite", *words)
        process.communicate(timeout=240)
        return process.returncode

    assert run() == 0
    assert Path("a-x.jpg").is_file()
    monkeypatch.setenv("RESTORE_INFER_FORMAT", "webp")
    assert run() == 0
    assert Path("a-x.webp").is_file()
    assert run("--format", "bmp") == 0
    assert Path("a-x.bmp").is_file()
    assert run("--no-config") == 2  # neither --task nor --model


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[infer]\nfromat = "jpg"\n', "did you mean 'format'"),
        ("[infre]\n", "did you mean 'infer'"),
        ("[infer\n", "restore.toml is not valid TOML"),
        (
            '[infer]\nformat = "jpgg"\n',
            "restore.toml: [infer] format = \"jpgg\": 'jpgg' is not one of 'png'",
        ),
        ('format = "jpg"\n', "options stand below their command: [infer] format = ..."),
    ],
)
def test_a_file_that_is_wrong_is_named(
    text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("restore.toml").write_text(text)
    Path("a.png").touch()
    assert main(["infer", "a.png", "--task", "derain"]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "restore.toml" in err
    # It is in nobody's way who asks for help.
    assert main(["infer", "--help"]) == 0


def test_a_variable_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESTORE_INFER_FORMAT", "jpgg")
    assert main(["infer", "a.png", "--task", "derain"]) == 2
    assert "RESTORE_INFER_FORMAT" in capsys.readouterr().err


def test_a_users_file_that_cannot_be_reached_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", locked)  # as for another user than the folder's
    assert files(None, ignored=False) == []


def test_which_files_count(tmp_path: Path) -> None:
    assert files(None, ignored=False) == []
    _user("")
    Path("restore.toml").touch()
    assert files(None, ignored=False) == [user_file(), Path("restore.toml")]
    assert files(None, ignored=True) == []
    with pytest.raises(RestoreError, match="no such file"):
        files(str(tmp_path / "gone.toml"), ignored=False)
    assert settings_of([], typer.main.get_command(app)) == {}
    assert variable(("ot-correct", "fit"), "max_images") == "RESTORE_OT_CORRECT_FIT_MAX_IMAGES"


HOSTILE = (
    "{ a = 1 }", "[]", "[[1]]", "[{ a = 1 }]", "1979-05-27T07:32:00Z", "07:32:00", "nan", "-inf",
    "1e400", "9223372036854775807", "99999999999999999999999", "-1", "0", '""', '"\\u0000"',
    '"\\u001b[2J"', '"/dev/zero"', '"a\\nb"', "true", '["a", 1, true]', '"' + "9" * 5000 + '"',
)  # fmt: skip


def test_values_of_all_kinds_are_judged_as_if_they_had_been_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program: Any = typer.main.get_command(app)
    commands = [("infer", "--task", "derain"), ("isp",), ("ot-correct", "apply", "x.safetensors")]
    for words in commands:
        command = program
        for word in words:
            command = getattr(command, "commands", {}).get(word, command)
        table = ".".join(word for word in words[:2] if word[0] != "-" and "." not in word)
        spelled = [name[2:] for one in command.params for name in one.opts if name[:2] == "--"]
        for number, option in enumerate(spelled):
            for value in HOSTILE[number % 3 :: 3]:
                Path("restore.toml").write_text(f"[{table}]\n{option} = {value}\n")
                code = main([*words, "gone.png", "--quiet"])
                err = capsys.readouterr().err
                assert code in (0, 1, 2), (option, value, err)
                assert "unexpected" not in err, (option, value, err)
                assert "Traceback" not in err, (option, value, err)
                assert "\x1b" not in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[infer]\nallow-download = true\n", "allow-download stands on the command line only"),
        ('[ot-correct.fit]\nvae = "evil/model"\n', "stands on the command line only"),
        ("[infer]\ntile = { a = 1 }\n", "takes a text, a number, true or false"),
        ("[infer]\nsigma = 99999999999999999999\n", "beyond all bounds"),
        ("a = " + "[" * 100_000, "not valid TOML"),
        ("# " + "x" * 2**20, "larger than 1 MiB"),
    ],
)
def test_a_file_that_came_along_decides_little(text: str, words: str) -> None:
    Path("restore.toml").write_text(text)
    with pytest.raises(RestoreError) as told:
        settings_of([Path("restore.toml")], typer.main.get_command(app))
    assert words in told.value.message
    assert "restore.toml" in told.value.message


def test_one_value_stands_for_a_list_of_one() -> None:
    Path("restore.toml").write_text('[infer]\ninput = "a.png"\n')
    found = settings_of([Path("restore.toml")], typer.main.get_command(app))
    assert found["infer"]["more_inputs"].value == ["a.png"]
