"""What LibRaw says of files that it cannot read, in words for people."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import rawpy

from restore_cli.errors import RestoreError
from restore_cli.images.regular import naming_problems, open_regular
from restore_cli.images.sniff import sniff


def no_raw(path: Path, start: bytes) -> RestoreError:
    """The error for a file that LibRaw does not know.

    Args:
        path: the file.
        start: its first 64 bytes.
    """
    try:
        what = sniff(start, path)
    except RestoreError as error:
        told = error.message.removeprefix(f"{path}: ")
        if "camera RAW" in (error.hint or ""):
            told = "its kind of RAW file is not supported, or it is damaged"
        return RestoreError(
            f"{path}: {told}",
            hint="`restore isp` reads camera RAW files such as DNG, CR2, NEF, ARW",
        )
    if what == "tiff" and start[2:4] in (b"+\0", b"\0+"):
        return RestoreError(
            f"{path}: RAW files in BigTIFF form are not supported",
            hint="write it as an ordinary TIFF (below 4 GB); Adobe's DNG Converter does",
        )
    if what == "tiff":
        return RestoreError(
            f"{path}: no RAW file that LibRaw knows, or a damaged one",
            hint="a converter to DNG may know it",
        )
    return RestoreError(
        f"{path}: this is a {what.upper()} picture, not a RAW file",
        hint="`restore infer` is for pictures that are developed",
    )


@contextmanager
def naming_raw_problems(
    path: Path, unknown: Callable[[], RestoreError] | None = None
) -> Generator[None]:
    """Turn LibRaw's errors into ours.

    Args:
        path: the file, named in errors.
        unknown: the error where LibRaw does not know the file; None for one that is damaged.

    Raises:
        RestoreError: in place of LibRaw's.
    """
    try:
        yield
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawIOError) as error:
        # LibRaw does not say why it cannot open a file: one that is gone, too many that are open.
        with naming_problems(path), open_regular(path):
            pass
        if unknown is not None:
            raise unknown() from error
        if isinstance(error, rawpy.LibRawIOError):
            raise _damaged(path, error) from error
        version = ".".join(map(str, rawpy.libraw_version))
        raise RestoreError(
            f"{path}: its way of packing samples is not supported by LibRaw {version}, "
            "or it is damaged",
            hint="cameras' newest ways (such as Nikon's HE) need a converter to DNG",
        ) from error
    except rawpy.NotSupportedError as error:
        raise RestoreError(f"{path}: LibRaw cannot develop it: {error}") from error
    except (rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawTooBigError, MemoryError) as error:
        raise RestoreError(
            f"{path}: not enough memory to read it, or it claims a size that it cannot have"
        ) from error
    except (rawpy.LibRawError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RestoreError:
    words = error.args[0] if error.args else ""
    told = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return RestoreError(
        f"{path}: the RAW data is damaged or cut off ({told})",
        hint="copy it from the camera again",
    )
