"""A bar that counts pixels, inside a picture too."""

import io
from pathlib import Path
from typing import cast

import pytest
import rich.console
from rich.progress import Progress

from restore_cli.batch.pipeline import Result
from restore_cli.batch.sizes import Sizes
from restore_cli.commands.console import Console
from restore_cli.commands.pixel_bar import PixelBar


class _Counted(Sizes):
    """Three pictures of 100 px, known at once."""

    def __init__(self) -> None:
        super().__init__([], lambda path: 100)

    def total(self, dropped: int = 0) -> int:
        return 300 - dropped

    def of(self, source: Path) -> int:
        return 100


def _progress(width: int = 60) -> tuple[Progress, io.StringIO]:
    out = io.StringIO()
    console = Console()
    console.people = rich.console.Console(file=out, force_terminal=True, width=width)
    progress = console.progress(files=True)
    progress.live.auto_refresh = False
    return progress, out


def _result(status: str) -> Result:
    return Result(Path("a"), Path("b"), cast("str", status), height=10, width=10)  # pyright: ignore


def test_pixels_count_inside_a_picture_and_skipped_ones_leave_the_total() -> None:
    progress, _ = _progress()
    bar = PixelBar()
    with progress, bar.shown(progress, "derain", 3, _Counted()):
        (task,) = progress.tasks
        steps: list[tuple[float, float | None]] = []
        for action in (
            lambda: bar.within(25, 100),
            lambda: bar.within(100, 100),
            lambda: bar.finish(_result("done")),
            lambda: bar.finish(_result("skipped")),
            lambda: bar.within(50, 100),
        ):
            action()
            steps.append((task.completed, task.total))
        assert steps == [(25, 300), (100, 300), (100, 300), (100, 200), (150, 200)]
        assert task.fields["files"] == "2/3"


def test_pictures_count_where_nobody_tells_of_windows() -> None:
    progress, _ = _progress()
    bar = PixelBar()
    with progress, bar.shown(progress, "ot-correct", 3, _Counted()):
        bar.finish(_result("done"))
        assert progress.tasks[0].completed == 100
    bar = PixelBar()
    with progress, bar.shown(progress, "libraw", 3, None):
        bar.finish(_result("done"))
        assert (progress.tasks[1].completed, progress.tasks[1].total) == (1, 3)


@pytest.mark.parametrize("width", [60, 140])
def test_the_numbers_fit_on_one_line(width: int) -> None:
    progress, out = _progress(width)
    bar = PixelBar()
    with progress, bar.shown(progress, "derain", 3, _Counted()):
        bar.within(75, 100)
        progress.refresh()
    drawn = out.getvalue()
    assert "25%" in drawn
    assert "0/3" in drawn


def test_nothing_is_drawn_or_counted_without_a_terminal() -> None:
    bar = PixelBar()
    with Console(quiet=True).progress(files=True) as progress:
        assert progress.disable
        with bar.shown(progress, "derain", 3, _Counted()):
            bar.within(10, 100)
            bar.finish(_result("done"))
        assert progress.tasks == []
