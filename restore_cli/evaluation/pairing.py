"""Which output belongs to which reference: by name, never by the order of a list.

Everything that is wrong is told at once and before anything is computed. A picture left out
silently, or compared with its neighbour, gives a number that looks like any other.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.evaluation.problems import Problems
from restore_cli.images.formats import UNREADABLE_SUFFIXES
from restore_cli.images.listing import is_folder, not_a_file, walk, why_no_pictures
from restore_cli.images.pair_rules import Rule
from restore_cli.models import shipped
from restore_cli.workers import Workers

TASKS = (*shipped.TASKS, "isp", "ot-correct")
"""Names that commands add to a stem: `photo.jpg` becomes `photo-derain.png`."""

_SUFFIX = re.compile(rf"[-_](?:{'|'.join(TASKS)})$")
BY_STEM = Rule()
_THREADS = 4  # headers wait for the disk, not for a core


@dataclass(frozen=True, slots=True)
class Pair:
    """An output and what it should look like.

    Attributes:
        name: the reference's path in its folder, without the file suffix, with "/" and in
            Unicode's composed form (NFC), so that it is the same on every system: "sub/img_01".
        output: the file to judge.
        reference: the file to compare with.
    """

    name: str
    output: Path
    reference: Path


def pair(
    output: Path, reference: Path, *, recursive: bool = False, rule: Rule = BY_STEM
) -> list[Pair]:
    """Pair two files, whatever their names, or the pictures of two folders by their stems.

    `photo-derain.png` and `photo_derain.png` match the reference `photo.jpg`, for every name of
    `TASKS`, also one after another; a reference of exactly the output's stem comes first. The file
    suffix and its case do not matter. The two may be the same: a comparison with itself.

    Args:
        output: a file or folder.
        reference: the same kind.
        recursive: walk into subfolders; their names must match as well.
        rule: another way than by stems; then one reference may have many outputs, and pairs are
            called by their outputs.

    Returns:
        The pairs, in the order of the references' names.

    Raises:
        RestoreError: there is no such pair of files or folders, a folder holds no picture, an
            output or a reference has no counterpart, two have the same one, or a picture is of a
            kind that is not read. All of them are listed.
    """
    problems = Problems()
    for role, path in (("output", output), ("reference", reference)):
        _check_exists(role, path, problems)
    problems.raise_any("neither output nor reference can be used")
    if is_folder(output) != is_folder(reference):
        folder, file = (output, reference) if is_folder(output) else (reference, output)
        raise RestoreError(
            f"{folder} is a folder, but {file} is a file",
            hint="compare two files, or two folders",
        )
    if not is_folder(output):
        for path in dict.fromkeys((output, reference)):
            if path.suffix.lower() in UNREADABLE_SUFFIXES:
                _add_unreadable(path, problems)
        problems.raise_any("the pictures cannot be compared")
        return [Pair(_name(Path(), reference), output, reference)]
    outputs = _Side.walk(output, recursive, other=reference)
    references = _Side.walk(reference, recursive, other=output)
    if rule.kind != "stem":
        return _match_by_rule(outputs, references, rule)
    return _match(outputs, references)


def check_sizes(
    pairs: Sequence[Pair], *, resize_reference: bool, crop_reference: bool = False
) -> None:
    """Make sure, from the heads of the files, that every pair can be read and has one size.

    Args:
        pairs: what `pair` gave.
        resize_reference: sizes may differ; only unreadable files count.
        crop_reference: references may be larger.

    Raises:
        RestoreError: lists all files that cannot be read, and all pairs of unlike size.
    """
    problems = Problems()
    # A reference serves several outputs, and may be the output itself.
    files = list(dict.fromkeys(path for one in pairs for path in (one.output, one.reference)))
    with Workers(_THREADS, "head") as threads:
        asked = {path: threads.submit(_size_or_error, path) for path in files}
        sizes = {path: size.result() for path, size in asked.items()}
    for size in sizes.values():
        if isinstance(size, RestoreError):
            problems.add("unreadable files", size.message, size.hint)
    for one in pairs:
        ours, theirs = sizes[one.output], sizes[one.reference]
        if isinstance(ours, RestoreError) or isinstance(theirs, RestoreError):
            continue
        larger = theirs[0] >= ours[0] and theirs[1] >= ours[1]
        if ours != theirs and not resize_reference and not (crop_reference and larger):
            problems.add(
                "pairs of unlike size",
                f"{one.name}: output {ours[0]}x{ours[1]}, reference {theirs[0]}x{theirs[1]}",
                _cure(ours, theirs),
            )
    problems.raise_any("the pictures cannot be compared")


def _cure(ours: tuple[int, int], theirs: tuple[int, int]) -> str:
    """What to do about unlike sizes: some sets' references have a border of their own."""
    wide, high = theirs[0] - ours[0], theirs[1] - ours[1]
    if wide == high and wide > 0 and wide % 2 == 0:
        return f"the references have a border of {wide // 2} px more: --reference-crop centre"
    return "give outputs of the references' size, or say --resize-reference"


