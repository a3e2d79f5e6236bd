"""Photos to training pairs: folders of clean photos degraded on the fly, or folders of pairs.

Every sample follows from (seed, index) alone, so that any number of workers and any point of
resuming sees the same pictures.
"""

import signal
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from restore_cli.data.sample import Batch, Sample
from restore_cli.degradations.blur import directional_widths
from restore_cli.degradations.compose import Compose
from restore_cli.errors import RestoreError
from restore_cli.images.formats import READABLE_SUFFIXES
from restore_cli.images.picture import Picture
from restore_cli.networks.amounts import amounts
from restore_cli.raw.neutral import neutral_rendering
from restore_cli.recipe import DataSection, Mixture, Recipe

_IN_MEMORY_BYTES = 4 * 1024**3
_MOST_LISTED = 20
_VALIDATION_SEED = 1  # apart from every training stream, which has three numbers in its seed


class Photos:
    """A folder of pictures, checked once, kept in memory as bytes as far as 4 GiB reach.

    Args:
        folder: searched with its subfolders.
        smallest: least height and width, px.

    Raises:
        RestoreError: no such folder, no picture in it, or pictures that are unreadable or too small
            (all of them named).
    """

    suffixes: Collection[str] = READABLE_SUFFIXES

    def __init__(self, folder: Path, *, smallest: int = 1) -> None:
        if not folder.is_dir():
            raise RestoreError(
                f"no such folder: {folder}",
                hint="data.root says where the recipe's folders lie: --set data.root=DIR",
            )
        self.folder = folder
        found = (p for p in folder.rglob("*") if p.suffix.lower() in self.suffixes)
        self.paths = sorted(
            found, key=lambda path: (path.stem, str(path))
        )  # pairs share this order
        if not self.paths:
            raise RestoreError(f"no picture in {folder}")
        self._kept: dict[int, Tensor] = {}
        room = _IN_MEMORY_BYTES
        problems: list[str] = []
        for index, path in enumerate(self.paths):
            try:
                photo = self._read(path)
            except RestoreError as error:
                problems.append(error.message)
                continue
            if min(photo.shape[-2:]) < smallest:
                height, width = photo.shape[-2:]
                problems.append(f"{path}: {width}x{height} is smaller than {smallest} px")
            if photo.nbytes <= room:
                room -= photo.nbytes
                self._kept[index] = photo
        if problems:
            raise RestoreError(
                f"{len(problems)} of {len(self.paths)} pictures in {folder} are unfit:"
                + _listed(problems),
                hint="take them out of the folder, or lower data.crop",
            )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """(3, H, W): uint8 for 8-bit files, float32 in [0, 1] for deeper ones."""
        return self._kept[index] if index in self._kept else self._read(self.paths[index])

    def _read(self, path: Path) -> Tensor:
        picture = Picture.read(path)
        srgb = torch.from_numpy(picture.to_srgb()).permute(2, 0, 1).contiguous()
        return (srgb * 255 + 0.5).to(torch.uint8) if picture.depth == 8 else srgb


class Source(Protocol):
    """Gives the training sample of one index."""

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw one."""
        ...


class Degraded:
    """Pairs from clean photos: draw a photo, a crop, a flip, a degradation, a turn."""

    def __init__(
        self,
        photos: Photos,
        mixture: list[Mixture],
        *,
        crop: int,
        flips: bool,
        turned: float = 0.0,
    ) -> None:
        self._photos, self._crop, self._flips = photos, crop, flips
        self._degrade = Compose(mixture, turned=turned)

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw one pair, all of which is known."""
        photo = self._photos[int(rng.integers(len(self._photos)))]
        (clean,) = crop_and_flip([photo], self._crop, flips=self._flips, rng=rng)
        return degrade(clean, self._degrade, rng)


class Paired:
    """Pairs from two folders, matched by stem."""

    def __init__(self, inputs: Photos, targets: Photos, *, crop: int, flips: bool) -> None:
        self._inputs, self._targets = inputs, targets
        self._crop, self._flips = crop, flips
        check_pairs(inputs, targets)

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw one pair; its noise level is unknown."""
        index = int(rng.integers(len(self._inputs)))
        pair = [self._inputs[index], self._targets[index]]
        image, target = crop_and_flip(pair, self._crop, flips=self._flips, rng=rng)
        return unknown_noise(image, target)


class Unpaired:
    """Input and target drawn apart from each other, from two folders."""

    def __init__(
        self,
        inputs: Photos,
        targets: Photos,
        mixture: list[Mixture],
        *,
        crop: int,
        flips: bool,
    ) -> None:
        self._inputs, self._targets = inputs, targets
        self._crop, self._flips = crop, flips
        self._degrade = Compose(mixture) if mixture else None

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw `image` and `target`, which show different things."""
        image, target = (
            crop_and_flip(
                [photos[int(rng.integers(len(photos)))]], self._crop, flips=self._flips, rng=rng
            )[0]
            for photos in (self._inputs, self._targets)
        )
        if self._degrade is not None:
            image = degrade(image, self._degrade, rng).image
        return Sample.of(image, target, paired=False)


