"""Runs as they end: interrupted, killed and resumed, out of disk, watching until Ctrl-C."""

import json
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from infer_cases import finish, names, read, save, save_noise

from restore_cli.__main__ import main
from restore_cli.engine import device as devices

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def many(count: int) -> None:
    first = save_noise("img/000.png", 256)
    for index in range(1, count):
        shutil.copy(first, f"img/{index:03}.png")


def interrupt_midway(start: Start, tiny_model: str, number: signal.Signals) -> tuple[int, str, str]:
    process = start("infer", "img", "--model", tiny_model, "--json", "--device", "cpu", "--tta")
    until = time.monotonic() + 240
    while len(list(Path().glob("img-denoise/*.png"))) < 3:
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert 3 <= len(names("img-denoise")) < 120
    for name in names("img-denoise"):
        assert read(f"img-denoise/{name}").shape == (256, 256, 3)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_only_finished_files(
    start: Start, tiny_model: str, number: signal.Signals
) -> None:
    many(120)
    code, out, err = interrupt_midway(start, tiny_model, number)
    assert code == 128 + number
    assert "Traceback" not in err
    assert ("interrupted" if number == signal.SIGINT else "terminated") in err
    summary = json.loads(out.splitlines()[-1])
    assert summary["interrupted"] is True
    assert summary["left"] > 0
    hidden = [path.name for path in Path("img-denoise").glob(".*")]
    assert hidden == [".restore-manifest.jsonl"]


def test_users_5_resumes_after_a_kill_without_doing_finished_files_again(
    start: Start, tiny_model: str
) -> None:
    many(120)
    code, _, _ = interrupt_midway(start, tiny_model, signal.SIGKILL)
    assert code == -signal.SIGKILL
    finished = len(names("img-denoise"))
    for path in sorted(Path("img").iterdir())[finished + 20 :]:
        path.unlink()
    words = ["img", "--model", tiny_model, "--json", "--device", "cpu", "--tta"]
    code, lines, err = finish(start("infer", *words, "--skip-existing"))
    assert code == 0, err
    # Killed between a file's last two steps, that file is done again.
    assert finished - 4 <= lines[-1]["skipped"] <= finished
    assert lines[-1]["done"] + lines[-1]["skipped"] == len(list(Path("img").iterdir()))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
def test_full_disk_fails_by_name_and_leaves_nothing_half_written(
    start: Start, tiny_model: str
) -> None:
    save_noise("img/large.png", 128)
    save("img/small.png")

    process = start("infer", "img", "--model", tiny_model, "--json")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
    code, lines, err = finish(process)
    assert code == 1
    status = {Path(r["input"]).name: r["status"] for r in lines if "input" in r}
    assert status == {"large.png": "failed", "small.png": "done"}
    assert "large.png" in err
    assert names("img-denoise") == ["small.png"]
    assert [p.name for p in Path("img-denoise").glob(".*")] == [".restore-manifest.jsonl"]


def test_what_arrives_in_a_watched_folder_is_restored(start: Start, tiny_model: str) -> None:
    Path("in").mkdir()
    whole = save("a.png").read_bytes()
    words = ["--watch", "in", "-o", "out", "--model", tiny_model, "--device", "cpu", "--json"]
    process = start("infer", *words)

    def arrives(name: str) -> None:
        Path(f"in/{name}").write_bytes(whole)
        until = time.monotonic() + 120
        while not Path(f"out/{name}").exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)

    arrives("one.png")
    arrives("two.png")
    Path("in/bad.png").write_text("text")
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    *lines, summary = map(json.loads, out.splitlines())
    assert [line["status"] for line in lines][:2] == ["done", "done"]
    assert summary["done"] == 2
    assert "watching in" in err


