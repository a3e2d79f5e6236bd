"""`main()`: the only place where errors become messages and exit codes.

Every other module raises. Here a `RestoreError` is printed as `error: ...`, a blank line and
`hint: ...` on stderr, and its exit code is returned. Anything unforeseen is a bug: it exits 1,
which promises less than 2 does ("nothing was written"), and points to `--traceback`.
"""

import errno
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from restore_cli import streams
from restore_cli.engine.out_of_memory import lacks_memory
from restore_cli.errors import MANY_FILES, ExitCode, RestoreError
from restore_cli.interruption import interruptible, received
from restore_cli.tilde import in_words

# How threads of libgomp, which torch brings, wait for each other: briefly spinning, then asleep. By
# default they spin on, and lose much of their speed beside other programs. Read when torch is
# loaded, so they are set before.
_WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}
# Likewise those of OpenBLAS, which NumPy brings: 2 to this power turns. By default each of them
# spins for a tenth of a second as NumPy is imported, and after every product of matrices.
_SPINNING = ("OPENBLAS_THREAD_TIMEOUT", "20")

COMPLETION_VARIABLE = "_RESTORE_COMPLETE"
"""Environment variable with which a shell's completion script asks what may follow."""

TRACEBACK_VARIABLE = "RESTORE_TRACEBACK"
"""Environment variable that does what `--traceback` does, for runs that others start."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `restore` and return its exit code.

    Args:
        arguments: what follows `restore` on the command line; `sys.argv[1:]` when None.

    Returns:
        An `ExitCode` value, as the table in the documentation of each command promises.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not any(name in os.environ for name in _WAITING):
        os.environ.update(_WAITING)
    os.environ.setdefault(*_SPINNING)
    streams.secure()
    # What imports and the parser make is no garbage: to look for some takes a tenth of the start.
    # A command that begins turns it on.
    gc.disable()
    try:
        with interruptible():
            return _guarded(arguments)
    finally:
        gc.enable()


def _guarded(arguments: list[str]) -> int:
    """Run inside the boundary."""
    try:
        code = _run(arguments)
        # Flushed here, so that a reader who has gone away is noticed inside the boundary.
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _interrupted()
    except RestoreError as error:
        _show_traceback(arguments)
        # Names may hold line ends; those that were given stand in the message as they are.
        given = (part for word in arguments for part in (word, Path(word).name))
        _report(streams.on_one_line(error.message, given), error.hint)
        return error.exit_code
    except OSError as error:
        if error.errno == errno.EPIPE:
            return ExitCode.SOME_FAILED  # whoever read our output has closed it, quietly
        return _refused_by_the_system(error, arguments)
    except Exception as error:
        return _unforeseen(error, arguments)
    return code


def _run(arguments: list[str]) -> int:
    """Parse and run; usage errors of the parser become `RestoreError`."""
    if COMPLETION_VARIABLE in os.environ:
        from restore_cli.offers import offers

        sys.stdout.write("".join(f"{one}\n" for one in offers(arguments)))
        return ExitCode.OK
    # Imported here, so that Ctrl-C during the imports is inside the boundary as well.
    import typer

    from restore_cli.commands import app
    from restore_cli.commands.program import narrowed
    from restore_cli.commands.usage_errors import NO_ARGUMENTS, as_usage_error

    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    try:
        # Not standalone: the parser raises instead of printing and exiting. It turns Ctrl-C
        # into the return value 130.
        result = narrowed(app, arguments)(
            in_words(arguments),
            prog_name="restore",
            standalone_mode=False,
            obj=partial(typer.main.get_command, app),
        )
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as error:
        # The parser's own answer to a broken pipe; it has silenced the streams by then.
        if isinstance(error.__context__, BrokenPipeError):
            return ExitCode.SOME_FAILED
        raise
    except Exception as error:
        if not arguments and type(error).__name__ == NO_ARGUMENTS:
            # `restore` alone asks what there is, and that is no mistake.
            return _run(["--help"])
        usage = as_usage_error(error, arguments)
        if usage is None:
            raise
        raise usage from error
    code = int(result) if isinstance(result, int) else ExitCode.OK
    if code == ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    return code


def _refused_by_the_system(error: OSError, arguments: list[str]) -> int:
    """Report what the system says of a file or folder: a name too long, a disk that fails."""
    if error.errno == errno.ENOENT and not _has_working_folder():
        _report("the working folder does not exist any more", "change to another one")
        return ExitCode.SOME_FAILED
    if received.number is not None:
        return _unforeseen(error, arguments)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        _show_traceback(arguments)
        _report("too many files are open", MANY_FILES)
        return ExitCode.SOME_FAILED
    if error.filename is None or not error.strerror:
        return _unforeseen(error, arguments)
    _show_traceback(arguments)
    name = str(error.filename)
    _report(
        streams.on_one_line(f"{name}: {error.strerror}", [name]),
        "check the name, its permissions, and the disk",
    )
    return ExitCode.SOME_FAILED


def _has_working_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - the question is whether it can be answered
    except OSError:
        return False
    return True


def _unforeseen(error: Exception, arguments: list[str]) -> int:
    """Report a bug, or a state of the machine that nobody foresaw."""
    if received.number is not None:
        return _interrupted()  # a library has made something else of it
    shown = _show_traceback(arguments)
    if lacks_memory(error):
        _report("not enough memory", "close other programs, or raise the limit (`ulimit -v`)")
        return ExitCode.SOME_FAILED
    hint = f"add --traceback (or set {TRACEBACK_VARIABLE}=1) to see where it happened"
    _report(f"unexpected {type(error).__name__}: {error}", None if shown else hint)
    return ExitCode.SOME_FAILED


def _show_traceback(arguments: list[str]) -> bool:
    """Print the traceback of the exception being handled, if it was asked for.

    The words are looked at rather than a parsed option: parsing may be what failed.
    """
    asked = "--traceback" in arguments or os.environ.get(TRACEBACK_VARIABLE, "0") not in ("", "0")
    if asked:
        traceback.print_exc()
    return asked


def _interrupted() -> int:
    """Say so; the exit code is that of the signal."""
    _report(received.word)
    return received.exit_code


def _report(message: str, hint: str | None = None) -> None:
    """Print `error: message`, and after a blank line `hint: ...`, on stderr."""
    lines = f"error: {message}" + (f"\n\nhint: {hint}" if hint else "")
    print(streams.printable(lines), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
