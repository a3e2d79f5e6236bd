"""Which pictures become which outputs, decided before anything is read or written.

What is wrong usage for the whole batch raises here, so that nothing has been written then.
"""

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from restore_cli.batch.inputs import Finder, Found, Refused
from restore_cli.errors import ExitCode, RestoreError, nearest
from restore_cli.folders import make_folder
from restore_cli.images.formats import FORMAT_OF_SUFFIX, FORMATS, UNREADABLE_SUFFIXES
from restore_cli.images.listing import PICTURES, Suffixes
from restore_cli.raw.suffixes import RAWS

_LONGEST_NAME = 255
"""Bytes; the usual limit of file systems."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to restore.

    Attributes:
        source: the picture to read.
        output: the file to write; its folder need not exist yet.
        format: what to write, a key of `images.formats.FORMATS`.
    """

    source: Path
    output: Path
    format: str


def plan(
    inputs: Sequence[str],
    output: str | None = None,
    *,
    label: str,
    format: str | None = None,
    suffix: str | None = None,
    recursive: bool = False,
    suffixes: Suffixes = PICTURES,
) -> list[Job | Refused]:
    """Turn what the user named into jobs, in a fixed order.

    Args:
        inputs: files, folders and glob patterns.
        output: a folder, or a file if there is a single input file. None: `img-LABEL/` beside a
            folder `img/`, and `photo-LABEL.png` beside a file `photo.jpg`.
        label: what was done, for default names: the task.
        format: a key of `images.formats.FORMATS`, or "same" as the input. None: what the suffix
            of an output file says, otherwise "png".
        suffix: text between stem and file suffix; None for the default.
        recursive: walk into subfolders and mirror the tree.
        suffixes: which files of folders and patterns count.

    Raises:
        RestoreError: nothing to do, an output that fits neither inputs nor format, two inputs with
            the same output, or an output that is an input.
    """
    if not inputs:
        raise RestoreError(
            "no input given", hint="name files, folders, or quoted patterns such as 'img/*.jpg'"
        )
    if output == "":
        # An unset shell variable must not stand for the working directory.
        raise RestoreError("-o is an empty text", hint="name a file or folder; `.` is this one")
    if suffix and any(mark in suffix for mark in ("/", os.sep, "\0")):
        raise RestoreError(
            f"--suffix {suffix!r} holds a path separator", hint="-o chooses the folder"
        )
    skip = None if output is None else Path(output).resolve()
    finder = Finder(label, recursive, skip, suffixes)
    found = [one for text in inputs for one in finder.find(text)]
    _check_any_left(found)
    target = None if output is None else _Target.parse(output, found, format, suffix)
    raws = suffixes is not PICTURES
    jobs = [_job(one, target, format, suffix, raws=raws) for one in found]
    jobs = _without_collisions(jobs, keeps_suffixes=format == "same")
    _check_inputs_kept([job for job in jobs if isinstance(job, Job)])
    return jobs


def all_there(jobs: Iterable[Job | Refused]) -> bool:
    """Whether each job has an output already, of whatever age."""
    return all(os.path.lexists(job.output) for job in jobs if isinstance(job, Job))


def _check_any_left(found: Sequence[Found | Refused]) -> None:
    """Raise if no input is left and the reason is wrong usage rather than bad pictures."""
    problems = [one.problem for one in found if isinstance(one, Refused)]
    if len(problems) < len(found) or any(p.exit_code != ExitCode.USAGE for p in problems):
        return
    if len(problems) == 1:
        raise problems[0]
    lines = "\n".join(f"  {problem.message}" for problem in problems)
    raise RestoreError(
        f"none of the {len(problems)} inputs holds a picture:\n{lines}", hint=problems[0].hint
    )


_USUAL = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
"""Suffixes that a misspelt one stands for; of others, which are rare, it may be a folder's name."""