class Stream(Dataset[Sample]):
    """An endless data set: sample `index` is drawn from the generator seeded with (seed, index)."""

    def __init__(self, source: Source, *, seed: int) -> None:
        self._source, self._seed = source, seed

    def __getitem__(self, index: int) -> Sample:
        """The sample of this index, always the same."""
        return self._source(np.random.default_rng([self._seed, 0, index]))


class RangeSampler(Sampler[int]):
    """Indices from `start` to `stop` for one of several processes; a resumed run goes on."""

    def __init__(self, start: int, stop: int, *, rank: int = 0, processes: int = 1) -> None:
        self._range = range(start + rank, stop, processes)

    def __iter__(self) -> Iterator[int]:
        return iter(self._range)

    def __len__(self) -> int:
        return len(self._range)


def training_source(recipe: Recipe) -> Source:
    """What the recipe's [data] section describes. Raises RestoreError for unfit folders."""
    data = recipe.data
    if data.train is not None:
        photos = Photos(data.root / data.train, smallest=data.crop)
        return Degraded(photos, data.mixture, crop=data.crop, flips=data.flips, turned=data.turned)
    inputs, targets = _folders(data, data.train_input, data.train_target, smallest=data.crop)
    if data.unpaired:
        return Unpaired(inputs, targets, data.mixture, crop=data.crop, flips=data.flips)
    return Paired(inputs, targets, crop=data.crop, flips=data.flips)


def training_loader(
    source: Source,
    recipe: Recipe,
    *,
    first_step: int,
    rank: int = 0,
    processes: int = 1,
    beyond: int = 0,
) -> DataLoader[Sample]:
    """Batches for the steps from `first_step` on, for one of several processes.

    There are `optim.steps` of the recipe, and `beyond` more that training does not see.
    """
    data, optim = recipe.data, recipe.optim
    per_step = data.batch * processes * optim.accumulate
    last = (optim.steps + beyond) * per_step
    order = RangeSampler(first_step * per_step, last, rank=rank, processes=processes)
    return DataLoader(
        Stream(source, seed=optim.seed),
        batch_size=data.batch,
        sampler=order,
        num_workers=data.workers,
        collate_fn=Batch.stacked,
        worker_init_fn=_leave_signals_to_the_parent,
        # Its own, because a loader draws from it: the global one belongs to the objective.
        generator=torch.Generator(),
        persistent_workers=data.workers > 0,
    )


def validation_pairs(recipe: Recipe, *, smallest: int = 1) -> list[Sample]:
    """Fixed pairs to measure on: centre crops of the validation photos, always degraded alike.

    Args:
        recipe: names the folders.
        smallest: least height and width of a photo, px.

    Returns:
        One sample a picture; empty where the recipe names no
        validation folder.
    """
    data = recipe.data
    if data.val is not None:
        photos = Photos(data.root / data.val, smallest=smallest)
        change = Compose(data.validation or data.mixture)
        return [
            degrade(
                _centre(as_float(photos[index]), data.validation_crop),
                change,
                np.random.default_rng([_VALIDATION_SEED, index]),
            )
            for index in range(len(photos))
        ]
    if data.val_input is None:
        return []
    inputs, targets = _folders(data, data.val_input, data.val_target, smallest=smallest)
    check_pairs(inputs, targets)
    return [
        unknown_noise(*(_centre(as_float(p[i]), data.validation_crop) for p in (inputs, targets)))
        for i in range(len(inputs))
    ]


def degrade(clean: Tensor, change: Compose, rng: np.random.Generator) -> Sample:
    """A clean picture (3, H, W) and its degraded self.

    A mixture that names sources gives each sample its label.
    """
    made = change(clean, rng)
    return Sample.of(
        made.image,
        made.target,
        sigma=torch.tensor(made.sigma, dtype=torch.float32),
        noise=made.noise,
        blur=directional_widths(made.blur),
        amounts=amounts(made.quantity, made.level),
        source=None if made.source < 0 else torch.tensor(made.source),
        matrix=made.matrix,
        rendering=None if made.matrix is None else plainest(made.image, made.matrix),
    )


