"""The gate, and what it says."""

from pathlib import Path

import pytest
from eval_sets import Evaluate, sets

from restore_cli.commands.console import Console
from restore_cli.commands.eval_gate import pass_gate
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.evaluation.gate import Bounds, Check, Verdict

pytestmark = pytest.mark.usefixtures("inside")


def test_the_gate_passes_the_same_and_stops_a_tenth_of_a_decibel(evaluate: Evaluate) -> None:
    sets()
    assert evaluate("good", "truth", "--save-baseline", "quality.json")[0] == 0
    gate = ("--baseline", "quality.json", "--max-drop", "psnr=0.05,ssim=0.001")
    code, records, err = evaluate("good", "truth", *gate)
    assert code == 0
    assert (records[-1]["passed"], records[-1]["falls"]) == (True, [])
    assert "gate passed (the mean of psnr, ssim): nothing fell by more than allowed" in err
    code, records, err = evaluate("worse", "truth", *gate)
    assert code == 3
    summary = records[-1]
    assert summary["passed"] is False
    assert [fall["metric"] for fall in summary["falls"] if fall["gates"]] == ["psnr"]
    assert summary["falls"][0]["name"] is None
    assert {fall["name"] for fall in summary["falls"][1:4]} == set("abc")
    mean = summary["falls"][0]
    assert mean["before"] - mean["now"] == pytest.approx(0.1, abs=1e-3)
    closing = err[err.index("error:") :]
    assert f"psnr (mean): {mean['before']:.4f} -> {mean['now']:.4f}, may fall by 0.05" in closing
    assert closing.startswith("error: worse than the baseline by more than allowed (the mean of ")
    others = closing[closing.index("these alone stop nothing:") :]
    drops = [fall["drop"] for fall in summary["falls"][1:4]]
    assert drops == sorted(drops, reverse=True)
    told = [line.split()[1] for line in others.splitlines() if line.startswith("  psnr ")]
    assert told == [f"{fall['name']}:" for fall in summary["falls"][1:4]]
    assert "hint:" in closing
    assert "Traceback" not in err
    wide = ("--baseline", "quality.json", "--max-drop", "psnr=0.15")
    assert evaluate("worse", "truth", *wide)[0] == 0


def test_a_lost_identity_falls_and_errors_rise(evaluate: Evaluate) -> None:
    sets()
    names = ("--metrics", "psnr,delta-e")
    evaluate("truth", "truth", *names, "--save-baseline", "quality.json")
    gate = ("--baseline", "quality.json", "--max-drop", "psnr=1,delta-e=0.01")
    code, records, err = evaluate("good", "truth", *names, *gate)
    assert code == 3
    assert "psnr a: identical -> " in err
    assert "may rise by 0.01" in err
    assert records[-1]["falls"][0]["before"] is None


def test_a_failed_gate_keeps_the_baseline_and_still_writes_numbers(evaluate: Evaluate) -> None:
    sets()
    evaluate("good", "truth", "--save-baseline", "quality.json")
    before = Path("quality.json").read_bytes()
    both = ("--baseline", "quality.json", "--save-baseline", "quality.json", "--max-drop")
    code, _, err = evaluate("worse", "truth", *both, "psnr=0.05", "--csv", "numbers.csv")
    assert code == 3
    assert "baseline: quality.json" not in err
    assert Path("quality.json").read_bytes() == before
    assert "worse" in Path("numbers.csv").read_text(encoding="utf-8")
    assert evaluate("worse", "truth", *both, "psnr=0.15")[0] == 0
    assert Path("quality.json").read_bytes() != before


def test_many_falls_are_counted(evaluate: Evaluate) -> None:
    sets(*(f"{index:02}" for index in range(25)), height=12, width=12)
    evaluate("good", "truth", "--save-baseline", "quality.json")
    code, records, err = evaluate(
        "worse", "truth", "--baseline", "quality.json", "--max-drop", "psnr=0.05"
    )
    assert code == 3
    assert len(records[-1]["falls"]) == 26
    assert err.count("  psnr ") == 26, "every picture that fell, and the mean"


def test_a_gate_writes_tests_and_a_summary(evaluate: Evaluate) -> None:
    sets()
    evaluate("good", "truth", "--save-baseline", "quality.json")
    gate = ("--baseline", "quality.json", "--max-drop-each", "psnr=0.05")
    files = ("--junit", "tests.xml", "--markdown", "summary.md")
    code, records, err = evaluate("worse", "truth", *gate, *files)
    assert code == 3
    assert "(every picture by psnr)" in err
    assert [fall["name"] for fall in records[-1]["falls"] if fall["gates"]]
    assert 'failures="3"' in Path("tests.xml").read_text(encoding="utf-8")
    assert Path("summary.md").read_text(encoding="utf-8").startswith("## Quality: failed")
    assert evaluate("good", "truth", *gate, *files)[0] == 0
    assert 'failures="0"' in Path("tests.xml").read_text(encoding="utf-8")


def test_a_passed_gate_tells_what_fell_within_its_bounds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = [
        Check("psnr", None, 30.0, 29.99, 0.01, 0.05, True),
        Check("psnr", "a", 30.0, 29.97, 0.03, None, True),
        Check("psnr", "b", 30.0, 30.01, -0.01, None, True),
    ]
    pass_gate(Console(), Verdict("before", Bounds({"psnr": 0.05}), checks))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "gate passed (the mean of psnr): nothing fell by more than allowed since before",
        "psnr: 1 picture fell, the most a: 30.0000 -> 29.9700, worse by 0.0300",
    ]


def test_very_long_lists_are_cut_for_people() -> None:
    checks = [Check("psnr", f"{i:03}", 30.0, 29.0, 1.0, 0.05, True) for i in range(130)]
    with pytest.raises(RestoreError) as caught:
        pass_gate(Console(), Verdict("before", Bounds(each={"psnr": 0.05}), checks))
    assert caught.value.exit_code == ExitCode.GATE_FAILED
    assert caught.value.message.count("  psnr ") == 100
    assert "and 30 more; --json, --junit and --markdown list all" in caught.value.message