@dataclass(slots=True)
class _Side:
    """The pictures of one folder.

    Attributes:
        folder: which.
        files: by (subfolder, stem), in the order of the walk.
        unreadable: what cannot be read, by the same key, and why.
        empty: the error of a folder that holds nothing; None otherwise.
    """

    folder: Path
    files: "dict[tuple[str, str], list[Path]]"
    unreadable: "dict[tuple[str, str], list[tuple[Path, RestoreError | None]]]"
    empty: RestoreError | None

    @classmethod
    def walk(cls, folder: Path, recursive: bool, *, other: Path) -> "_Side":
        """List a folder; the other one, where it lies inside, is not a part of it."""
        side = cls(folder, {}, {}, None)
        for listed in walk(folder, recursive=recursive, skip=Path(os.path.realpath(other))):
            path = listed.path
            key = _nfc(listed.below.as_posix()), _nfc(path.stem)
            if listed.problem is not None or path.suffix.lower() in UNREADABLE_SUFFIXES:
                side.unreadable.setdefault(key, []).append((path, listed.problem))
            else:
                side.files.setdefault(key, []).append(path)
        if not side.files and not side.unreadable:
            side.empty = why_no_pictures(folder, recursive=recursive)
        return side

    def knows(self, key: tuple[str, str]) -> bool:
        """Whether a picture of this key is there, readable or not."""
        return key in self.files or key in self.unreadable


def _match(outputs: _Side, references: _Side) -> list[Pair]:
    problems = Problems()
    for side in (outputs, references):
        if side.empty is not None:
            problems.add("empty folders", side.empty.message, side.empty.hint)
    problems.raise_any("there is nothing to compare")
    for side in (outputs, references):
        for path, problem in (one for group in side.unreadable.values() for one in group):
            _add_unreadable(path, problems, problem)
    taken: dict[tuple[str, str], list[Path]] = {}
    alone: list[tuple[str, Path]] = []
    for key, paths in outputs.files.items():
        target = next((k for k in _candidates(key) if references.knows(k)), None)
        if target is None:
            alone += [(key[1], path) for path in paths]
        else:
            taken.setdefault(target, []).extend(paths)
    # An output that cannot be read is a problem by itself, but its reference has it.
    spoken_for = {k for key in outputs.unreadable for k in _candidates(key)}
    missing: list[tuple[str, Path]] = []
    pairs: list[Pair] = []
    for key, paths in references.files.items():
        if len(paths) > 1:
            problems.add(
                "references of one name",
                f"{_several(paths)} are references of one name",
                "keep one reference of each name",
            )
        found = taken.get(key, [])
        if len(found) > 1:
            problems.add(
                "outputs of one reference",
                f"{_several(found)} are outputs of the same reference {paths[0]}",
                "keep one output of each name, or compare them one folder at a time",
            )
        elif not found and key not in spoken_for:
            missing += [(key[1], path) for path in paths]
        elif found:
            pairs.append(Pair(_name(Path(key[0]), paths[0]), found[0], paths[0]))
    _add_orphans(alone, missing, outputs.folder, references.folder, problems)
    problems.raise_any("outputs and references do not pair up")
    return pairs


