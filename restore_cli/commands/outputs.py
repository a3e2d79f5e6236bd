"""What a command may write: never onto what it reads, and told before anything is computed."""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from restore_cli.errors import RestoreError


def output_path(text: str) -> Path:
    """The parser of options that name something to write.

    An unset shell variable must not stand for the working directory, which `Path("")` is.
    """
    if not text:
        raise typer.BadParameter("it is an empty text: name a file or folder")
    return Path(text)


_HEAD = 512  # bytes of a file that tell a text from a picture
ModelFolder = Annotated[
    Path,
    typer.Option(
        "-o", "--output", metavar="FOLDER", parser=output_path, help="The folder to write."
    ),
]
ReplaceModel = Annotated[bool, typer.Option("--overwrite", help="Replace a model that is there.")]


def check_outputs(
    outputs: Iterable[Path | None], inputs: Iterable[Path] = (), *, overwrite: bool = True
) -> None:
    """Refuse files that cannot or must not be written.

    Args:
        outputs: files to write; None is passed over.
        inputs: files that are read. The same file is the same whatever it is called: links are
            followed, and device and inode compared.
        overwrite: whether what exists may be replaced.

    Raises:
        RestoreError: an output is an input, or named twice, or no plain file, or exists, or its
            folder does not.
    """
    files = [file for file in outputs if file is not None]
    for file in files:
        _check_place(file)
    check_apart(files, inputs)
    for file in files:
        if not overwrite and file.exists():
            raise RestoreError(f"{file} already exists", hint="--overwrite replaces it")


def check_texts(outputs: Iterable[Path]) -> None:
    """Refuse to put a report, which replaces an older one, into the place of something else.

    Raises:
        RestoreError: one of the files holds no text: a picture, or a model, whose name was typed.
    """
    for file in outputs:
        if file.is_file():
            with file.open("rb") as opened:
                start = opened.read(_HEAD)
            if any(byte < 32 and byte not in b"\t\n\r\f" for byte in start):
                raise RestoreError(
                    f"{file} holds something else than a report: it would be overwritten",
                    hint="name another file to write, or take this one away",
                )


def check_apart(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse files to write of which one is an input, or the same as another.

    Args:
        outputs: files to write, in folders that may be missing.
        inputs: files that are read.

    Raises:
        RestoreError: names the file.
    """
    files = list(outputs)
    seen: dict[object, Path] = {}
    for file in files:
        if seen.setdefault(_identity(file) or _place(file), file) is not file:
            raise RestoreError(
                f"{file} is named for two things to write", hint="give each a file of its own"
            )
    _check_spared({key: file for file in files if (key := _identity(file)) is not None}, inputs)


def files_of(name: str | Path | None) -> list[Path]:
    """The files that an option stands for: one, or those of a folder; none for other names."""
    path = Path(name or "")
    if not name or not path.exists():
        return []
    return [one for one in path.iterdir() if one.is_file()] if path.is_dir() else [path]


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder to write a model into that is a file, or holds something.

    Args:
        folder: may be missing.
        overwrite: whether files in it may be replaced.

    Raises:
        RestoreError: it cannot be or must not be written into.
    """
    if folder.exists() and not folder.is_dir():
        raise RestoreError(f"{folder} is no folder", hint="name a folder")
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise RestoreError(
            f"{folder} is not empty", hint="--overwrite replaces a model there; or name another"
        )


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two names lead to one file that exists."""
    identity = _identity(one)
    return identity is not None and identity == _identity(other)


def _check_place(file: Path) -> None:
    if file.is_dir():
        raise RestoreError(f"{file} is a folder", hint="name a file in a folder that exists")
    if not file.parent.is_dir():
        raise RestoreError(
            f"{file} cannot be written: no folder {file.parent}",
            hint="name a file in a folder that exists",
        )
    # Replacing a device such as /dev/null takes it from everybody.
    if file.exists() and not stat.S_ISREG(file.stat().st_mode):
        raise RestoreError(f"{file} is no plain file", hint="name another file to write")


def _check_spared(written: Mapping[object, Path], inputs: Iterable[Path]) -> None:
    if not written:
        return
    for source in inputs:
        file = written.get(_identity(source))
        if file is not None:
            raise RestoreError(
                f"{file} is an input: it would be overwritten", hint="name another file to write"
            )


def _identity(path: Path) -> tuple[int, int] | None:
    """What file a name leads to, or None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _place(path: Path) -> Path:
    return path.parent.resolve() / path.name