@dataclass(frozen=True, slots=True)
class _Target:
    """What `-o` means: a folder, or one file with its format."""

    folder: Path
    file: Path | None = None
    format: str = "png"

    @classmethod
    def parse(
        cls,
        text: str,
        found: Sequence[Found | Refused],
        format: str | None,
        suffix: str | None,
    ) -> "_Target":
        """Decide from the name, what is on disk, and the number of inputs.

        Raises:
            RestoreError: it can be neither, or contradicts `format` or `suffix`.
        """
        path = Path(text)
        separators = tuple(filter(None, (os.sep, os.altsep)))
        ending = path.suffix.lower()
        only = found[0] if len(found) == 1 else None
        alone = isinstance(only, Refused) or (only is not None and only.named)
        is_folder = path.is_dir() or text.endswith(separators)
        if not is_folder and ending in FORMAT_OF_SUFFIX:
            if not alone:
                raise RestoreError(
                    f"-o {text} names a file, but the input is not a single file",
                    hint=f"name a folder; `-o {text}/` makes one of that name",
                )
            if suffix:
                raise RestoreError(
                    "--suffix has no meaning when -o names the file", hint="give one of them"
                )
            _check_folder(path.parent, text)
            return cls(path.parent, path, _file_format(path, only, format))
        if not is_folder and alone and ending in UNREADABLE_SUFFIXES | RAWS.readable:
            raise RestoreError(
                f"-o {text}: {ending} files are not written",
                hint="it writes " + ", ".join(sorted(FORMAT_OF_SUFFIX)),
            )
        near = nearest(ending, _USUAL) if alone and not is_folder and ending else None
        if near is not None:
            raise RestoreError(
                f"-o {text}: {ending} is no format",
                hint=f"did you mean {near}? `-o {text}/` makes a folder of that name",
            )
        _check_folder(path, text)
        return cls(path)


def _file_format(path: Path, only: Found | Refused | None, format: str | None) -> str:
    """The format of an output file, which `--format` may confirm and must not contradict."""
    says = FORMAT_OF_SUFFIX[path.suffix.lower()]
    if format == "same" and only is not None:
        source = only.path if isinstance(only, Found) else only.source
        format = FORMAT_OF_SUFFIX.get(source.suffix.lower())
    if format not in (None, says):
        raise RestoreError(
            f"-o {path} says {says}, but --format says {format}",
            hint="leave --format out: the suffix decides",
        )
    return says


def _check_folder(folder: Path, told: str) -> None:
    """Raise if the output folder cannot be made or written to, before any work is done."""
    existing = folder.absolute()
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        raise RestoreError(f"-o {told}: {existing} is not a folder", hint="choose another folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise RestoreError(
            f"-o {told}: no permission to write in {existing}", hint="choose another folder"
        )


