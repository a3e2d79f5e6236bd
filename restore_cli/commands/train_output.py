"""What `restore train` says: how it begins, how it goes, what came of it."""

from pathlib import Path
from typing import TYPE_CHECKING

from restore_cli.commands.console import Console

if TYPE_CHECKING:
    from restore_cli.training.check import Check
    from restore_cli.training.loop import Trained
    from restore_cli.training.meter import Progress, Start


def tell_start(console: Console, start: "Start") -> None:
    """Where it computes, whether it goes on, and what the inputs measure."""
    console.emit(
        {
            "event": "start",
            "device": start.device,
            "precision": start.precision,
            "step": start.step,
            "workers": start.workers,
            "input_psnr": start.input_psnr,
            "validation_pictures": start.pictures,
        }
    )
    before = "" if start.input_psnr is None else f", inputs {start.input_psnr:.2f} dB"
    measured = f"{start.pictures} validation pictures{before}" if start.pictures else ""
    console.say(
        f"{start.device}, {start.precision}"
        + (f", workers: {start.workers}" if start.workers else "")
        + (f"; {measured}" if measured else "; nothing to validate on")
        + (f"; resumed at step {start.step}" if start.step else "")
    )


def tell(console: Console, progress: "Progress") -> None:
    """One line for each report."""
    measured = progress.validation_psnr
    console.emit(
        {
            "event": "progress",
            "step": progress.step,
            "loss": progress.loss,
            "learning_rate": progress.learning_rate,
            "images_per_second": progress.images_per_second,
            "validation_psnr": measured,
            "best_psnr": progress.best_psnr,
            "best_step": progress.best_step,
            **({"by_source": progress.by_source} if progress.by_source else {}),
            "skipped": progress.skipped,
        }
    )
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    console.say(
        f"step {progress.step}/{progress.steps}  loss {progress.loss:.5f}"
        f"  lr {progress.learning_rate:.2e}  {progress.images_per_second:.1f} images/s"
        f"  {minutes}:{seconds:02d} left"
        + (f"  validation {measured:.2f} dB{_best(progress)}" if measured is not None else "")
        + (f"  {progress.skipped} steps left out" if progress.skipped else "")
    )


def _best(progress: "Progress") -> str:
    if progress.best_psnr is None:
        return ""
    if progress.best_step == progress.step:
        return " (best so far)"
    return f" (best {progress.best_psnr:.2f} at step {progress.best_step})"


def summarise(
    console: Console,
    folder: Path,
    export: Path | None,
    best: Path | None,
    trained: "Trained",
) -> None:
    """The last line: where everything lies; `best` where the best model is not the last."""
    console.emit(
        {
            "event": "summary",
            "run": folder,
            "model": export,
            "best_model": best,
            "best_psnr": None if trained.best is None else trained.best.psnr,
            "best_step": None if trained.best is None else trained.best.step,
            "steps": trained.steps,
            "seconds": round(trained.seconds, 1),
            "validation_psnr": trained.validation_psnr,
            "input_psnr": trained.input_psnr,
            "skipped": trained.skipped,
            "hardware": trained.hardware,
        }
    )
    console.say(
        f"trained {trained.steps} steps: {folder}"
        + (f"; model folder: {export}" if export is not None else "")
        + (f"; the best, of step {trained.best.step}: {best}" if best and trained.best else "")
    )


def tell_check(console: Console, found: "Check") -> None:
    """What `--check` found, a line each."""
    for one in found.folders:
        console.emit(
            {
                "event": "folder",
                "folder": one.folder,
                "pictures": one.pictures,
                "smallest": one.smallest,
                "largest": one.largest,
            }
        )
        sizes = ""
        if one.smallest and one.largest:
            sizes = ", {}x{} to {}x{} px".format(*one.smallest, *one.largest)
        console.say(f"{one.folder}: {one.pictures} pictures{sizes}")
    console.emit(
        {
            "event": "summary",
            "pairs": found.pairs,
            "validation_pictures": found.validation,
            "input_psnr": found.input_psnr,
            "parameters": found.parameters,
            "device": found.device,
            "precision": found.precision,
            "seconds_a_step": found.seconds_a_step,
            "seconds": found.seconds,
            "memory_bytes": found.memory,
            "sheet": found.sheet,
        }
    )
    before = "" if found.input_psnr is None else f", inputs {found.input_psnr:.2f} dB"
    console.say(f"pairs: {found.pairs:.0%} of the samples")
    console.say(f"validation: {found.validation} pictures{before}")
    console.say(f"network: {found.parameters:,} parameters; {found.device}, {found.precision}")
    console.say(
        f"a step takes {found.seconds_a_step:.2f} s: about {_words(found.seconds)} in all;"
        f" memory {found.memory / 2**30:.1f} GiB"
    )
    console.say(f"samples, input and target: {found.sheet}")


def _words(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
