"""Before and after: beside each output (`--compare`), or all on one sheet (`--sheet`)."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, cast

from restore_cli.api.change import in_words
from restore_cli.batch.planning import Job
from restore_cli.commands.outputs import check_apart
from restore_cli.errors import RestoreError
from restore_cli.images.atomic import write_atomically
from restore_cli.images.drawn_sheet import COMPARISON, marked

if TYPE_CHECKING:
    # What draws is imported where something is drawn.
    import numpy as np
    from numpy.typing import NDArray

    from restore_cli.batch.inputs import Refused
    from restore_cli.batch.pipeline import Result

SIDE = 1600
"""px; pictures of `--compare` are reduced to this."""
THUMBNAIL = 480
"""px; of `--sheet`."""
MOST_DRAWN = 60
"""Pictures on a drawn sheet; more do not fit into one file that programs open. HTML takes all."""
_KINDS = (".jpg", ".jpeg", ".png", ".html")
_QUALITY = 88


def check_sheet(path: Path | None) -> None:
    """Refuse a sheet that cannot be written. Raises RestoreError."""
    if path is None:
        return
    if path.suffix.lower() not in _KINDS:
        raise RestoreError(
            f"--sheet {path}: its name does not end in {', '.join(_KINDS)}",
            hint="for example --sheet sheet.html",
        )
    if not path.absolute().parent.is_dir():
        raise RestoreError(f"--sheet {path}: there is no folder {path.parent}")


@dataclass
class BeforeAfter:
    """Gathers what a run has done, picture by picture.

    Attributes:
        label: what was done, under the second picture.
        beside: write a comparison beside each output.
        sheet: the file to write at the end; None for none.
        names: of inputs that were read under another name.
    """

    label: str
    beside: bool = False
    sheet: Path | None = None
    names: Mapping[Path, str] = field(default_factory=dict[Path, str])
    _rows: list[tuple[int, str, str, NDArray[np.uint8], NDArray[np.uint8]]] = field(
        default_factory=lambda: []
    )
    _places: dict[Path, int] = field(default_factory=lambda: {})
    _left_out: int = 0

    def check(self, jobs: Sequence[Job | Refused]) -> None:
        """Refuse comparisons that would replace an input, an output or each other.

        Raises:
            RestoreError: names the file.
        """
        if not self.beside and self.sheet is None:
            return
        # Pictures are finished in another order than they are named in.
        self._places |= {
            job.source: place for place, job in enumerate(jobs, start=len(self._places))
        }
        known = [(job.source, job.output) for job in jobs if isinstance(job, Job)]
        sheets = [self.sheet] if self.sheet is not None else []
        beside = [_beside(output) for _, output in known] if self.beside else []
        _check_one_each(beside, [output for _, output in known])
        check_apart(
            [*sheets, *(output for _, output in known), *beside], [source for source, _ in known]
        )

    def add(self, result: Result) -> Path | None:
        """Take in one finished picture, also one that was skipped because it was there.

        Returns:
            The comparison that was written beside it, if any.

        Raises:
            RestoreError: it cannot be read again, or the comparison cannot be written.
        """
        wanted = self.beside or self.sheet is not None
        if not wanted or result.output is None or result.status == "failed":
            return None
        from restore_cli.images.picture import Picture
        from restore_cli.images.resize import resized
        from restore_cli.images.sheet import Labelled, drawn, reduced

        before, after = (Picture.read(path).to_srgb() for path in (result.source, result.output))
        if before.shape != after.shape:  # an upscaler's: shown at one size
            before = resized(before, *after.shape[:2])
        done = f"after: {_steps(result, self.label)}"
        if self.sheet is not None:
            drawn_full = self.sheet.suffix.lower() != ".html" and len(self._rows) >= MOST_DRAWN
            self._left_out += drawn_full
            if not drawn_full:
                first, second = (reduced(one, THUMBNAIL, THUMBNAIL) for one in (before, after))
                said = in_words(result.details)
                name = self.names.get(result.source, str(result.source))
                place = self._places.get(result.source, len(self._rows))
                self._rows.append(
                    (place, name, f"{done}{f' ({said})' if said else ''}", first, second)
                )
        if not self.beside:
            return None
        pair = [
            Labelled(reduced(before, SIDE, SIDE), "before"),
            Labelled(reduced(after, SIDE, SIDE), done),
        ]
        path = _beside(result.output)
        write_atomically(path, encoded(drawn([("", pair)]), ".jpg"))
        return path

    def write(self) -> str | None:
        """Write the sheet, if one is wanted and there is anything to show.

        Returns:
            What to tell of it.

        Raises:
            RestoreError: it cannot be written.
        """
        if self.sheet is None or not self._rows:
            return None
        from restore_cli.images.sheet import Labelled, drawn

        shown = [row[1:] for row in sorted(self._rows, key=lambda row: row[0])]
        if self.sheet.suffix.lower() == ".html":
            write_atomically(self.sheet, _page(self.label, shown).encode())
        else:
            rows = [
                (name, [Labelled(before, "before"), Labelled(after, done)])
                for name, done, before, after in shown
            ]
            write_atomically(self.sheet, encoded(drawn(rows), self.sheet.suffix.lower()))
        more = f", the first {len(self._rows)} pictures (.html takes all)" if self._left_out else ""
        return f"sheet: {self.sheet}{more}"


def _check_one_each(comparisons: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Refuse outputs that differ in their ending only, so that their comparisons are one."""
    first: dict[Path, Path] = {}
    for comparison, output in zip(comparisons, outputs, strict=False):
        other = first.setdefault(comparison, output)
        if other is not output:
            raise RestoreError(
                f"the comparisons of {other} and {output} would both be written to {comparison}",
                hint="restore them in separate runs with an -o of their own, or take --sheet",
            )


