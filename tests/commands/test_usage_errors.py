"""What the installed command says of wrong words, wrong files of defaults and wrong variables."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from restore_cli.__main__ import main
from restore_cli.commands.usage_errors import as_usage_error

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    Image.new("RGB", (16, 16)).save("a.png")


def _told(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("infer a.png --task deran", "'derain'"),
        ("infer a.png --model deran", "'derain'"),
        ("infer a.png --tsk derain", "'--task'"),
        ("infer a.png --task derain --format jgp", "'jpg'"),
        ("models show deran", "'derain'"),
        ("models verify deran", "'derain'"),
        ("train --init deran", "'derain'"),
        ("eval a.png a.png --metrics psrn", "'psnr'"),
        ("isp a.dng --engine librw", "'libraw'"),
        ("help infre", "'infer'"),
        ("ot-correct fti", "'fit'"),
        ("config show infre", "'infer'"),
        ("--install-completion zhs", "'zsh'"),
    ],
)
def test_what_was_probably_meant_is_named(start: Start, words: str, meant: str) -> None:
    code, out, err = _told(start(*words.split()))
    assert (code, out) == (2, "")
    assert f"hint: did you mean {meant}?" in err


@pytest.mark.parametrize(
    "words",
    ["models inspect deran", "models export deran --onnx x", "compare a.png --models deran"],
)
def test_models_are_named_where_torch_is_loaded_first(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    assert "hint: did you mean 'derain'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('strength = "strong"', 'strength = "strong": it takes a number from 0 to 1'),
        ("strength = 7", "strength = 7: it takes a number from 0 to 1"),
        ("workers = 1.5", "workers = 1.5: it takes a whole number from 1 to 1024"),
        ('skip-existing = "ja"', 'skip-existing = "ja": it takes true or false'),
        ("tile = [1, 2]", "tile takes one value, not a list"),
        ("level = true", "level takes a text or a number, not true"),
        ("fromat = 'jpg'", "fromat is not an option"),
    ],
)
def test_a_wrong_value_in_a_file_is_told_by_file_key_and_what_is_allowed(
    start: Start, line: str, said: str
) -> None:
    Path("restore.toml").write_text(f"[infer]\n{line}\n")
    code, out, err = _told(start("infer", "a.png", "--task", "derain", "--dry-run"))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: restore.toml: [infer] {said}")
    assert "Input should be" not in err  # the parser's own words
    assert "leave it out with --no-config" in err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('task = "deran"', 'is not a task (restore.toml: [infer] task = ["deran"])'),
        ('task = "derain"\nsheet = "x.gif"', '(restore.toml: [infer] sheet = "x.gif")'),
    ],
)
def test_what_a_command_itself_refuses_names_the_file_too(
    start: Start, line: str, said: str
) -> None:
    Path("restore.toml").write_text(f"[infer]\n{line}\n")
    code, _, err = _told(start("infer", "a.png"))
    assert code == 2
    assert said in err
    code, _, err = _told(start("infer", "a.png", "--task", "x", "--sheet", "y.gif"))
    assert code == 2
    assert "restore.toml" not in err  # what was typed is nobody else's


def test_options_stand_below_their_command(start: Start) -> None:
    for text, said in (
        ("infer = 3\n", "in a table [infer]"),
        ("[models]\nquiet = true\n", "[models.list] quiet = ..."),
    ):
        Path("restore.toml").write_text(text)
        code, _, err = _told(start("models", "list"))
        assert code == 2
        assert said in err


def test_no_config_goes_without_files_in_every_kind_of_command(start: Start) -> None:
    Path("restore.toml").write_text("[broken\n")
    for words in ("models list", "config show", "models verify derain"):
        assert _told(start(*words.split(), "--no-config"))[0] == 0
        assert _told(start(*words.split()))[0] == 2


def test_variables_that_are_wrong_or_unknown_are_told(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTORE_INFER_FROMAT", "jpg")
    monkeypatch.setenv("RESTORE_INFRE_FORMAT", "jpg")
    monkeypatch.setenv("RESTORE_FOO", "1")
    monkeypatch.setenv("RESTORE_INFER_STRENGTH", "2")
    code, _, err = _told(start("infer", "a.png", "--task", "derain"))
    assert code == 2
    assert (
        "error: RESTORE_INFER_STRENGTH=2 in the environment: it takes a number from 0 to 1" in err
    )
    assert "unset RESTORE_INFER_STRENGTH" in err
    monkeypatch.delenv("RESTORE_INFER_STRENGTH")
    _, _, err = _told(start("infer", "gone.png", "--task", "derain"))
    near = "RESTORE_INFER_FROMAT in the environment stands for no option: did you mean "
    assert f"warning: {near}'RESTORE_INFER_FORMAT'?" in err
    assert "FOO" not in err
    _, _, err = _told(start("infer", "gone.png", "--task", "derain", "--quiet"))
    assert "warning" not in err
    code, _, err = _told(start("config", "show"))
    assert code == 0
    for said in (
        "RESTORE_FOO in the environment belongs to no command\n",
        "RESTORE_INFRE_FORMAT in the environment belongs to no command: "
        "did you mean 'RESTORE_INFER_FORMAT'?",
    ):
        assert said in err


def test_errors_of_others_are_left_alone() -> None:
    assert as_usage_error(ValueError("no parser's"), []) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--sigma 1_0", "'--sigma': it takes a number from 0 to 255"),
        ("--sigma ١٠", "'--sigma': it takes a number from 0 to 255"),
        ("--level 1_0", "--level '1_0' is neither auto nor a number"),
        ("--level ١٠", "--level '١٠' is neither auto nor a number"),
        ("--level nan", "--level 'nan' is neither auto nor a number"),
        ("--strength nan", "'--strength': it takes a number from 0 to 1"),
        ("--seed 1_0", "'--seed': it takes a whole number from 0 to 2147483647"),
        ("--batch-size １", "it takes a whole number, 1 or more"),
        ("--tile ٦٤", "'٦٤' is not"),
    ],
)
def test_numbers_that_only_python_understands_are_refused(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["infer", "a.png", "--task", "denoise", *words.split()]) == 2
    assert said in capsys.readouterr().err
    assert not Path("a-denoise.png").exists()
