"""What is refused before anything is computed, and that nothing is touched then."""

import os
import shlex
import sys
from pathlib import Path

import pytest
import torch
from eval_sets import CASES, Evaluate, build, sets

from restore_cli.commands.eval_checks import STDOUT, Files, bounds_of, labels_of
from restore_cli.errors import RestoreError
from restore_cli.evaluation import inception, perceptual

pytestmark = pytest.mark.usefixtures("inside")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that can be wrong; nothing may change in it."""
    folder = tmp_path_factory.mktemp("world")
    build(folder)
    return folder


def refused(evaluate: Evaluate, folder: Path, words: str, *named: str) -> None:
    """Run; nothing may be measured or written, and the error names what is wrong and the cure."""
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    code, records, err = evaluate(*shlex.split(words))
    assert code == 2, err
    assert records == []
    assert err.startswith("error: ")
    message, separator, hint = err.partition("\n\nhint: ")
    for text in named:
        assert text in message
    assert separator
    assert hint.strip()
    assert "Traceback" not in err
    assert "unexpected" not in err
    assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*")} == before


def test_there_are_forty_cases_and_none_twice() -> None:
    assert len(CASES) >= 40
    assert len({words for words, *_ in CASES.values()}) == len(CASES)


@pytest.mark.parametrize("case", CASES)
def test_bad_sets_are_refused(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(world)
    words, *named = CASES[case]
    refused(evaluate, world, words, *named)


def test_a_missing_extra_is_named(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    for module in ("torchvision", "torch_fidelity"):
        monkeypatch.setitem(sys.modules, module, None)
    refused(evaluate, world, "good truth --metrics psnr,fid", "fid", "which is not installed")
    code, _, err = evaluate("good", "truth", "--metrics", "lpips")
    assert code == 2
    assert "restore-cli[perceptual]" in err


@pytest.mark.parametrize("metric", ["dists", "fid", "kid"])
def test_missing_weights_are_named(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    monkeypatch.chdir(world)
    # As if the extra was installed: the weights are looked for before its networks are built.
    for module in (inception, perceptual):
        monkeypatch.setattr(module, "require", lambda *_, **__: None)
    words = f"good truth --metrics psnr,{metric} --weights bare"
    refused(evaluate, world, words, f"{metric} needs the weights", "not in bare")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    refused(evaluate, world, "good truth --device cuda", "no device 'cuda'")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all files")
def test_files_that_may_not_be_read(evaluate: Evaluate, tmp_path: Path) -> None:
    sets("a")
    Path("good/a.png").chmod(0)
    refused(evaluate, tmp_path, "good truth", "good/a.png: no permission")


def test_everything_wrong_is_told_at_once(
    evaluate: Evaluate, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    refused(
        evaluate, world, "swapped larger --reference truth",
        "swapped/x.png", "truth/b.png", "a: output 32x30",
    )  # fmt: skip


def test_outputs_are_called_by_their_names_or_whole_paths() -> None:
    assert labels_of([Path("a/out"), Path("b/in")]) == ["out", "in"]
    assert labels_of([Path("a/out"), Path("b/out")]) == ["a/out", "b/out"]
    assert labels_of([Path()]) == [Path().resolve().name]


def test_a_dash_is_no_file() -> None:
    files = Files(csv=STDOUT, junit=Path("t.xml"))
    files.check(json=False)
    assert files.to_stdout
    assert files.named == [Path("t.xml")]
    assert not Files(junit=Path("t.xml")).to_stdout


def test_bounds_say_which_option_is_wrong() -> None:
    bounds = bounds_of("psnr=0.1", "ssim=0.2")
    assert (bounds.means, bounds.each) == ({"psnr": 0.1}, {"ssim": 0.2})
    with pytest.raises(RestoreError, match="--max-drop-each: 'ssim' is not NAME=NUMBER"):
        bounds_of(None, "ssim")
