"""From tasks, a model and options to what restores a picture: one model, a chain, or auto."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from restore_cli.api import auto
from restore_cli.api.chain import Chain, Step
from restore_cli.commands.batch_options import shared_overlap, tile_size
from restore_cli.commands.console import Console
from restore_cli.engine.level import check_level, quantity_of
from restore_cli.engine.restorer import Restorer
from restore_cli.errors import RestoreError
from restore_cli.models import zoo

if TYPE_CHECKING:
    from restore_cli.batch.reading import Restore


@dataclass(frozen=True, slots=True)
class How:
    """How to compute, as the options say it.

    Attributes:
        device: see `Restorer`; so are the others that are not named here.
        tile: "auto", "none" or a number of pixels.
        level: told, or None to let the models judge.
        is_sigma: the level is of noise: in a chain, the denoiser's.
    """

    device: str = "auto"
    precision: str = "auto"
    backend: Any = "auto"
    tile: str = "auto"
    overlap: int | None = None
    batch_size: int = 1
    level: float | None = None
    is_sigma: bool = False
    strength: float = 1.0
    tta: bool = False


@dataclass(frozen=True, slots=True)
class Restoring:
    """What restores pictures, and how it is called.

    Attributes:
        restore: a picture in, a restored one out; `steps` stand in its details.
        label: for names of outputs: "derain", "derain-denoise".
        task: for people and programs: "derain,denoise".
        model: names of the models.
        sha256: of the models, for the manifest.
        options: of the manifest, as far as they follow from the models.
        models: those that each picture goes through; none for auto.
    """

    restore: "Restore"
    label: str
    task: str
    model: str
    sha256: str
    options: dict[str, object] = field(default_factory=dict[str, object])
    models: tuple[zoo.Model, ...] = ()


def prepare(console: Console, tasks: Sequence[str], model: str | None, how: How) -> Restoring:
    """Load what the tasks need, and refuse options that do not fit, before the first picture.

    Args:
        console: for questions about what was asked.
        tasks: in their order; empty where a model is given.
        model: a name, folder or file instead of the task's own.
        how: how to compute.

    Raises:
        RestoreError: no such model, one that reads RAW files or takes no level, or one model for
            several tasks.
    """
    if model is not None and len(tasks) > 1:
        raise RestoreError(
            "--model names one model, and there are several tasks",
            hint="leave --model out, or run the tasks one after the other",
        )
    if list(tasks) == ["auto"] and model is None and auto.AUTO_RUNS == "specialists":
        return _automatic(how)
    loaded = [_load(model or zoo.default_for_task(task)) for task in tasks or ("",)]
    names = list(tasks) or [loaded[0].task]
    alone = len(loaded) == 1
    if how.is_sigma and not alone and "denoise" not in names:
        raise RestoreError("--sigma is for denoise, which is not among the tasks")
    steps: list[Step] = []
    for name, one in zip(names, loaded, strict=True):
        level = _own_level(how, name, alone=alone)
        _check_fit(console, one, name, level)
        # Of several, the whole is blended with the input and not each step with its own.
        own = replace(how, level=level, strength=how.strength if alone else 1.0)
        steps.append(_step(name, one, own))
    return Restoring(
        Chain(steps, 1.0 if alone else how.strength),
        label="-".join(names),
        task=",".join(names),
        model=",".join(one.name for one in loaded),
        sha256=loaded[0].sha256 if alone else _together(one.sha256 for one in loaded),
        # Outputs of one model stay up to date as they were.
        options={"overlap": shared_overlap(how.overlap, how.tile, loaded[0].overlap)}
        if alone
        else {"overlap": how.overlap},
        models=tuple(loaded),
    )


def _automatic(how: How) -> Restoring:
    if how.level is not None:
        raise RestoreError(
            "--task auto takes no level: it judges by itself",
            hint="name the task, for example --task denoise, or leave --level and --sigma out",
        )
    shipped = {entry.name: entry for entry in zoo.entries() if entry.name == entry.task}
    look = auto.Looker(_load(zoo.default_for_task("auto")).network, how.device)

    @cache
    def specialist(task: str) -> Step | None:
        return _step(task, _load(task), replace(how, strength=1.0)) if task in shipped else None

    used = [one.sha256 for one in shipped.values()]
    return Restoring(
        auto.Auto(look, specialist, strength=how.strength),
        label="auto",
        task="auto",
        model="auto",
        sha256=_together(used),
        options={"threshold": auto.THRESHOLD, "overlap": how.overlap},
    )


def _load(name: str) -> zoo.Model:
    loaded = zoo.load(name)
    if loaded.network.info.input == "mosaic":
        raise RestoreError(
            f"the model {loaded.name} reads camera RAW files", hint="use it with `restore isp`"
        )
    return loaded


def _step(name: str, model: zoo.Model, how: How) -> Step:
    restorer = Restorer(
        model.network,
        device=how.device,
        precision=how.precision,
        backend=how.backend,
        tile=tile_size(how.tile),
        overlap=shared_overlap(how.overlap, how.tile, model.overlap),
        batch_size=how.batch_size,
    )
    run: Callable[..., Any] = partial(restorer, level=how.level, strength=how.strength, tta=how.tta)
    return Step(name, run)


def _own_level(how: How, name: str, *, alone: bool) -> float | None:
    """The level for one step: in a chain, only noise can be told, to the denoiser."""
    if how.level is None or alone:
        return how.level
    if not how.is_sigma:
        raise RestoreError(
            "--level is of one task, and there are several",
            hint="leave it out; --sigma tells the denoiser its noise",
        )
    return how.level if name == "denoise" else None


def _check_fit(console: Console, model: zoo.Model, task: str, level: float | None) -> None:
    """Refuse or question options that do not fit the model, once and not for every picture."""
    if level is not None and not quantity_of(model.network.info):
        raise RestoreError(
            f"the model {model.name} takes no level",
            hint="leave --level and --sigma out, or choose a model that takes one with --model",
        )
    check_level(model.network.info, level)
    if task != model.task:
        console.warn(f"the model {model.name} was trained for {model.task}, not for {task}")


def _together(hashes: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
