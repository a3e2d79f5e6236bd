"""From tasks, a model and options to what restores a picture: one model, a chain, or auto.

Nothing here imports torch before the first picture is to be computed.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from restore_cli.batch.later import Later
from restore_cli.batch.reading import RestoresSeveral
from restore_cli.commands.batch_options import tile_size
from restore_cli.commands.console import Console
from restore_cli.commands.levels import check_fit, own_level
from restore_cli.errors import RestoreError
from restore_cli.models.entries import default_for_task, describe, entries, naming_model

if TYPE_CHECKING:
    from pathlib import Path

    from restore_cli.api.chain import Step
    from restore_cli.api.looking import Look
    from restore_cli.batch.reading import Restore
    from restore_cli.engine.restorer import Restorer
    from restore_cli.engine.warm import WarmRestorer
    from restore_cli.models.entries import Described
    from restore_cli.models.zoo import Model

_SMALL = 64  # px of a picture that a model is made ready with


@dataclass(frozen=True, slots=True)
class How:
    """How to compute, as the options say it.

    Attributes:
        device: see `Restorer`; so are the others that are not named here.
        tile: "auto", "none" or a number of pixels.
        level: told, or None to let the models judge.
        is_sigma: the level is of noise: in a chain, the denoiser's.
        seed: of torch, set before anything is computed.
        progress: told of px done and px in all, see `Restorer`.
        warm: whether what an earlier process has kept may stand for a model.
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
    seed: int = 0
    progress: Callable[[int, int], None] | None = None
    warm: bool = True


@dataclass(frozen=True, slots=True)
class Restoring:
    """What restores pictures, and how it is called.

    Attributes:
        restore: a picture in, a restored one out; `steps` stand in its details. Built when first
            needed.
        label: for names of outputs: "derain", "derain-denoise".
        task: for people and programs: "derain,denoise".
        model: names of the models.
        sha256: of the models, for the manifest.
        options: of the manifest, as far as they follow from the models.
        models: those that each picture goes through and that were loaded, once `restore` is built.
    """

    restore: Later
    label: str
    task: str
    model: str
    sha256: str
    options: dict[str, object] = field(default_factory=dict[str, object])
    models: "list[Model]" = field(default_factory=list["Model"])


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
    if how.level == 0 and not how.is_sigma:
        # Nothing is to be removed: models of every task do that, also those that take no level.
        how = replace(how, level=None, strength=0.0)
    if model is not None and len(tasks) > 1:
        raise RestoreError(
            "--model names one model, and there are several tasks",
            hint="leave --model out, or run the tasks one after the other",
        )
    if list(tasks) == ["auto"] and model is None:
        from restore_cli.api.auto import AUTO_RUNS

        if AUTO_RUNS == "specialists":
            return _automatic(how)
    about = [describe(model or default_for_task(task)) for task in tasks or ("",)]
    names = list(tasks) or [about[0].task]
    alone = len(about) == 1
    if how.is_sigma and not alone and "denoise" not in names:
        raise RestoreError("--sigma is for denoise, which is not among the tasks")
    levels = [own_level(how, name, alone=alone) for name in names]
    models: list[Model] = []

    overlap = about[0].overlap if alone and how.overlap is None else how.overlap
    return Restoring(
        Later(partial(_chained, console, names, about, levels, how, models)),
        label="-".join(names),
        task=",".join(names),
        model=",".join(one.name for one in about),
        sha256=about[0].sha256 if alone else _together(one.sha256 for one in about),
        options={"overlap": overlap},
        models=models,
    )


def _chained(
    console: Console,
    names: Sequence[str],
    about: "Sequence[Described]",
    levels: Sequence[float | None],
    how: How,
    models: "list[Model]",
) -> "Restore":
    """The restorers of tasks, one after the other; `models` gets those that are loaded."""
    from restore_cli.api.advice import advised
    from restore_cli.api.chain import Chain

    alone = len(about) == 1
    steps: list[Step] = []
    for name, one, level in zip(names, about, levels, strict=True):
        # Of several, the whole is blended with the input and not each step with its own; where
        # nothing of it is left, no step computes.
        own = replace(how, level=level, strength=how.strength if alone or not how.strength else 1.0)
        ready = _known(one, own)
        if ready is None:
            loaded = _load(str(one.path), how.seed)
            models.append(loaded)
            info, ready = loaded.network.info, restorer_of(loaded, own)
        else:
            info = ready.info
        check_fit(console, one, info, name, own)
        step = _step(name, ready, own)
        judges = alone and own.level is None and own.strength > 0
        steps.append(advised(step, info.quantity) if judges else step)
    return Chain(steps, 1.0 if alone else how.strength)


@dataclass(frozen=True, slots=True)
class CorrectionOptions:
    """What corrects after the model, as the options say it; see `load_corrector`.

    Attributes:
        path: what `restore ot-correct fit` wrote; None corrects nothing.
    """

    path: "Path | None"
    alpha: float
    vae: str | None
    device: str
    seed: int
    allow_download: bool = False

    def after(self, restore: "Restore") -> "tuple[Restore, dict[str, object]]":
        """What restores and then corrects, and what the manifest says of it."""
        if self.path is None:
            return restore, {}
        from restore_cli.ot_correct.corrector import load_corrector

        corrector, described = load_corrector(
            self.path,
            self.alpha,
            self.vae,
            self.device,
            seed=self.seed,
            allow_download=self.allow_download,
        )
        return corrector.after(restore), described


