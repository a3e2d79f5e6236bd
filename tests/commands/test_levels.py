"""Levels that options tell, for one task and for several."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from infer_cases import finish, read, save_noise

from restore_cli.commands.console import Console
from restore_cli.commands.levels import check_fit, own_level
from restore_cli.commands.restoring import How
from restore_cli.errors import RestoreError
from restore_cli.models.entries import default_for_task, describe
from restore_cli.networks.info import NetworkInfo

QUIET = Console(quiet=True, json=False)


def test_a_single_task_gets_what_is_told() -> None:
    assert own_level(How(level=0.02), "derain", alone=True) == 0.02
    assert own_level(How(), "derain", alone=True) is None


def test_in_a_chain_noise_is_told_to_the_denoiser_alone() -> None:
    how = How(level=25.0, is_sigma=True)
    assert own_level(how, "denoise", alone=False) == 25.0
    assert own_level(how, "derain", alone=False) is None
    with pytest.raises(RestoreError, match="--level is of one task"):
        own_level(How(level=0.02), "derain", alone=False)


def test_levels_that_do_not_fit_are_refused_by_name() -> None:
    about = describe(default_for_task("derain"))
    rain = NetworkInfo(multiple=16, context=True, quantity="rain")
    check_fit(QUIET, about, rain, "derain", How(level=0.02))
    with pytest.raises(RestoreError, match="takes a level of rain"):
        check_fit(QUIET, about, rain, "derain", How(level=25.0, is_sigma=True))
    with pytest.raises(RestoreError, match="derain takes no level"):
        check_fit(QUIET, about, NetworkInfo(multiple=16), "derain", How(level=0.02))


def test_a_model_of_another_task_is_questioned(capsys: pytest.CaptureFixture[str]) -> None:
    about = describe(default_for_task("derain"))
    check_fit(Console(json=False), about, NetworkInfo(multiple=16), "dehaze", How())
    assert "trained for derain, not for dehaze" in capsys.readouterr().err


@pytest.mark.parametrize("tasks", ["dejpeg", "dejpeg,derain", "auto"])
def test_level_0_gives_the_picture_back_in_every_task(
    tasks: str,
    start: Callable[..., "subprocess.Popen[str]"],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_noise("a.png", 32)
    words = ["infer", "a.png", "--task", tasks, "--json"]
    code, (record, _), err = finish(start(*words, "--level", "0", "-o", "b.png"))
    assert (code, record["status"]) == (0, "done"), err
    assert np.array_equal(read("b.png"), read("a.png"))
    process = start(*words, "--level", "30", "-o", "c.png")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "level" in err


def test_deblur_is_told_px_on_the_command_line(
    start: Callable[..., "subprocess.Popen[str]"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_noise("a.png", 96)
    words = ["infer", "a.png", "--task", "deblur", "--backend", "torch", "--json"]
    levels: list[float | None] = []
    for told in ("auto", "0.5", "3", "0"):
        code, (record, _), err = finish(start(*words, "--level", told, "-o", f"{told}.png"))
        assert (code, record["status"]) == (0, "done"), err
        levels.append(record.get("level"))
    assert levels[0] is not None
    assert levels[1:] == [0.5, 3.0, None]
    assert np.array_equal(read("0.png"), read("a.png"))
    assert not np.array_equal(read("0.5.png"), read("3.png"))
    process = start(*words, "--level", "51", "-o", "far.png")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "blur 51 is outside 0..50" in err
    assert "width of the blur in px" in err
