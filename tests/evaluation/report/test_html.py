"""The whole report: one file, complete, well-formed, and nothing left behind when it fails."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_samples import METRICS, blurred, gathered, measured, noisy, photographs

from restore_cli.errors import RestoreError
from restore_cli.evaluation.measurement import Measurement, MetricInfo
from restore_cli.evaluation.report.html import write_report
from restore_cli.evaluation.statistics import Difference

VOID = {"meta", "link", "img", "input"}
SELF_CLOSED = {"line", "rect", "circle"}


class _Page(HTMLParser):
    """Checks that elements are nested, and gathers what could be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in {"src", "href", "srcset"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SELF_CLOSED

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _write(path: Path, *measurements: Measurement, pictures: int = 200) -> str:
    write_report(
        path, list(measurements), differences=None, resize_reference=False, pictures=pictures
    )
    return path.read_text("utf-8")


@pytest.fixture
def one(tmp_path: Path) -> Measurement:
    return measured(tmp_path / "pictures", "noisy", noisy, photographs(60))


def test_the_page_is_well_formed_and_loads_nothing(tmp_path: Path, one: Measurement) -> None:
    two = measured(tmp_path / "pictures", "blurred", blurred, photographs(60))
    differences = {("noisy", "blurred", "psnr"): Difference(0.5, 0.25, 0.75, 3, 0, 0)}
    path = tmp_path / "report.html"
    write_report(path, [one, two], differences=differences, resize_reference=False)
    html = path.read_text("utf-8")
    page = _Page()
    page.feed(html)
    page.close()
    assert page.open == []
    assert all(source.startswith("data:") for source in page.sources)
    assert page.handlers == []
    assert re.findall(r"url\(|@import|https?://", html) == []
    for heading in ("Results", "Paired differences", "Distribution", "Pictures"):
        assert f"<h2>{heading}</h2>" in html
    assert html.count("<svg ") == len(METRICS) + 1
    assert html.count("<article") == 3
    assert [entry.name for entry in tmp_path.glob("*report*")] == ["report.html"]


def test_the_worst_are_shown_first_and_at_most_as_many_as_asked(
    tmp_path: Path, one: Measurement
) -> None:
    html = _write(tmp_path / "report.html", one, pictures=2)
    worst = sorted(one.rows, key=lambda row: row.values["psnr"])
    shown = re.findall(r'data-name="(\w+)"', html)
    assert shown == [row.pair.name for row in worst[:2]]
    assert "2 of 3 pictures, the worst by psnr first" in html


def test_no_pictures_at_all_leaves_the_numbers(tmp_path: Path, one: Measurement) -> None:
    html = _write(tmp_path / "report.html", one, pictures=0)
    assert "<article" not in html
    assert "<h2>Results</h2>" in html


def test_names_from_outside_are_text_everywhere(tmp_path: Path) -> None:
    hostile = "</script><script>alert('1')</script> & \"q\" 写真"
    one = measured(tmp_path / "p", "x", noisy, {hostile: np.full((20, 30, 3), 0.5)})
    one = replace(one, label=hostile)
    html = _write(tmp_path / "report.html", one, replace(one, label="<b>"))
    assert html.count("<script") == 1
    assert html.count("</script") == 1
    assert "<b>" not in html
    assert "alert(&#39;1&#39;)" in html
    assert "写真" in html
    page = _Page()
    page.feed(html)
    assert page.open == []


def test_a_name_that_is_no_unicode_is_written_with_escapes(tmp_path: Path) -> None:
    one = measured(tmp_path / "p", "x", noisy, {"caf\udce9": np.full((20, 30, 3), 0.5)})
    assert r"caf\udce9" in _write(tmp_path / "report.html", one)


def test_resized_references_are_told(tmp_path: Path, one: Measurement) -> None:
    path = tmp_path / "report.html"
    write_report(path, [one], differences=None, resize_reference=True)
    assert "not comparable with published" in path.read_text("utf-8")
    assert "not comparable with published" not in _write(path, one)


def test_identical_pictures_and_a_metric_of_the_set(tmp_path: Path) -> None:
    one = measured(tmp_path / "p", "x", lambda im, _: im, photographs(40))
    fid = MetricInfo("fid", "", False, False, "FID; Inception v3")
    one = replace(one, metrics={**one.metrics, "fid": fid}, totals={**one.totals, "fid": 0.0})
    html = _write(tmp_path / "report.html", one)
    assert "3 identical pictures not drawn" in html
    assert "one number for the whole set" in html
    assert not re.search(r">\s*(inf|nan)\b", html, re.IGNORECASE)


def test_only_a_metric_of_the_set(tmp_path: Path) -> None:
    fid = MetricInfo("fid", "", False, False, "FID; Inception v3")
    one = measured(tmp_path / "p", "x", noisy, photographs(40))
    rows = [replace(row, values={}) for row in one.rows]
    only = Measurement("x", rows, {"fid": fid}, {"fid": 12.0})
    html = _write(tmp_path / "report.html", only)
    assert "<h2>Distribution</h2>" not in html
    assert html.count("<article") == 3


def test_values_that_are_missing_or_not_defined_do_no_harm(tmp_path: Path) -> None:
    one = measured(tmp_path / "p", "x", noisy, photographs(40))
    one.rows[0].values.update(psnr=math.nan)
    html = _write(tmp_path / "report.html", gathered("x", one.rows))
    assert re.findall(r'data-name="(\w+)"', html)[-1] == one.rows[0].pair.name


def test_the_same_measurement_gives_the_same_bytes(tmp_path: Path, one: Measurement) -> None:
    assert _write(tmp_path / "a.html", one) == _write(tmp_path / "b.html", one)


def test_a_picture_that_is_gone_leaves_the_old_report(tmp_path: Path, one: Measurement) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    one.rows[1].pair.output.unlink()
    with pytest.raises(RestoreError, match=r"1\.png: there is no such file"):
        _write(path, one)
    assert path.read_text() == "old"
    assert {entry.name for entry in tmp_path.iterdir()} == {"report.html", "pictures"}


def test_a_folder_that_is_not_there(tmp_path: Path, one: Measurement) -> None:
    with pytest.raises(RestoreError, match=r"report\.html: cannot be written") as caught:
        _write(tmp_path / "none" / "report.html", one)
    assert caught.value.hint == "make its folder first"


def test_no_measurement_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no measurement"):
        write_report(tmp_path / "r.html", [], differences=None, resize_reference=False)
