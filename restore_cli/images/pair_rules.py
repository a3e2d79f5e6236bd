"""Rules by which one file finds its other half: `--pair` of `eval`, `data.pair` of recipes.

To `eval` the halves are an output and its reference, to training an input and its target.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from restore_cli.errors import RestoreError


@dataclass(frozen=True, slots=True)
class Rule:
    """How an output's stem leads to its reference's.

    Attributes:
        kind: "stem" (the same, but for a task that was added), "prefix" (the output's begins with
            the reference's), or "regex" (what the pattern's first group finds is the same).
        pattern: for "regex".
    """

    kind: Literal["stem", "prefix", "regex"] = "stem"
    pattern: re.Pattern[str] | None = None

    @classmethod
    def parse(cls, text: str, *, option: str = "--pair") -> "Rule":
        """Read `stem`, `prefix` or `regex=PATTERN`, told as `option`.

        Raises:
            RestoreError: it is none of them, or the pattern is wrong or has no group.
        """
        if text == "stem":
            return cls()
        if text == "prefix":
            return cls("prefix")
        if not text.startswith("regex="):
            raise RestoreError(
                f"{option} {text!r} is no rule", hint="stem, prefix or regex=PATTERN"
            )
        try:
            pattern = re.compile(text.removeprefix("regex="))
        except re.error as error:
            raise RestoreError(
                f"{option} {text}: {error}", hint="for example 'regex=(\\d+)'"
            ) from error
        if pattern.groups < 1:
            raise RestoreError(
                f"{option} {text}: the pattern has no group", hint="put what must agree into (...)"
            )
        return cls("regex", pattern)

    def key(self, stem: str) -> str | None:
        """What must be equal on both sides; None where the pattern finds nothing."""
        if self.pattern is None:
            return stem
        found = self.pattern.search(stem)
        return found[1] if found else None

    def reference_of(self, stem: str, keys: Collection[str]) -> str | None:
        """The key, among the references', of an output's stem; None where there is none."""
        if self.kind != "prefix":
            key = self.key(stem)
            return key if key in keys else None
        # The longest wins; a number must not go on: 12 is no prefix of 123.
        fitting = [
            k for k in keys if stem.startswith(k) and not stem[len(k) : len(k) + 1].isalnum()
        ]
        return max(fitting, key=len, default=None)
