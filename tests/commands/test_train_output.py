import json
from pathlib import Path

import pytest

from restore_cli.commands.console import Console
from restore_cli.commands.train_output import tell, tell_check, tell_start
from restore_cli.training.check import Check, Found
from restore_cli.training.meter import Progress, Start


def progress(step: int) -> Progress:
    return Progress(
        step=step, steps=9, loss=0.5, learning_rate=0.1, images_per_second=3.0, seconds_left=61.0,
        validation_psnr=21.0, best_psnr=22.5, best_step=4,
    )  # fmt: skip


def test_the_start_says_device_inputs_and_where_it_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console(json=True)
    tell_start(console, Start("cuda:0", "bf16", 40, 3, 20.5, 12))
    out, err = capsys.readouterr()
    assert err == (
        "cuda:0, bf16, workers: 3; 12 validation pictures, inputs 20.50 dB; resumed at step 40\n"
    )
    assert json.loads(out)["input_psnr"] == 20.5
    tell_start(Console(), Start("cpu", "fp32", 0, 0, None, 0))
    assert capsys.readouterr().err == "cpu, fp32; nothing to validate on\n"


def test_a_report_says_the_best_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Console(json=True), progress(6))
    out, err = capsys.readouterr()
    assert "validation 21.00 dB (best 22.50 at step 4)" in err
    assert (json.loads(out)["best_psnr"], json.loads(out)["best_step"]) == (22.5, 4)
    tell(Console(), progress(4))
    assert "validation 21.00 dB (best so far)" in capsys.readouterr().err


def test_a_check_is_told_in_words_and_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    found = Check(
        folders=[
            Found(Path("photos"), 3, (20, 24), (30, 40)),
            Found(Path("raw"), 2, None, None),
        ],
        pairs=0.25, validation=2, input_psnr=18.0, parameters=12345, device="cpu",
        precision="fp32", seconds_a_step=0.5, seconds=7300.0, memory=2**30, sheet=Path("a.png"),
    )  # fmt: skip
    tell_check(Console(json=True), found)
    out, err = capsys.readouterr()
    for words in (
        "photos: 3 pictures, 20x24 to 30x40 px", "raw: 2 pictures\n", "pairs: 25% of the samples",
        "validation: 2 pictures, inputs 18.00 dB", "12,345 parameters; cpu, fp32",
        "a step takes 0.50 s: about 2 h 1 min in all; memory 1.0 GiB", "a.png",
    ):  # fmt: skip
        assert words in err
    *folders, summary = [json.loads(line) for line in out.splitlines()]
    assert [one["pictures"] for one in folders] == [3, 2]
    assert (summary["memory_bytes"], summary["sheet"]) == (2**30, "a.png")
