"""Rules of pairing."""

import pytest

from restore_cli.errors import RestoreError
from restore_cli.images.pair_rules import Rule


def test_the_longest_prefix_that_ends_a_word_wins() -> None:
    rule = Rule.parse("prefix")
    keys = ("0001", "000", "0001_0.8")
    assert rule.reference_of("0001_0.8_0.2", keys) == "0001_0.8"
    assert rule.reference_of("0001-x", keys) == "0001"
    assert rule.reference_of("00012", keys) is None


def test_the_first_group_is_the_key() -> None:
    rule = Rule.parse(r"regex=rain-(\d+)")
    assert rule.key("norain-001") == rule.key("rain-001") == "001"
    assert rule.reference_of("rain-002", {"001"}) is None
    assert rule.reference_of("photo", {"001"}) is None


@pytest.mark.parametrize("text", ["name", "regex=(", "regex=abc"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(RestoreError, match="--pair"):
        Rule.parse(text)
