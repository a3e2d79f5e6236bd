import errno
from pathlib import Path

import pytest

from restore_cli.batch.inputs import Refused
from restore_cli.batch.planning import Job
from restore_cli.batch.results import explain, refusal, too_many_pages
from restore_cli.errors import RestoreError

SOURCE = Path("in/a.png")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RestoreError("in/a.png: is odd"), "in/a.png: is odd"),
        (RestoreError("is odd"), "in/a.png: is odd"),
        (OSError(errno.ENOSPC, "full", "out/a.png"), "in/a.png: out/a.png: full"),
        (FileNotFoundError(errno.ENOENT, "gone", "in/a.png"), "in/a.png is not there any more"),
        (MemoryError(), "in/a.png: not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate"), "in/a.png: not enough memory"),
        (ValueError("why"), "in/a.png: unexpected ValueError: why"),
    ],
)
def test_failures_name_the_file(error: Exception, text: str) -> None:
    assert explain(error, SOURCE) == text


def test_a_refused_input_is_a_failure_without_an_output() -> None:
    result = refusal(Refused(SOURCE, RestoreError("no", hint="try")))
    assert (result.status, result.error, result.hint, result.output) == (
        "failed",
        "no",
        "try",
        None,
    )


def test_pages_that_do_not_fit_are_told_with_their_number() -> None:
    error = too_many_pages(Job(SOURCE, Path("out/a.png"), "png"), 3)
    assert "holds 3 pages, and PNG holds one" in error.message
