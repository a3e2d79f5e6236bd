"""Which pictures come first, and what is read for them."""

import base64
import math
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from report_samples import METRICS, gathered, measured, noisy, write

from restore_cli.errors import RestoreError
from restore_cli.evaluation.measurement import Measurement, Row
from restore_cli.evaluation.pairing import Pair
from restore_cli.evaluation.report.gallery import gallery, worst_first

PLACES = {"psnr": 2, "ssim": 4, "photometric-share": 4}


def _numbers(label: str, **psnr: float) -> Measurement:
    rows = [
        Row(Pair(name, Path(label), Path("r")), 8, 8,
            {"psnr": value, "ssim": 0.5, "photometric-share": 0.1})
        for name, value in psnr.items()
    ]  # fmt: skip
    return gathered(label, rows)


def _order(*measurements: Measurement, metric: str | None = "psnr") -> list[str]:
    info = METRICS[metric] if metric else None
    return [case.name for case in worst_first(measurements, info)]


def test_the_worst_comes_first_identical_last_and_undefined_after() -> None:
    one = _numbers("a", good=40.0, same=math.inf, none=math.nan, bad=20.0)
    assert _order(one) == ["bad", "good", "same", "none"]


def test_with_several_outputs_the_worst_of_each_picture_counts() -> None:
    one, two = _numbers("a", x=30.0, y=40.0, z=35.0), _numbers("b", x=31.0, y=20.0, z=36.0)
    assert _order(one, two) == ["y", "x", "z"]


def test_lower_may_be_better() -> None:
    one = gathered("a", [
        Row(Pair(name, Path("a"), Path("r")), 8, 8,
            {"psnr": 30.0, "ssim": 0.5, "photometric-share": value})
        for name, value in {"x": 0.1, "y": 0.7, "z": 0.3}.items()
    ])  # fmt: skip
    assert _order(one, metric="photometric-share") == ["y", "z", "x"]


def test_without_a_metric_per_picture_the_order_stays() -> None:
    assert _order(_numbers("a", y=1.0, x=9.0), metric=None) == ["y", "x"]


def test_a_picture_that_one_output_lacks_is_shown_with_the_others(tmp_path: Path) -> None:
    grey = {"p": np.full((16, 20, 3), 0.5), "q": np.full((16, 20, 3), 0.2)}
    one, two = (measured(tmp_path, label, noisy, grey) for label in "ab")
    del two.rows[0]
    cases = worst_first([one, two], METRICS["psnr"])
    html = "".join(gallery([one, two], cases, total=2, places=PLACES))
    cards = {re.findall('data-name="(.)"', part)[0]: part for part in html.split("<article ")[1:]}
    assert 'data-side="1"' not in cards["p"]
    assert cards["p"].count("NaN") == 3
    assert 'data-side="1"' in cards["q"]


def test_what_is_shown_are_the_files_pixels(tmp_path: Path) -> None:
    image = np.random.default_rng(3).random((12, 16, 3))
    one = measured(tmp_path, "a", lambda im, _: 1 - im, {"p": image})
    html = "".join(gallery([one], worst_first([one], None), total=1, places=PLACES))
    for side, path in (("0", one.rows[0].pair.output), ("reference", one.rows[0].pair.reference)):
        found = re.search(rf'data-side="{side}" src="data:image/png;base64,([^"]*)"', html)
        assert found is not None
        shown = cv2.imdecode(np.frombuffer(base64.b64decode(found[1]), np.uint8), 1)
        np.testing.assert_array_equal(shown, cv2.imread(str(path)))


def test_an_identical_picture_has_no_bar(tmp_path: Path) -> None:
    one = measured(tmp_path, "a", lambda im, _: im, {"p": np.full((16, 16, 3), 0.5)})
    html = "".join(gallery([one], worst_first([one], None), total=1, places=PLACES))
    assert "none, it is identical" in html
    assert 'class="photometric"' not in html


def test_a_reference_of_another_size_is_brought_to_the_outputs(tmp_path: Path) -> None:
    one = measured(tmp_path, "a", lambda im, _: im, {"p": np.full((16, 24, 3), 0.5)})
    write(one.rows[0].pair.reference, np.full((32, 48, 3), 0.5))
    html = "".join(gallery([one], worst_first([one], None), total=1, places=PLACES))
    assert "none, it is identical" in html


def test_an_output_that_changed_its_size_is_named(tmp_path: Path) -> None:
    one = measured(tmp_path, "a", noisy, {"p": np.full((16, 24, 3), 0.5)})
    write(one.rows[0].pair.output, np.full((9, 9, 3), 0.5))
    with pytest.raises(RestoreError, match=r"0\.png: its size has changed") as caught:
        list(gallery([one], worst_first([one], None), total=1, places=PLACES))
    assert caught.value.hint


def test_the_words_say_how_many_are_shown_of_how_many(tmp_path: Path) -> None:
    one = measured(tmp_path, "a", noisy, {"p": np.full((16, 24, 3), 0.5)})
    html = "".join(gallery([one], worst_first([one], None), total=7, places=PLACES))
    assert "1 of 7 pictures, the worst by psnr first" in html
    assert "Small pictures keep every pixel" in html


def _head(pieces: Iterator[str]) -> str:
    """What stands above the pictures, of which none is read yet."""
    html = ""
    while 'id="cards"' not in html:
        html += str(next(pieces))
    return html


def test_every_order_is_offered() -> None:
    one, two = _numbers("a", x=30.0), _numbers("b", x=31.0)
    single = _head(gallery([one], worst_first([one], None), total=1, places=PLACES))
    assert re.findall(r"<option[^>]*>([^<]*)</option>", single) == [
        "psnr", "ssim", "photometric-share", "name", "worst first", "best first",
    ]  # fmt: skip
    both = _head(gallery([one, two], worst_first([one, two], None), total=1, places=PLACES))
    assert re.findall(r'<optgroup label="([^"]*)"', both) == [
        "worst of all outputs", "a", "b", "a behind b", "b behind a",
    ]  # fmt: skip
