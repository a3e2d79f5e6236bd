"""The summary of a pull request."""

from dataclasses import replace
from pathlib import Path

from made_measurements import INF, judged, measured

from restore_cli.evaluation.markdown import as_markdown
from restore_cli.evaluation.ranking import rank


def test_numbers_and_protocols_without_a_gate() -> None:
    one = measured({"fid": 12.25}, psnr=[30.0, 32.0])
    text = as_markdown([one]).decode()
    assert text.startswith("## Quality\n\n| output | metric | mean |")
    assert "| out | psnr dB | 31.00 | 31.00 | 30.10 | 30.00 | sub/img 00 |" in text
    assert "| out | fid | 12.25 |" in text
    assert "- `psnr`: PSNR; RGB; range 1; whole frame" in text


def test_a_failed_gate_lists_every_picture_that_fell_the_worst_first(tmp_path: Path) -> None:
    before = measured(psnr=[30.0, 31.0, INF])
    now = measured(psnr=[29.9, 30.0, 60.0])
    text = as_markdown([now], (), judged(tmp_path, before, now, {"psnr": 0.05})).decode()
    assert text.startswith("## Quality: failed\n\nWorse than out:\n\n- **psnr (mean): 30.5000 -> ")
    assert "- **1 picture fell by more than allowed**" in text
    rows = [line for line in text.splitlines() if line.startswith("| psnr | ")]
    assert rows == [
        "| psnr | sub/img 02 | identical -> 60.0000, may fall by 0.05 | yes |",
        "| psnr | sub/img 01 | 31.0000 -> 30.0000, worse by 1.0000 | no |",
        "| psnr | sub/img 00 | 30.0000 -> 29.9000, worse by 0.1000 | no |",
    ]


def test_a_passed_gate_says_so_and_folds_long_lists(tmp_path: Path) -> None:
    before, now = measured(psnr=[30.0] * 11), measured(psnr=[29.99] * 11)
    text = as_markdown([now], (), judged(tmp_path, before, now, {"psnr": 0.05})).decode()
    assert text.startswith("## Quality: passed\n\nNothing fell by more than allowed since out.")
    assert "<details><summary>Numbers of pictures that fell, worst first: 11</summary>" in text
    assert (
        "<details>" not in as_markdown([now], (), judged(tmp_path, now, now, {"psnr": 0})).decode()
    )


def test_several_outputs_are_ranked() -> None:
    ranks = rank({"a": [30.0, 31.0], "b": [32.0, 33.0]}, higher_is_better=True)
    text = as_markdown([measured(psnr=[30.0, 31.0])], [("psnr", ranks)]).decode()
    assert "| psnr | 1 | b | 32.5000 | 32.0000 to 33.0000 | 1 |" in text


def test_names_are_text_and_not_markup() -> None:
    one = replace(measured(psnr=[30.0]), label="<b> | *x*\n# y")
    text = as_markdown([one]).decode()
    assert r"| &lt;b&gt; \| \*x\* \# y | psnr dB |" in text
