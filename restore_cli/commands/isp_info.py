"""`restore isp --info`: what RAW files say, as tables or JSON lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore_cli.commands.console import Console
from restore_cli.errors import ExitCode, RestoreError

if TYPE_CHECKING:
    from restore_cli.raw.info import RawInfo


def show_info(
    console: Console,
    inputs: Sequence[str],
    *,
    recursive: bool,
    black: float | None,
    white: float | None,
) -> None:
    """Print what each file says; a file that cannot be read does not stop the others.

    Args:
        console: where to.
        inputs: files, folders and patterns.
        recursive: walk into subfolders.
        black: replaces the black level.
        white: replaces the white level.

    Raises:
        RestoreError: at the end, if some could not be read.
    """
    from restore_cli.batch.inputs import Finder, Refused
    from restore_cli.raw.file import open_raw
    from restore_cli.raw.suffixes import RAWS

    finder = Finder("isp", recursive, None, RAWS)
    problems: list[RestoreError] = []
    done = 0
    for found in (one for text in inputs for one in finder.find(text)):
        path = found.source if isinstance(found, Refused) else found.path
        try:
            if isinstance(found, Refused):
                raise found.problem
            with open_raw(path) as raw:
                facts = _facts(raw.info(black=black, white=white))
        except RestoreError as error:
            problems.append(error)
            console.emit({"input": path, "status": "failed", "error": error.message})
            continue
        done += 1
        console.emit({"input": path, "status": "done", **facts})
        _print(console, path, facts)
    console.emit({"event": "summary", "done": done, "failed": len(problems)})
    if problems:
        code = problems[0].exit_code if not done and len(problems) == 1 else ExitCode.SOME_FAILED
        lines = "\n".join(problem.message for problem in problems)
        raise RestoreError(lines, hint=problems[0].hint, exit_code=code)


def _facts(info: "RawInfo") -> dict[str, object]:
    from restore_cli.raw.dng_tags import Area

    levels, tags = info.levels, info.tags
    crop = info.crop or Area(0, 0, info.height, info.width)
    return {
        "make": tags.make,
        "model": tags.model,
        "lens": tags.lens,
        "date": tags.date,
        "width": info.width,
        "height": info.height,
        "crop": [crop.top, crop.left, crop.bottom, crop.right],
        "orientation": info.orientation,
        "kind": info.kind,
        "cfa": info.cfa or None,
        "black": levels.tile.tolist(),
        "black_deltas": levels.rows is not None or levels.columns is not None,
        "white": levels.white,
        "whites": None if levels.whites is None else levels.whites.tolist(),
        "wb_camera": list(info.camera_gains),
        "wb_daylight": None if info.daylight_gains is None else list(info.daylight_gains),
        "matrix": info.matrix.tolist(),
        "baseline_exposure": tags.baseline_exposure,
        "iso": info.iso,
        "shutter": info.shutter,
        "aperture": info.aperture,
        "focal_length": info.focal_length,
        "notes": list(info.notes),
    }


def _print(console: Console, path: Path, facts: dict[str, object]) -> None:
    console.answer(f"{path}")
    rows = [(name.replace("_", " "), _words(value)) for name, value in facts.items()]
    console.table(("what", "value"), [row for row in rows if row[1]])


def _words(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        # Numbers by commas, rows by semicolons; a level of nesting that holds one thing is no news.
        parts: list[Any] = value
        separator = "; " if parts and isinstance(parts[0], list) and len(parts) > 1 else ", "
        return separator.join(_words(part) for part in parts)
    return str(value)