def test_all_cards_share_a_folder(
    tiny_model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two restorers on the CPU stand for two cards."""
    many(12)
    Path("img/bad.png").write_bytes(b"no picture")
    monkeypatch.setattr(devices, "every_device", lambda name: ["cpu", "cpu", "cpu"])
    words = ["infer", "img", "--model", tiny_model, "--json", "--backend", "torch"]
    assert main([*words, "--device", "cuda:all"]) == 1
    *lines, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (summary["done"], summary["failed"]) == (12, 1)
    assert sorted(line["input"] for line in lines) == [f"img/{n}" for n in names("img")]
    assert main([*words, "--device", "cpu", "-o", "alone"]) == 1
    for name in names("alone"):
        assert Path("img-denoise", name).read_bytes() == Path("alone", name).read_bytes()
    assert main([*words, "--device", "cuda:all", "--skip-existing"]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["skipped"] == 12


def test_all_cards_of_a_machine_without_one_are_refused_with_the_cure(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    save("a.png")
    for command in (["infer", "a.png", "--task", "derain"], ["isp", "a.dng"]):
        shutil.copy("a.png", command[1]) if command[0] == "isp" else None
        process = start(*command, "--device", "cuda:all")
        _, err = process.communicate(timeout=240)
        assert process.returncode == 2
        assert "--device cuda:all: there is no CUDA card" in err
        assert "--device auto takes what is there" in err


def test_a_dry_photo_comes_back_with_advice_unless_a_level_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = Path(__file__).parents[2] / "examples" / "clean" / "astronaut.jpg"
    words = ["infer", str(photo), "--task", "derain", "--device", "cpu", "--json", "--overwrite"]
    found: list[list[str]] = []
    for more in ([], ["--level", "0.003"], ["--strength", "0"]):
        assert main([*words, "-o", "a.png", *more]) == 0
        found.append(json.loads(capsys.readouterr().out.splitlines()[0])["notes"])
    assert found == [
        ["hardly changed, the model sees no rain: --level 0.02 tells it that there is some"], [], []
    ]  # fmt: skip


@pytest.mark.slow
def test_a_watch_tries_again_what_a_full_disk_refused(start: Start, tiny_model: str) -> None:
    Path("in").mkdir()
    save_noise("in/a.png", 128)
    words = ["--watch", "in", "-o", "out", "--model", tiny_model, "--device", "cpu"]
    more = ["--backend", "torch", "--sheet", "sheet.html", "--log", "log"]
    process = start("infer", *words, *more)
    limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    log = Path("log")
    _wait_for(lambda: log.exists() and "cannot be written" in log.read_text(), process)
    assert names("out") == []
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
    _wait_for(lambda: names("out") == ["a.png"], process)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "out/a.png: cannot be written" in err
    assert "1 done" in err
    assert "in/a.png" in Path("sheet.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_chain_and_a_comparison_of_models(
    start: Start, number: signal.Signals, code: int
) -> None:
    for index in range(30):
        save_noise(f"img/{index}.png", 160)
    words = ["img", "--task", "derain,denoise", "--backend", "torch", "--compare"]
    chain = start("infer", *words, "--sheet", "s.html", "--json")
    _wait_for(lambda: bool(list(Path().glob("img-derain-denoise/*-compare.jpg"))), chain)
    chain.send_signal(number)
    got, lines, _ = finish(chain)
    *each, summary = lines
    assert (got, summary["interrupted"]) == (code, True)
    done = {Path(one["output"]).name for one in each if one["status"] == "done"}
    assert done == {name for name in names("img-derain-denoise") if "compare" not in name}
    # What was being written when the signal came counts, and is not looked at again.
    assert 1 <= Path("s.html").read_text().count("<h2>") <= len(done)
    save_noise("large.png", 900)
    models = start("compare", "large.png")
    time.sleep(4)
    assert models.poll() is None
    models.send_signal(number)
    models.communicate(timeout=60)
    assert models.returncode == code
    assert not Path("large-models.jpg").exists()


def _wait_for(there: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    until = time.monotonic() + 120
    while not there():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
