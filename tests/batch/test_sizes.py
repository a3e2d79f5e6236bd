"""How many pixels a batch has, counted beside the work."""

import time
from pathlib import Path

from restore_cli.batch.inputs import Refused
from restore_cli.batch.planning import Job
from restore_cli.batch.sizes import Sizes
from restore_cli.errors import RestoreError

JOBS = [Job(Path(name), Path(f"{name}.png"), "png") for name in ("10", "20", "broken", "60")]
REFUSED = Refused(Path("x"), RestoreError("no"))


def _counted(sizes: Sizes) -> Sizes:
    for _ in range(200):
        if len(sizes._known) == len(JOBS):  # pyright: ignore[reportPrivateUsage]
            break
        time.sleep(0.01)
    return sizes


def test_all_files_are_counted_and_what_cannot_be_read_is_nothing() -> None:
    with Sizes([*JOBS, REFUSED], lambda path: int(path.name)) as sizes:
        _counted(sizes)
        assert sizes.total() == 90
        assert sizes.total(dropped=20) == 70
        assert (sizes.of(Path("20")), sizes.of(Path("broken"))) == (20, 0)


def test_what_is_not_counted_yet_is_taken_as_the_mean() -> None:
    sizes = Sizes(JOBS, lambda path: int(path.name))
    assert sizes.total() == 0
    sizes._known[Path("10")] = 10  # pyright: ignore[reportPrivateUsage]
    sizes._left = 3  # pyright: ignore[reportPrivateUsage]
    assert sizes.total() == 40
    assert sizes.of(Path("60")) == 10


def test_counting_ends_with_the_context() -> None:
    seen: list[Path] = []

    def slow(path: Path) -> int:
        seen.append(path)
        time.sleep(0.05)
        return 1

    with Sizes(JOBS * 100, slow):
        pass
    assert len(seen) < 100