def prepare_folder(folder: Path) -> None:
    """Make the output folder, and find out before computing whether it takes files."""
    if not folder.is_dir():
        make_folder(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RestoreError(
            f"no permission to write in {folder}",
            hint="choose another folder with -o",
            exit_code=ExitCode.SOME_FAILED,
        )


def _job(
    found: Found | Refused,
    target: _Target | None,
    format: str | None,
    suffix: str | None,
    *,
    raws: bool,
) -> Job | Refused:
    """Name the output of one picture."""
    if isinstance(found, Refused):
        return found
    path = found.path
    ending = path.suffix.lower()
    if ending in UNREADABLE_SUFFIXES:
        return Refused(path, _unreadable(path))
    if not raws and ending in RAWS.readable:
        return Refused(path, _raw(path))
    if target is not None and target.file is not None:
        return Job(path, target.file, target.format)
    if format != "same":
        kind = format or "png"
        ending = FORMATS[kind].suffixes[0]
    elif ending in FORMAT_OF_SUFFIX:
        kind, ending = FORMAT_OF_SUFFIX[ending], path.suffix
    else:
        problem = RestoreError(
            f"{path}: its name does not tell a format that can be written",
            hint="choose one with --format",
            exit_code=ExitCode.SOME_FAILED,
        )
        return Refused(path, problem)
    if target is None:
        folder, tag = found.home, found.tag
    else:
        folder, tag = target.folder / found.below, ""
    # What is no file suffix belongs to the name: `scan.2024` becomes `scan.2024.png`.
    stem = path.stem if re.fullmatch(r"\.[a-z][a-z0-9]{1,4}", path.suffix.lower()) else path.name
    name = f"{stem}{tag if suffix is None else suffix}{ending}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        return Refused(path, _too_long(path, name, f"{stem}{ending}"))
    return Job(path, folder / name, kind)


def _too_long(path: Path, name: str, bare: str) -> RestoreError:
    helps = len(os.fsencode(bare)) <= _LONGEST_NAME
    return RestoreError(
        f"{path}: the name of its output would be too long ({len(os.fsencode(name))} bytes)",
        hint="--suffix '' with -o FOLDER keeps the name as it is" if helps else "rename it",
        exit_code=ExitCode.SOME_FAILED,
    )


def _raw(path: Path) -> RestoreError:
    return RestoreError(
        f"{path}: this is a camera RAW file",
        hint="develop it first: restore isp",
        exit_code=ExitCode.SOME_FAILED,
    )


def _unreadable(path: Path) -> RestoreError:
    return RestoreError(
        f"{path}: {path.suffix} pictures are not read",
        hint="convert it to PNG, JPEG, TIFF or WebP first",
        exit_code=ExitCode.SOME_FAILED,
    )


def _without_collisions(
    jobs: Iterable[Job | Refused], *, keeps_suffixes: bool
) -> list[Job | Refused]:
    """Drop inputs that were named twice; raise if two inputs have one output."""
    kept: list[Job | Refused] = []
    seen: dict[str, Job] = {}
    folders: dict[Path, str] = {}
    clashes: list[tuple[Job, Job]] = []
    for job in jobs:
        if isinstance(job, Job):
            parent = job.output.parent
            if parent not in folders:
                folders[parent] = os.path.realpath(parent)
            first = seen.setdefault(_on_disk(folders[parent], job.output.name), job)
            if first is not job:
                if os.path.realpath(first.source) != os.path.realpath(job.source):
                    clashes.append((first, job))
                continue
        kept.append(job)
    if not clashes:
        return kept
    first, second = clashes[0]
    more = f" (and {len(clashes) - 1} more such pairs)" if len(clashes) > 1 else ""
    if not keeps_suffixes and first.source.name != second.source.name:
        hint = "`--format same` keeps their suffixes, and so their names apart"
    else:
        hint = "restore them in separate runs, each with its own -o"
    raise RestoreError(
        f"{first.source} and {second.source} would both be written to {second.output}{more}",
        hint=hint,
    )


def _on_disk(folder: str, name: str) -> str:
    """A key that is equal for names that the file system takes for the same."""
    key = str(Path(folder, name))
    if sys.platform in ("darwin", "win32"):
        key = unicodedata.normalize("NFC", key).casefold()
    return key


def _check_inputs_kept(jobs: Sequence[Job]) -> None:
    """Raise if an output is one of the inputs, under whatever name or link."""
    inputs: dict[tuple[int, int], Path] | None = None
    for job in jobs:
        identity = _identity(job.output)
        if identity is None:
            continue
        if inputs is None:
            known = ((_identity(other.source), other.source) for other in jobs)
            inputs = {key: source for key, source in known if key is not None}
        if identity in inputs:
            raise RestoreError(
                f"{job.output}, the output of {job.source}, is the input {inputs[identity]}",
                hint="choose another folder with -o, or add a --suffix: inputs are never changed",
            )


def _identity(path: Path) -> tuple[int, int] | None:
    """What file a path leads to, or None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
