"""A gate's verdict as JUnit XML, which GitHub, GitLab and Jenkins show as tests."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from restore_cli.evaluation.gate import Check, Verdict

# What XML 1.0 cannot carry, whichever way it is escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(verdict: Verdict, label: str) -> bytes:
    """Write a suite for each metric: its mean and every picture are a test each.

    What stops the gate is a failure. A mean that failed lists its pictures that fell, the worst
    first. Pictures without a bound of their own pass, and say in their output what became of them.

    Args:
        verdict: of the gate.
        label: what the outputs are called.

    Returns:
        UTF-8 XML.
    """
    root = ElementTree.Element("testsuites", _counts(verdict.checks, "restore eval"))
    for metric in verdict.bounds.metrics:
        checks = [one for one in verdict.checks if one.metric == metric]
        suite = ElementTree.SubElement(root, "testsuite", _counts(checks, metric))
        fallen = [one for one in verdict.fallen if one.metric == metric and one.name is not None]
        for one in checks:
            name = "(mean)" if one.name is None else _carried(one.name)
            case = ElementTree.SubElement(
                suite, "testcase", {"classname": _carried(f"{label}.{metric}"), "name": name}
            )
            listed = [one, *fallen] if one.name is None else [one]
            told = _carried("\n".join(f"{each.subject}: {each.words}" for each in listed))
            if one.failed:
                failure = {"message": _carried(f"{one.subject}: {one.words}"), "type": "quality"}
                ElementTree.SubElement(case, "failure", failure).text = told
            else:
                ElementTree.SubElement(case, "system-out").text = told
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _counts(checks: Sequence[Check], name: str) -> dict[str, str]:
    failures = sum(one.failed for one in checks)
    return {"name": name, "tests": str(len(checks)), "failures": str(failures), "errors": "0"}


def _carried(text: str) -> str:
    """The text with what XML cannot carry shown as escapes."""
    return _NOT_XML.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
