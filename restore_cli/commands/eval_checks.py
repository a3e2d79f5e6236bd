"""What `restore eval` refuses before anything is computed, and what its words mean."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from restore_cli.commands import outputs
from restore_cli.errors import RestoreError
from restore_cli.evaluation.metric_names import check_name

if TYPE_CHECKING:
    from restore_cli.evaluation.gate import Bounds
    from restore_cli.evaluation.pairing import Pair
    from restore_cli.images.pair_rules import Rule

STDOUT = Path("-")


@dataclass(frozen=True, slots=True)
class Files:
    """What is to be written; None is not. `-` is standard output.

    Attributes:
        csv: every number.
        markdown: the summary for a pull request.
        junit: the gate's tests.
        report: the HTML page.
        baseline: these numbers, for later.
    """

    csv: Path | None = None
    markdown: Path | None = None
    junit: Path | None = None
    report: Path | None = None
    baseline: Path | None = None

    @property
    def to_stdout(self) -> bool:
        """Whether one of them takes standard output."""
        return STDOUT in (self.csv, self.markdown)

    @property
    def named(self) -> list[Path]:
        """The files among them."""
        every = (self.csv, self.markdown, self.junit, self.report, self.baseline)
        return [file for file in every if file is not None and file != STDOUT]

    def check(self, *, json: bool) -> None:
        """Refuse what cannot be written, before computing for an hour.

        Raises:
            RestoreError: there is no such folder, one name is given twice, or two things go to
                standard output.
        """
        outputs.check_outputs(self.named)
        if [self.csv, self.markdown, STDOUT if json else None].count(STDOUT) > 1:
            raise RestoreError(
                "two things would be written to standard output",
                hint="keep one of --json, --csv - and --markdown -, and name files for the others",
            )

    def spare(self, inputs: Iterable[Path]) -> None:
        """Refuse to overwrite inputs, and other files than reports.

        Raises:
            RestoreError: one of the files is an input, or holds no text.
        """
        outputs.check_outputs(self.named, inputs)
        outputs.check_texts(self.named)


def sides(paths: Sequence[str], reference: str | None) -> tuple[list[Path], Path]:
    """Tell which of the paths are outputs, and what is the reference.

    Raises:
        RestoreError: nothing tells, or a path is empty.
    """
    if "" in (*paths, reference):
        # Path("") is the working directory: an unset shell variable must not stand for it.
        raise RestoreError("a path is an empty text", hint="name a file or folder")
    if reference is not None and paths:
        return [Path(path) for path in paths], Path(reference)
    if reference is None and len(paths) == 2:
        return [Path(paths[0])], Path(paths[1])
    if reference is None and len(paths) > 2:
        raise RestoreError(
            f"{len(paths)} paths are given, and nothing says which is the reference",
            hint="name it: restore eval A B --reference R",
        )
    raise RestoreError(
        "nothing to compare" if not paths else f"{paths[0]} is given without a reference",
        hint="name an output and its reference: restore eval restored/ truth/",
    )


def check_given(given: Sequence[Path], *, one: bool) -> None:
    """Refuse outputs that are given twice, or several where a baseline is kept or compared.

    Args:
        given: the outputs to measure.
        one: there may be only one.
    """
    twice = [path for path, times in Counter(given).items() if times > 1]
    if twice:
        raise RestoreError(f"{twice[0]} is given twice", hint="name each output once")
    if len(given) > 1 and one:
        raise RestoreError(
            "a baseline holds one output, but several are given",
            hint="measure the outputs one at a time",
        )


def check_gate(
    baseline: Path | None, max_drop: str | None, max_drop_each: str | None, junit: Path | None
) -> None:
    """Refuse half a gate, before anything heavy is imported."""
    if (baseline is None) != (max_drop is None and max_drop_each is None):
        raise RestoreError(
            "--baseline belongs together with --max-drop or --max-drop-each",
            hint="for example --baseline quality.json --max-drop psnr=0.05,ssim=0.001",
        )
    if junit is not None and baseline is None:
        raise RestoreError(
            "--junit writes what a gate found, and there is no gate",
            hint="add --baseline quality.json --max-drop psnr=0.05",
        )


def bounds_of(max_drop: str | None, max_drop_each: str | None) -> "Bounds":
    """Read what may fall.

    Raises:
        RestoreError: it is no list of names and numbers.
    """
    from restore_cli.evaluation.gate import Bounds, parse_max_drop

    return Bounds(
        means={} if max_drop is None else parse_max_drop(max_drop),
        each={} if max_drop_each is None else parse_max_drop(max_drop_each, "--max-drop-each"),
    )


def metric_names(text: str, *, with_split: bool) -> list[str]:
    """Read the list of metrics.

    Args:
        text: names with commas between.
        with_split: a report draws how much of each picture's error is photometric.

    Raises:
        RestoreError: none is named, or one that there is not.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise RestoreError("--metrics names no metric", hint="for example --metrics psnr,ssim")
    for name in names:
        check_name(name)
    return [*names, "photometric-share"] if with_split else names


def labels_of(outputs: Sequence[Path]) -> list[str]:
    """Give the outputs' own names, or their whole paths where two are called alike."""
    names = [path.name or path.resolve().name for path in outputs]
    return names if len(set(names)) == len(names) else [str(path) for path in outputs]


def pairs_of(
    outputs: Sequence[Path],
    reference: Path,
    *,
    recursive: bool,
    resize_reference: bool,
    crop_reference: bool,
    rule: "Rule",
) -> "list[list[Pair]]":
    """Pair each output with the references; what is wrong with any of them is told together."""
    from restore_cli.evaluation.pairing import check_sizes, pair

    sets: list[list[Pair]] = []
    wrong: list[RestoreError] = []
    for output in outputs:
        try:
            pairs = pair(output, reference, recursive=recursive, rule=rule)
            check_sizes(pairs, resize_reference=resize_reference, crop_reference=crop_reference)
            sets.append(pairs)
        except RestoreError as error:
            wrong.append(error)
    if wrong:
        hints = dict.fromkeys(error.hint for error in wrong if error.hint)
        messages = dict.fromkeys(error.message for error in wrong)
        raise RestoreError("\n".join(messages), hint="; ".join(hints) or None)
    return sets