def corrected(
    restore: "Restore", correction: CorrectionOptions
) -> "tuple[Later, dict[str, object]]":
    """What restores, corrects if asked, and says how much of each picture changed.

    Returns:
        It, built when first needed, and what the manifest says of the correction.
    """
    made, described = correction.after(restore)
    return Later(partial(_measured, made, trusts=made is restore)), described


def restorer_of(model: "Model", how: How) -> "Restorer":
    """What runs one model as the options say."""
    from restore_cli.engine.restorer import Restorer

    return Restorer(
        model.network,
        device=how.device,
        precision=how.precision,
        backend=how.backend,
        tile=tile_size(how.tile),
        overlap=how.overlap,
        usual_overlap=model.overlap,
        batch_size=how.batch_size,
        progress=how.progress,
        identity=model.identity,
    )


def _known(about: "Described", how: How) -> "WarmRestorer | None":
    """What runs a model without torch, where an earlier process has made that possible."""
    if not how.warm or not about.identity:
        return None
    from restore_cli.engine.warm import WarmRestorer, recall

    known = recall(about.identity, device=how.device, precision=how.precision, backend=how.backend)
    if known is None:
        return None
    return WarmRestorer(
        known,
        lambda: restorer_of(_load(str(about.path), how.seed), how),
        precision=how.precision,
        tile=tile_size(how.tile),
        overlap=how.overlap,
        usual_overlap=about.overlap,
        batch_size=how.batch_size,
        progress=how.progress,
    )


def elsewhere(
    tasks: Sequence[str],
    model: str | None,
    how: How,
    correction: CorrectionOptions,
    device: str | None = None,
) -> "Restore":
    """What `prepare` prepares, built in another process or for another device, without messages."""
    if device is not None:
        how, correction = replace(how, device=device), replace(correction, device=device)
    restoring = prepare(Console(quiet=True, json=False), tasks, model, how)
    return corrected(restoring.restore, correction)[0].built()


def _measured(restore: "Restore", *, trusts: bool) -> "Restore":
    from restore_cli.api.change import Measured
    from restore_cli.batch.later import ready

    return Measured(ready(restore), trusts=trusts)


def _automatic(how: How) -> Restoring:
    if how.level is not None:
        raise RestoreError(
            "--task auto takes no level: it judges by itself",
            hint="name the task, for example --task denoise, or leave --level and --sigma out",
        )
    from restore_cli.api import auto

    shipped = {entry.name: entry for entry in entries() if entry.name == entry.task}
    naming = naming_model()

    def build() -> "Restore":
        look = _looker(naming, how)

        @cache
        def specialist(task: str) -> "Step | None":
            if task not in shipped:
                return None
            own = replace(how, strength=1.0)
            ready = _known(describe(task), own) or restorer_of(_load(task, how.seed), own)
            return _step(task, ready, own)

        return auto.Auto(look, specialist, strength=how.strength)

    return Restoring(
        Later(build),
        label="auto",
        task="auto",
        model="auto",
        sha256=_together([describe(naming).sha256, *(one.sha256 for one in shipped.values())]),
        options={"threshold": auto.THRESHOLD, **auto.EARLIER, "overlap": how.overlap},
    )


def _looker(naming: str, how: How) -> "Look":
    """What names degradations; by OpenVINO in this process where it will be in the next ones."""
    from restore_cli.api.looking import Looker, WarmLooker, can_look
    from restore_cli.engine.warm import recall

    loaded = cache(partial(_load, naming, how.seed))

    def full() -> "Look":
        return Looker(loaded().network, how.device)

    asked = {"device": how.device, "precision": "auto", "backend": how.backend}
    identity = describe(naming).identity
    known = recall(identity, **asked) if how.warm else None
    if known is None and how.warm and how.backend != "torch":
        import numpy as np

        own = replace(how, precision="auto", tile="auto", overlap=None, progress=None)
        small = np.full((3, _SMALL, _SMALL), 0.5, np.float32)
        restorer_of(loaded(), own)(small)  # leaves what is then recalled
        known = recall(identity, **asked)
    return WarmLooker(known, full) if known is not None and can_look(known) else full()


def _load(name: str, seed: int) -> "Model":
    import torch

    from restore_cli.models import zoo

    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    loaded = zoo.load(name)
    if loaded.network.info.input == "mosaic":
        raise RestoreError(
            f"the model {loaded.name} reads camera RAW files", hint="use it with `restore isp`"
        )
    return loaded


def _step(name: str, run: Callable[..., Any], how: How) -> "Step":
    from restore_cli.api.chain import Step

    told = {"level": how.level, "strength": how.strength, "tta": how.tta}
    several = partial(run.several, **told) if isinstance(run, RestoresSeveral) else None
    return Step(name, partial(run, **told), several)


def _together(hashes: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
