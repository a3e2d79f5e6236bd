"""One picture in the report."""

import math
import re

import pytest
from report_samples import METRICS

from restore_cli.evaluation.report.cards import Side, card

PLACES = {"psnr": 2, "ssim": 4, "photometric-share": 4}
REFERENCE = Side("reference", "reference", "data:r", "", {})
VALUES = {"psnr": 28.123, "ssim": 0.9, "photometric-share": 0.25}


def _side(key: int = 0, label: str = "a", *, identical: bool = False, **values: float) -> Side:
    its = {**VALUES, **{name.replace("_", "-"): value for name, value in values.items()}}
    return Side(str(key), label, f"data:{key}", f"data:heat{key}", its, identical)


def _card(*outputs: Side, name: str = "cat", shown: tuple[int, int] = (400, 300)) -> str:
    return card(
        name,
        3,
        size=(400, 300),
        shown=shown,
        outputs=outputs,
        reference=REFERENCE,
        metrics=list(METRICS.values()),
        places=PLACES,
        values=[side.values for side in outputs],
    )


def test_the_output_is_left_and_the_reference_right() -> None:
    html = _card(_side())
    assert '<img class="left" data-side="0" src="data:0"' in html
    assert '<img class="right" data-side="reference" src="data:r"' in html
    assert "<select" not in html, "there is nothing to choose"
    assert re.search(r"photometric 25\.0 %.*structural 75\.0 %", html)
    assert "width:25.00%" in html


def test_with_several_outputs_one_is_shown_and_all_can_be_chosen() -> None:
    html = _card(_side(0, "a"), _side(2, "c", psnr=30.0))
    assert re.search(r'data-side="2" src="data:2"[^>]* hidden>', html)
    assert re.search(r'data-side="2" data-label="c" src="data:heat2"[^>]* hidden>', html)
    left, right = re.findall(r'<select class="choose-(?:left|right)">(.*?)</select>', html)
    assert re.findall(r'value="(\w+)"', left) == re.findall(r'value="(\w+)"', right)
    assert re.findall(r'value="(\w+)"', left) == ["0", "2", "reference"]
    assert '<option value="0" selected>' in left
    assert '<option value="reference" selected>' in right
    assert "30.00" in html
    assert "Squared error of c" in html


def test_infinity_is_written_for_people_and_for_the_script() -> None:
    html = _card(_side(psnr=math.inf, photometric_share=0.0, identical=True))
    assert '<span class="identical">identical</span>' in html
    assert 'data-values="Infinity,0.9,0"' in html
    assert "none, it is identical" in html
    assert "structural" not in html, "no bar that says the error is all structure"


def test_a_value_that_is_missing_or_not_defined() -> None:
    side = Side("0", "a", "data:0", "data:h", {"psnr": 20.0, "photometric-share": math.nan})
    html = _card(side)
    assert 'data-values="20,NaN,NaN"' in html
    assert "cannot be split" in html
    assert '<td class="number">–</td>' in html


def test_an_unmeasured_split_draws_no_bar() -> None:
    assert "Squared error" not in _card(Side("0", "a", "data:0", "data:h", {"psnr": 20.0}))


def test_what_is_reduced_or_small_says_so() -> None:
    assert "400 × 300 px</span>" in _card(_side())
    html = _card(_side(), shown=(200, 150))
    assert "400 × 300 px (shown at 200 × 150)" in html
    assert 'style="--w:200;--h:150"' in html
    assert '<article class="card small"' in html


@pytest.mark.parametrize("hostile", ["<script>x</script>", "\"' onload=x", "a&amp;b", "写真 🐈"])
def test_names_are_escaped_everywhere(hostile: str) -> None:
    html = _card(_side(0, hostile), _side(1, "b"), name=hostile)
    outside = re.sub(r'"[^"]*"', "", html)  # attributes aside
    assert "<script" not in html
    assert "onload" not in outside.replace("&#39; onload=x", "")
    assert ("&amp;amp;" in html) == ("&amp;" in hostile)
    assert html.count("<article") == html.count("</article>") == 1
