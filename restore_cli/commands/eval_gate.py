"""What `restore eval` says of a gate."""

from typing import TYPE_CHECKING

from restore_cli.commands.console import Console
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.evaluation.numbers import count

if TYPE_CHECKING:
    from restore_cli.evaluation.gate import Verdict

_MOST_LISTED = 100  # pictures, for people


def pass_gate(console: Console, verdict: "Verdict") -> None:
    """Say that nothing fell by more than allowed, or raise what did.

    Raises:
        RestoreError: with exit code 3: what stops the gate, then every picture that fell.
    """
    gates = _what_gates(verdict)
    fallen = [one for one in verdict.fallen if one.name is not None]
    if verdict.passed:
        console.say(
            f"gate passed ({gates}): nothing fell by more than allowed since {verdict.label}"
        )
        for metric in verdict.bounds.metrics:
            of_it = [one for one in fallen if one.metric == metric]
            if of_it:
                worst = of_it[0]
                console.say(
                    f"{metric}: {count(len(of_it), 'picture')} fell, the most {worst.name}: "
                    f"{worst.words}"
                )
        return
    lines = [f"worse than the baseline by more than allowed ({gates}):"]
    failed = verdict.failed
    lines += [f"  {one.subject}: {one.words}" for one in failed[:_MOST_LISTED]]
    lines += _and_more(len(failed))
    others = [one for one in fallen if not one.failed]
    if others:
        lines.append("every other picture that fell, the worst first; these alone stop nothing:")
        lines += [f"  {one.subject}: {one.words}" for one in others[:_MOST_LISTED]]
        lines += _and_more(len(others))
    raise RestoreError(
        "\n".join(lines),
        hint="find what changed; to accept it, make the baseline again, without --baseline",
        exit_code=ExitCode.GATE_FAILED,
    )


def _and_more(found: int) -> list[str]:
    more = found - _MOST_LISTED
    return [f"  ... and {more} more; --json, --junit and --markdown list all"] if more > 0 else []


def _what_gates(verdict: "Verdict") -> str:
    """The means, every picture, or both."""
    means = ", ".join(verdict.bounds.means)
    each = ", ".join(verdict.bounds.each)
    parts = [f"the mean of {means}"] if means else []
    return " and ".join([*parts, f"every picture by {each}"] if each else parts)
