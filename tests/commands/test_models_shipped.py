"""What is shipped: listed, shown and verified."""

import json

import pytest
from one_model import ENTRY

from restore_cli.__main__ import main

pytestmark = pytest.mark.usefixtures("shipped")


def _lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_list_shows_people_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for word in ("derain", "0.1 M", "Apache-2.0", "Takes rain away."):
        assert word in out


def test_list_gives_programs_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    out, err = capsys.readouterr()
    model, summary = _lines(out)
    assert err == ""
    assert (model["name"], model["parameters"], model["sha256"]) == ("derain", 123_456, "ab" * 32)
    assert model["folder"] == str(ENTRY.folder)
    assert summary == {"event": "summary", "models": 1}


def test_show_prints_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "derain"]) == 0
    assert capsys.readouterr().out == "# derain\n\nRain goes.\n"
    assert main(["models", "show", "derain", "--json"]) == 0
    assert _lines(capsys.readouterr().out)[0]["card"] == "# derain\n\nRain goes."


@pytest.mark.parametrize("command", ["show", "verify"])
def test_an_unknown_model_is_wrong_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", command, "desnow"]) == 2
    err = capsys.readouterr().err
    assert "'desnow'" in err
    assert "hint: the shipped models are: derain" in err


def test_verify_says_ok(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify"]) == 0
    assert capsys.readouterr() == ("ok      derain\n", "")
    assert main(["models", "verify", "derain", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("damaged")
def test_verify_fails_for_a_damaged_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify"]) == 1
    assert "failed  derain: derain: the weights were changed" in capsys.readouterr().out
    assert main(["models", "verify", "--json"]) == 1
    model, summary = _lines(capsys.readouterr().out)
    assert (model["status"], summary["failed"]) == ("failed", 1)