def _match_by_rule(outputs: _Side, references: _Side, rule: Rule) -> list[Pair]:
    """Pair by keys within each subfolder; every file must find its place."""
    problems = Problems()
    for side in (outputs, references):
        if side.empty is not None:
            problems.add("empty folders", side.empty.message, side.empty.hint)
        for path, problem in (one for group in side.unreadable.values() for one in group):
            _add_unreadable(path, problems, problem)
    by_key: dict[str, dict[str, list[Path]]] = {}
    for (below, stem), paths in references.files.items():
        key = rule.key(stem)
        if key is not None:
            by_key.setdefault(below, {}).setdefault(key, []).extend(paths)
    for paths in (paths for keys in by_key.values() for paths in keys.values() if len(paths) > 1):
        message = f"{_several(paths)} are references of one key"
        problems.add("references of one name", message, "make the rule tell them apart")
    pairs: list[Pair] = []
    used: set[Path] = set()
    for (below, stem), paths in outputs.files.items():
        keys = by_key.get(below, {})
        key = rule.reference_of(stem, keys)
        for path in paths:
            if key is None:
                message = f"{path} has no reference by this rule in {references.folder}"
                problems.add("outputs without a reference", message, "see --pair")
            else:
                used.add(keys[key][0])
                pairs.append(Pair(_name(Path(below), path), path, keys[key][0]))
    for path in (path for paths in references.files.values() for path in paths):
        if path not in used:
            message = f"{path} has no output by this rule in {outputs.folder}"
            problems.add("references without an output", message, "see --pair")
    problems.raise_any("outputs and references do not pair up")
    return pairs


def _candidates(key: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """The keys that an output may stand for: its own, then with one task after another dropped."""
    below, stem = key
    yield key
    while (shorter := _SUFFIX.sub("", stem)) != stem and shorter:
        stem = shorter
        yield below, stem


def _check_exists(role: str, path: Path, problems: Problems) -> None:
    if is_folder(path):
        return
    why, problem = None, not_a_file(path)
    if problem is not None and "leads nowhere" in problem.message and not path.is_symlink():
        why = "does not exist"
    if why is not None:
        problems.add("missing paths", f"the {role} {path} {why}", "check the spelling of the path")
    elif problem is not None:
        problems.add("missing paths", f"the {role} {problem.message}", "name a picture or a folder")


def _add_unreadable(path: Path, problems: Problems, problem: RestoreError | None = None) -> None:
    if problem is not None:
        problems.add("unreadable files", problem.message, "mend or remove what cannot be read")
    else:
        problems.add(
            "pictures of other kinds",
            f"{path}: {path.suffix} pictures are not read",
            "convert them to PNG, JPEG, TIFF or WebP first",
        )


def _add_orphans(
    alone: Sequence[tuple[str, Path]],
    missing: Sequence[tuple[str, Path]],
    outputs: Path,
    references: Path,
    problems: Problems,
) -> None:
    """Say which pictures stand alone, and whether one of the others looks like the counterpart."""
    hint = (
        "add what is missing, or take out what has no counterpart; names must match, except for "
        "the file suffix and a task such as -derain; --pair prefix and --pair regex=PATTERN match "
        "other names"
    )
    near_missing = {stem.casefold(): path for stem, path in missing}
    near_alone = {k[1].casefold(): path for stem, path in alone for k in _candidates(("", stem))}

    def line(path: Path, what: str, folder: Path, near: Path | None) -> str:
        also = f" ({near} lies elsewhere, or differs in upper and lower case)" if near else ""
        return f"{path} has no {what} of its name in {folder}{also}"

    for stem, path in alone:
        keys = (k[1].casefold() for k in _candidates(("", stem)))
        near = next((near_missing[k] for k in keys if k in near_missing), None)
        problems.add("outputs without a reference", line(path, "reference", references, near), hint)
    for stem, path in missing:
        near = near_alone.get(stem.casefold())
        problems.add("references without an output", line(path, "output", outputs, near), hint)


def _several(paths: Iterable[Path]) -> str:
    names = [str(path) for path in paths]
    return ", ".join(names[:-1]) + " and " + names[-1]


def _name(below: Path, reference: Path) -> str:
    # Bytes that are no Unicode are spelled out: names go into JSON, CSV and HTML.
    text = _nfc((below / reference.stem).as_posix())
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _size_or_error(path: Path) -> tuple[int, int] | RestoreError:
    from restore_cli.images.header import count_pages, upright_size

    try:
        if (pages := count_pages(path)) > 1:
            hint = "save the one you want as a file of its own"
            return RestoreError(f"{path}: the file holds {pages} pages, not one picture", hint=hint)
        return upright_size(path)
    except RestoreError as error:
        return error
    except (OSError, ValueError):
        return _size_in_the_readers_words(path)


def _size_in_the_readers_words(path: Path) -> tuple[int, int] | RestoreError:
    from restore_cli.images.header import upright_size

    try:
        return upright_size(path)
    except RestoreError as error:
        return error
