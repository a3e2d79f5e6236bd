"""`restore doctor`, with a small shipped model made here."""

import importlib
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from one_model import ENTRY, Halve

from restore_cli.__main__ import main
from restore_cli.models import zoo

# By this way, since the package's attribute of that name is the command.
doctor = importlib.import_module("restore_cli.commands.doctor")
pytestmark = pytest.mark.usefixtures("shipped")


def _lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_doctor_finds_this_machine_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    out, err = capsys.readouterr()
    *findings, summary = _lines(out)
    found = {(str(f["section"]), str(f["name"])): f for f in findings}
    assert err == ""
    assert summary == {"event": "summary", "failed": 0}
    assert found["version", "torch"]["detail"] == importlib.metadata.version("torch")
    for library in ("accelerate", "opencv-python-headless", "pillow", "restore", "python"):
        assert found["version", library]["status"] == "ok"
    for place in (("device", "cpu"), ("space", "disk")):
        free = found[place]["free_bytes"]
        assert isinstance(free, int)
        assert free > 0
    assert found["model", "derain"]["status"] == "ok"
    seconds = found["self-test", "cpu"]["seconds"]
    assert isinstance(seconds, float)
    assert 0.0 < seconds < 2.0
    ways = {name for section, name in found if section == "device"}
    ways |= {"openvino"} if importlib.util.find_spec("openvino") else set()
    assert {name for section, name in found if section == "self-test"} == ways | {"raw"}
    assert "decoded a DNG file" in str(found["self-test", "raw"]["detail"])


def test_doctor_says_what_is_slow_and_the_line_that_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "_usable_cores", lambda: 8)
    monkeypatch.setattr(doctor, "_is_installed", lambda name: False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    told = {one.name: one.detail for one in doctor._speed(["cpu"])}
    assert "7 of 8 cores idle: `unset OMP_NUM_THREADS`" in told["threads"]
    assert '`pip install "restore-cli[fast]"`' in told["openvino"]
    assert "`pip install --force-reinstall torch`" in told["gpu"]
    monkeypatch.delenv("OMP_NUM_THREADS")
    (one,) = doctor._speed(["cpu", "cuda:0"])
    assert (one.name, one.status) == ("settings", "ok")


def test_doctor_tells_people_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert re.search(rf"^ok +version +torch +{re.escape(torch.__version__)}$", out, re.MULTILINE)
    assert "derain: finite" in out
    assert out.endswith("all is well\n")


@pytest.mark.usefixtures("damaged")
def test_doctor_fails_for_a_damaged_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "the weights were changed; `pip install --force-reinstall --no-deps restore-cli`" in out


def test_doctor_fails_where_raw_files_do_not_come_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise OSError("libraw.so is missing")

    monkeypatch.setattr("restore_cli.raw.self_test.self_test", broken)
    assert main(["doctor"]) == 1
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    cure = "`pip install --force-reinstall rawpy`"
    assert f"failed self-test raw OSError: libraw.so is missing; {cure}" in lines


def test_doctor_fails_without_any_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(zoo, "entries", list)
    assert main(["doctor"]) == 1
    assert "no model was found" in capsys.readouterr().out


def test_doctor_fails_for_a_model_that_gives_no_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = zoo.Model("derain", "derain", Halve(float("nan")), "", ENTRY.folder, None, 8)
    monkeypatch.setattr(zoo, "load", lambda name: broken)
    assert main(["doctor", "--json"]) == 1
    failed = [line for line in _lines(capsys.readouterr().out) if line.get("status") == "failed"]
    assert {line["section"] for line in failed} == {"self-test"}


def test_doctor_names_a_library_that_does_not_load(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.import_module

    def without_libgl(name: str, package: str | None = None) -> object:
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without_libgl)
    assert main(["doctor", "--json"]) == 1
    findings = _lines(capsys.readouterr().out)
    (failed,) = [finding for finding in findings if finding.get("status") == "failed"]
    assert failed["name"] == "opencv-python-headless"
    assert "libGL.so.1" in str(failed["detail"])
    # Without its libraries nothing is run.
    assert not [finding for finding in findings if finding.get("section") == "self-test"]


class FakeMetadata:
    """What an installed package says of its extras."""

    def get_all(self, field: str) -> list[str]:
        assert field == "Provides-Extra"
        return ["board", "nothing"]


def test_extras_are_present_or_come_with_their_install_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs = ['pytest>=8; extra == "board"', "no-such-package[x]>=1; extra == 'nothing'", "torch"]
    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: FakeMetadata())
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: needs)
    assert main(["doctor", "--json"]) == 0
    findings = _lines(capsys.readouterr().out)
    extras = {line["name"]: line for line in findings if line.get("section") == "extra"}
    assert (extras["board"]["status"], extras["board"]["detail"]) == ("ok", "pytest")
    assert extras["nothing"]["status"] == "absent"
    assert 'pip install "restore-cli[nothing]"' in str(extras["nothing"]["detail"])
    assert "no-such-package" in str(extras["nothing"]["detail"])


def test_importing_the_commands_imports_no_torch() -> None:
    code = f"import sys, {doctor.__name__}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_rawpy_the_installed_doctor_says_the_line_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    (tmp_path / "rawpy.py").write_text("raise ModuleNotFoundError(\"No module named 'rawpy'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = start("doctor")
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (1, "")
    (line,) = [line for line in out.splitlines() if line.startswith("failed")]
    assert "`pip install --force-reinstall rawpy`" in line


def test_a_cache_that_cannot_be_kept_is_told_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").touch()
    monkeypatch.setenv("RESTORE_CACHE_DIR", str(tmp_path / "cache"))
    told = {one.name: one.detail for one in doctor._speed(["cpu"])}
    assert "cache is no folder" in told["cache"]
    assert "`export RESTORE_CACHE_DIR=FOLDER`" in told["cache"]
