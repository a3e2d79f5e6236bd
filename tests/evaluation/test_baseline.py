import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from made_measurements import INF, INFOS, measured

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.evaluation.baseline import load, save
from restore_cli.evaluation.pairing import Pair


def test_baseline_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    measurement = measured({"fid": 12.25}, psnr=[30.123456789012345, INF], delta_e=[math.nan, 0.0])
    save(path, measurement)
    back = load(path)
    assert back.label == "out"
    assert back.pictures == ["sub/img 00", "sub/img 01"]
    assert back.metrics == measurement.metrics
    assert back.totals == measurement.totals
    assert back.values["psnr"] == {"sub/img 00": 30.123456789012345, "sub/img 01": INF}
    assert math.isnan(back.values["delta-e"]["sub/img 00"])
    assert back.values["fid"] == {}


def test_file_is_strict_json_and_marks_identical_pictures(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    save(path, measured(psnr=[INF, 30.0]))

    def refuse(text: str) -> None:
        raise AssertionError(text)

    raw = json.loads(path.read_text(encoding="ascii"), parse_constant=refuse)
    assert (raw["format"], raw["version"]) == ("restore-eval-baseline", 1)
    psnr = raw["metrics"]["psnr"]
    assert psnr["values"] == {"sub/img 00": None, "sub/img 01": 30.0}
    assert psnr["identical"] == ["sub/img 00"]
    assert psnr["mean"] == 30.0
    assert psnr["protocol"] == INFOS["psnr"].protocol


def test_all_identical_survives(tmp_path: Path) -> None:
    save(tmp_path / "b.json", measured(psnr=[INF, INF]))
    assert json.loads((tmp_path / "b.json").read_text())["metrics"]["psnr"]["mean"] is None
    assert load(tmp_path / "b.json").totals == {"psnr": INF}


def test_any_unicode_name_survives(tmp_path: Path) -> None:
    measurement = measured(psnr=[30.0])
    name = 'Grüße, "日本"\n\U0001f600'
    row = replace(measurement.rows[0], pair=Pair(name, Path("o"), Path("r")))
    save(tmp_path / "b.json", replace(measurement, rows=[row]))
    assert load(tmp_path / "b.json").values == {"psnr": {name: 30.0}}


def edited(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / "b.json"
    save(path, measured(psnr=[30.0, INF]))
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"\x89PNG\r\n\x1a\n", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a baseline of this program"),
        (b'{"psnr": 31.0}', "not a baseline of this program"),
        (b'{"format": "restore-eval-baseline", "version": 1, "a": NaN}', "not JSON.*NaN"),
        (b'{"format": "restore-eval-baseline", "version": 1}', "damaged: label"),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(RestoreError, match=said) as caught:
        load(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.USAGE


def test_newer_and_changed_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="version 2; this program reads up to 1"):
        load(edited(tmp_path, version=2))
    with pytest.raises(RestoreError, match="damaged: surprise"):
        load(edited(tmp_path, surprise=1))
    with pytest.raises(
        RestoreError, match=r"damaged: metrics\.psnr\.values: not one value for each"
    ):
        load(edited(tmp_path, pictures=["a", "b", "c"]))
    with pytest.raises(RestoreError, match="there is no baseline"):
        load(tmp_path / "gone.json")
    with pytest.raises(RestoreError, match="cannot be read"):
        load(tmp_path)


def test_baseline_is_written_atomically(tmp_path: Path) -> None:
    (tmp_path / "b.json").mkdir()
    with pytest.raises(RestoreError, match="cannot be written"):
        save(tmp_path / "b.json", measured(psnr=[30.0]))
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]
