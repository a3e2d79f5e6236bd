"""The XML that CI servers read."""

from pathlib import Path
from xml.etree import ElementTree

from made_measurements import judged, measured

from restore_cli.evaluation.gate import Bounds, Check, Verdict
from restore_cli.evaluation.junit import as_junit


def test_what_stops_the_gate_is_a_failure_and_the_rest_passes(tmp_path: Path) -> None:
    before, now = measured(psnr=[30.0, 31.0, 32.0]), measured(psnr=[29.9, 31.0, 31.5])
    verdict = judged(tmp_path, before, now, {"psnr": 0.05})
    root = ElementTree.fromstring(as_junit(verdict, "out"))
    (suite,) = root
    assert (root.tag, suite.tag, suite.get("name")) == ("testsuites", "testsuite", "psnr")
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["4", "1", "0"]
    mean, *pictures = suite
    assert (mean.get("classname"), mean.get("name")) == ("out.psnr", "(mean)")
    failure = mean.find("failure")
    assert failure is not None
    assert failure.get("message") == "psnr (mean): 31.0000 -> 30.8000, may fall by 0.05"
    assert failure.text == (
        "psnr (mean): 31.0000 -> 30.8000, may fall by 0.05\n"
        "psnr sub/img 02: 32.0000 -> 31.5000, worse by 0.5000\n"
        "psnr sub/img 00: 30.0000 -> 29.9000, worse by 0.1000"
    )
    assert [one.get("name") for one in pictures] == [f"sub/img 0{index}" for index in range(3)]
    assert [one.find("failure") for one in pictures] == [None] * 3


def test_pictures_with_a_bound_fail_themselves(tmp_path: Path) -> None:
    before, now = measured(psnr=[30.0, 31.0]), measured(psnr=[29.0, 32.0])
    root = ElementTree.fromstring(as_junit(judged(tmp_path, before, now, each={"psnr": 0.5}), "o"))
    assert root.get("failures") == "1"
    failing = [one.get("name") for one in root.iter("testcase") if one.find("failure") is not None]
    assert failing == ["sub/img 00"]


def test_any_name_can_be_carried() -> None:
    name = 'a <b> & "c" \x00\x1b\udce9 写真 🐈'
    check = Check("psnr", name, 30.0, 29.0, 1.0, 0.5, True)
    root = ElementTree.fromstring(
        as_junit(Verdict("then", Bounds(each={"psnr": 0.5}), [check]), name)
    )
    (case,) = root.iter("testcase")
    assert case.get("name") == 'a <b> & "c" \\x00\\x1b\\udce9 写真 🐈'