def plainest(image: Tensor, matrix: Tensor) -> Tensor:
    """The plainest rendering of a mosaic (3, H, W) with its camera's matrix (3, 3)."""
    return neutral_rendering(image[None], matrix[None])[0].clamp(0, 1)


def unknown_noise(image: Tensor, target: Tensor) -> Sample:
    """A pair of which nobody knows noise and blur: what differs is taken for noise."""
    difference = (image - target).square().mean(dim=0, keepdim=True)
    noise = difference.mean().sqrt().expand_as(difference).contiguous()
    return Sample.of(image, target, noise=noise)


def as_float(photo: Tensor) -> Tensor:
    """Bytes as float32 in [0, 1]; other pictures as they are."""
    return photo.to(torch.float32) / 255.0 if photo.dtype == torch.uint8 else photo


def crop_and_flip(
    photos: list[Tensor],
    crop: int,
    *,
    flips: bool,
    rng: np.random.Generator,
    red: tuple[int, int] | None = None,
) -> list[Tensor]:
    """The same window, mirrored and transposed alike, of pictures of one size; as float32.

    With `red`, the parity of the rows and columns at which a mosaic has red, the windows come to
    lie with red at even ones; `crop` is even, and the pictures are at least 1 px larger.
    """
    height, width = photos[0].shape[-2:]
    top = int(rng.integers(height - crop + 1))
    left = int(rng.integers(width - crop + 1))
    mirror, turn = (bool(v) for v in rng.integers(0, 2, 2)) if flips else (False, False)
    if red is not None:
        top, left = _onto(top, red[0]), _onto(left, red[1] + mirror)
    windows = [photo[:, top : top + crop, left : left + crop] for photo in photos]
    if mirror:
        windows = [window.flip(2) for window in windows]
    if turn:
        windows = [window.transpose(1, 2) for window in windows]
    return [as_float(window).contiguous() for window in windows]


def _onto(start: int, parity: int) -> int:
    """The nearest start of this parity at or before the given one, or 1 instead of -1."""
    return start - (start - parity) % 2 if start or not parity % 2 else 1


def _centre(photo: Tensor, crop: int) -> Tensor:
    height, width = photo.shape[-2:]
    top, left = max(0, (height - crop) // 2), max(0, (width - crop) // 2)
    return photo[:, top : top + crop, left : left + crop].contiguous()


def _folders(
    data: DataSection, inputs: Path | None, targets: Path | None, *, smallest: int = 1
) -> tuple[Photos, Photos]:
    if inputs is None or targets is None:
        raise RestoreError("paired data needs both an input and a target folder")
    return (
        Photos(data.root / inputs, smallest=smallest),
        Photos(data.root / targets, smallest=smallest),
    )


def check_pairs(inputs: Photos, targets: Photos, *, orphans: bool = False) -> None:
    """Refuse orphans, unless they are welcome, doubles and pairs of two sizes, all named together.

    Raises:
        RestoreError: there are any.
    """
    counts = [Counter(path.stem for path in photos.paths) for photos in (inputs, targets)]
    if orphans:
        shared = counts[0].keys() & counts[1].keys()
        counts = [Counter({name: count[name] for name in shared}) for count in counts]
    problems = [f"{name} has no target" for name in sorted(counts[0].keys() - counts[1].keys())]
    problems += [f"{name} has no input" for name in sorted(counts[1].keys() - counts[0].keys())]
    for photos, count in zip((inputs, targets), counts, strict=True):
        doubles = sorted(name for name, times in count.items() if times > 1)
        problems += [f"{name} stands more than once in {photos.folder}" for name in doubles]
    sizes = [
        {path.stem: _size(photos[index]) for index, path in enumerate(photos.paths)}
        for photos in (inputs, targets)
    ]
    problems += [
        f"{name}: input {sizes[0][name]} and target {sizes[1][name]} differ in size"
        for name in sorted(sizes[0].keys() & sizes[1].keys())
        if counts[0][name] == counts[1][name] == 1 and sizes[0][name] != sizes[1][name]
    ]
    if problems:
        raise RestoreError(
            f"the pairs of {inputs.folder} and {targets.folder} do not match:" + _listed(problems),
            hint="an input and its target have the same file name (without suffix) and size",
        )


def _size(photo: Tensor) -> str:
    return f"{photo.shape[-1]}x{photo.shape[-2]}"


def _listed(problems: list[str]) -> str:
    """The first of them, a line each."""
    more = [f"and {len(problems) - _MOST_LISTED} more"] if len(problems) > _MOST_LISTED else []
    return "".join(f"\n  {line}" for line in problems[:_MOST_LISTED] + more)


def _leave_signals_to_the_parent(worker: int) -> None:
    """A signal for the whole process group must not end a loader before the step that needs it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
