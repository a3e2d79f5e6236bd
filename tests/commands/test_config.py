"""`restore config show` for people."""

from pathlib import Path

import pytest

from restore_cli.__main__ import main


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))


def test_people_read_a_table_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    Path("restore.toml").write_text('[infer]\nformat = "jpg"\n')
    assert main(["config", "show"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split() for line in out.splitlines()] == [
        ["command", "option", "value", "from"],
        ["infer", "--format", "jpg", "restore.toml"],
    ]


def test_nothing_set_is_said_and_a_command_that_is_not_there_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "show", "models", "list"]) == 0
    assert "nothing is set" in capsys.readouterr().err
    assert main(["config", "show", "infre"]) == 2
    assert "did you mean 'infer'" in capsys.readouterr().err


def test_a_variable_that_stands_for_no_option_is_noted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTORE_INFER_FORMT", "jpg")
    monkeypatch.setenv("RESTORE_INFER_WORKERS", "2")
    monkeypatch.setenv("RESTORE_CACHE_DIR", "elsewhere")
    assert main(["config", "show"]) == 0
    out, err = capsys.readouterr()
    assert "RESTORE_INFER_WORKERS" in out
    assert "RESTORE_INFER_FORMT in the environment stands for no option: did you mean" in err
    assert "'RESTORE_INFER_FORMAT'" in err
    assert "CACHE" not in err
