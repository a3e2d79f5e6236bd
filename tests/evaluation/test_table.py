import csv
import math
from pathlib import Path

from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
from restore_cli.evaluation.pairing import Pair
from restore_cli.evaluation.table import COLUMNS, as_csv

NAMES = ['a,"b"', "two\nlines", "return\rhere", "Grüße 日本 \U0001f600", "  spaces ", "=1+1"]
INFOS = {
    "psnr": MetricInfo("psnr", "dB", True, True, "PSNR; RGB; range 1; whole frame"),
    "fid": MetricInfo("fid", "", False, False, 'FID; "Inception", 299 px'),
}


def measurement(label: str = "out") -> Measurement:
    rows = [
        Row(Pair(name, Path("o"), Path("r")), 7, 5, {"psnr": 30.1 + i / 3})
        for i, name in enumerate(NAMES)
    ]
    rows.append(Row(Pair("same", Path("o"), Path("r")), 7, 5, {"psnr": math.inf}))
    return Measurement(label, rows, INFOS, {"psnr": 31.0, "fid": 12.5})


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_number_stands_with_its_picture_and_protocol(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(as_csv([measurement()]))
    lines = read(tmp_path / "t.csv")
    assert tuple(lines[0]) == COLUMNS
    psnr = [line for line in lines if line["metric"] == "psnr"]
    # A spreadsheet would compute what begins with =.
    names = [f"'{name}" if name.startswith("=") else name for name in NAMES]
    assert names != NAMES
    assert [line["picture"] for line in psnr] == [*names, "same"]
    assert [float(line["value"]) for line in psnr] == [30.1 + i / 3 for i in range(6)] + [math.inf]
    assert psnr[-1]["value"] == "inf"
    for line in psnr:
        assert (line["width"], line["height"], line["unit"]) == ("7", "5", "dB")
        assert line["protocol"] == INFOS["psnr"].protocol


def test_number_of_the_whole_set_has_no_picture(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(as_csv([measurement()]))
    (line,) = (line for line in read(tmp_path / "t.csv") if line["metric"] == "fid")
    assert (line["picture"], line["width"], line["value"]) == ("", "", "12.5")
    assert line["protocol"] == INFOS["fid"].protocol


def test_several_outputs_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(as_csv([measurement("A"), measurement("B, b")]))
    labels = [line["output"] for line in read(tmp_path / "t.csv")]
    assert labels == ["A"] * 8 + ["B, b"] * 8
