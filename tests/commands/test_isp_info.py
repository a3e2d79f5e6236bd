"""`restore isp --info`: what files say, for people and for programs."""

import json
from pathlib import Path

import dng_files
import numpy as np
import pytest

from restore_cli.__main__ import main
from restore_cli.raw.dng import DngTags, write_dng


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def shoot(name: str, **tags: object) -> None:
    given = {"pattern": "GBRG", "black": 64, "white": 1023, "model": "One", **tags}
    write_dng(Path(name), np.full((40, 50), 500, np.uint16), DngTags(**given))


def test_programs_get_one_object_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    shoot("a.dng", orientation=8, baseline_exposure=0.5, neutral=np.array([0.5, 1, 0.8]))
    assert main(["isp", "--info", "--json", "a.dng"]) == 0
    out, _ = capsys.readouterr()
    facts, summary = (json.loads(line) for line in out.splitlines())
    assert facts["model"] == "One"
    assert facts["cfa"] == "GBRG"
    assert (facts["width"], facts["height"], facts["orientation"]) == (50, 40, 8)
    assert facts["black"] == [[64]]
    assert facts["white"] == 1023
    assert facts["wb_camera"] == pytest.approx([2.0, 1.0, 1.25])
    assert facts["baseline_exposure"] == 0.5
    assert facts["iso"] is None
    assert "no colour matrix" in facts["notes"][0]
    assert (summary["done"], summary["failed"]) == (1, 0)
    assert [p.name for p in Path().iterdir()] == ["a.dng"]


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    shoot("a.dng")
    assert main(["isp", "--info", "a.dng"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for words in ("a.dng", "GBRG", "1023", "no colour matrix"):
        assert words in out


def test_people_get_levels_of_linear_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One level a sample, which programs get as nested lists."""
    tags = ((50714, 4, 3, (256, 512, 1024)), (50717, 4, 3, (16383, 16000, 15000)))
    dng_files.write(tmp_path / "a.dng", np.full((48, 64, 3), 500, np.uint16), *tags)
    assert main(["isp", "--info", "a.dng"]) == 0
    out = capsys.readouterr().out
    assert "256, 512, 1024" in out
    assert "16383, 16000, 15000" in out
    assert main(["isp", "--info", "--json", "a.dng"]) == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[0])
    assert facts["black"] == [[[256, 512, 1024]]]
    assert facts["whites"] == [16383, 16000, 15000]


def test_the_crop_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tags = (
        (50719, 5, 2, dng_files.ratios([8, 6])),
        (50720, 5, 2, dng_files.ratios([112, 80])),
    )
    dng_files.write(tmp_path / "a.dng", np.full((96, 128), 500, np.uint16), *tags)
    assert main(["isp", "--info", "--json", "a.dng"]) == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (facts["height"], facts["width"]) == (96, 128)
    assert facts["crop"] == [6, 8, 86, 120]


def test_bad_files_do_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    shoot("b.dng")
    Path("a.dng").write_bytes(b"")
    assert main(["isp", "--info", "--json", "a.dng", "b.dng", "none.dng"]) == 1
    out, err = capsys.readouterr()
    status = [json.loads(line).get("status") for line in out.splitlines()]
    assert status == ["failed", "done", "failed", None]
    assert "a.dng" in err
    assert "none.dng" in err
