"""The one error that users see, and the exit codes that scripts rely on."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every `restore` command (a fixed contract)."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    GATE_FAILED = 3
    INTERRUPTED = 130
    TERMINATED = 143


class RestoreError(Exception):
    """Something the user can understand and mend.

    Args:
        message: what happened; names the file, key or option.
        hint: what to do about it, or None where there is nothing to add.
        exit_code: what the process exits with if nobody catches it.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, exit_code: ExitCode = ExitCode.USAGE
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