def _beside(output: Path) -> Path:
    """Where the comparison of an output goes."""
    return output.with_name(f"{output.stem}{COMPARISON}")


def encoded(pixels: NDArray[np.uint8], suffix: str) -> bytes:
    """(H, W, 3) uint8 as a JPEG or PNG file; a JPEG says that it was drawn."""
    import cv2
    import numpy as np

    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if suffix != ".png" else []
    done, data = cv2.imencode(suffix, np.ascontiguousarray(pixels[:, :, ::-1]), options)
    assert done
    return data.tobytes() if suffix == ".png" else marked(data.tobytes())


def _steps(result: Result, label: str) -> str:
    steps = result.details.get("steps")
    if isinstance(steps, list):
        return ", ".join(cast("list[str]", steps)) or "left as is"
    return label


def _page(label: str, rows: list[tuple[str, str, NDArray[np.uint8], NDArray[np.uint8]]]) -> str:
    cards = [
        _CARD.substitute(
            name=html.escape(name.encode("utf-8", "replace").decode()),
            done=html.escape(done),
            before=_uri(before),
            after=_uri(after),
        )
        for name, done, before, after in rows
    ]
    return _PAGE.substitute(
        title=html.escape(f"restore: {label}"), count=len(rows), cards="\n".join(cards)
    )


def _uri(pixels: NDArray[np.uint8]) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(encoded(pixels, '.jpg')).decode()}"


_CARD = Template(
    '<section><h2>$name</h2><div class="pair">'
    '<figure><img alt="before" src="$before"><figcaption>before</figcaption></figure>'
    '<figure><img alt="after" src="$after"><figcaption>$done</figcaption></figure>'
    "</div></section>"
)
_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>
body { font: 16px/1.4 system-ui, sans-serif; margin: 1rem auto; max-width: 1040px; padding: 0 1rem;
  color: #222; background: #fff; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 1.5rem 0 .4rem; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
figure { margin: 0; } img { max-width: 100%; height: auto; display: block; }
figcaption { color: #555; font-size: .9rem; }
@media (max-width: 480px) { .pair { gap: 4px; } body { padding: 0 .5rem; } }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd; }
  figcaption { color: #aaa; } }
</style></head><body>
<h1>$title</h1><p>$count pictures, before and after.</p>
$cards
</body></html>
""")
