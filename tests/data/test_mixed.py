"""Mosaics and finished pictures: in pairs, apart, and both at once."""

import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restore_cli.data.loader import training_loader
from restore_cli.data.mixed import MixedDataset, common
from restore_cli.data.pairs import Unpaired
from restore_cli.data.photos import Photos
from restore_cli.data.raws import RawPhotos
from restore_cli.data.source import build_source, validation_pairs
from restore_cli.degradations.cameras import Camera
from restore_cli.degradations.mosaic import Sensor, expose, record
from restore_cli.degradations.style import LOOKS
from restore_cli.errors import RestoreError
from restore_cli.images.profile import decode_srgb
from restore_cli.methods import OBJECTIVES
from restore_cli.raw.dng import DngTags, write_dng
from restore_cli.raw.neutral import neutral_rendering
from restore_cli.recipe import Mixture, Recipe
from restore_cli.training.loop import Trained, train
from restore_cli.training.meter import Progress
from restore_cli.training.runs import Run

CAMERA = Camera.named("Sony A7")
LOOK = [Mixture.model_validate({"steps": [{"name": "style", "look": "vivid"}]})]
MOSAIC = [
    Mixture.model_validate(
        {"steps": [{"name": "mosaic", "finished": True, "clean_probability": 1.0}]}
    )
]
TEXT = """
model = { name = "m", task = "isp" }
network = { name = "isp", widths = [4], depths = [1] }
objective = { name = "eguot" }
data = { train_input = "raw", train_target = "srgb", crop = 16, batch = 4 }
optim = { steps = 2, warmup = 0 }
"""


def smooth(seed: int, height: int = 40, width: int = 44) -> np.ndarray:
    """A picture whose neighbours hardly differ, 8 bits, dull enough for every camera."""
    coarse = np.random.default_rng(seed).integers(60, 180, (3, 3, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels[:, :, ::-1])


def shoot(path: Path, pixels: np.ndarray, pattern: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sensor = Sensor(pattern=pattern, bits=16)
    balanced = expose(decode_srgb(pixels / np.float32(255)), CAMERA)
    frame = record(balanced, CAMERA, sensor, np.random.default_rng(0))
    tags = DngTags(
        pattern=pattern, black=sensor.black, white=sensor.saturation,
        xyz_to_camera=CAMERA.xyz_to_camera, forward=CAMERA.forward(), neutral=CAMERA.neutral,
    )  # fmt: skip
    write_dng(path, frame, tags)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """RAW files a, b, c, the photos that they were made of, and finished pictures b, c, d."""
    for seed, (name, pattern) in enumerate(
        (("a", "RGGB"), ("b", "GRBG"), ("c", "BGGR"), ("d", ""))
    ):
        if pattern:
            shoot(tmp_path / f"raw/{name}.dng", smooth(seed), pattern)
            save(tmp_path / f"photos/{name}.png", smooth(seed))
        if name != "a":
            save(tmp_path / f"srgb/{name}.png", smooth(seed))
    return tmp_path


def domains(inputs: Photos, targets: Photos, share: float, **options: object) -> MixedDataset:
    settings = {"mixture": [], "looks": [], "crop": 16, "flips": "all"} | options
    return MixedDataset(inputs, targets, share=share, **settings)  # pyright: ignore[reportArgumentType]


def test_pairs_of_raw_files_are_cut_and_turned_alike(root: Path) -> None:
    source = domains(RawPhotos(root / "raw"), Photos(root / "srgb"), 0.5)
    paired = 0
    for index in range(60):
        sample = source(np.random.default_rng(index))
        for name in ("image", "rendering", "target", "real"):
            picture = sample.tensors()[name]
            assert picture is not None
            assert picture.shape == (3, 16, 16)
        assert (sample.image > 0).sum(0).max() == 1
        torch.testing.assert_close(sample.image[0, ::2, ::2] > 0, torch.ones(8, 8) > 0)
        again = neutral_rendering(sample.image[None], sample.matrix[None])[0]
        torch.testing.assert_close(sample.rendering, again.clamp(0, 1))
        apart = float((sample.rendering - sample.target).abs().mean())
        if sample.paired:
            paired += 1
            assert apart < 0.006
        else:
            assert torch.equal(sample.target, sample.real)
    assert 18 < paired < 42


def test_photos_become_mosaics_and_targets_get_their_look(root: Path) -> None:
    photos, targets = Photos(root / "photos"), Photos(root / "srgb")
    source = domains(photos, targets, 1e-9, mixture=MOSAIC, looks=LOOK)
    plain = domains(photos, targets, 1e-9, mixture=MOSAIC)
    for index in range(5):
        made, bare = (one(np.random.default_rng(index)) for one in (source, plain))
        assert torch.equal(made.image, bare.image)
        torch.testing.assert_close(made.real, LOOKS["vivid"](bare.real))
    assert source.pairs == plain.pairs == [(1, 0), (2, 1)]
    pairs = domains(Photos(root / "srgb"), targets, 1.0, mixture=MOSAIC, looks=LOOK)
    for index in range(5):
        sample = pairs(np.random.default_rng(index))
        assert sample.paired == 1
        difference = LOOKS["vivid"](sample.rendering) - sample.target
        assert float(difference.abs().mean()) < 0.012


def test_a_sample_follows_from_its_generator_alone(root: Path) -> None:
    source = domains(
        Photos(root / "photos"), Photos(root / "srgb"), 0.5, mixture=MOSAIC, looks=LOOK
    )
    once, again, other = (source(np.random.default_rng(seed)) for seed in (3, 3, 4))
    same = again.tensors()
    for name, value in once.tensors().items():
        assert value is not None or same[name] is None
        if value is not None:
            torch.testing.assert_close(value, same[name], equal_nan=True, atol=0, rtol=0)
    assert not torch.equal(once.image, other.image)


def test_what_does_not_match_is_refused(root: Path) -> None:
    raws, targets = RawPhotos(root / "raw"), Photos(root / "srgb")
    with pytest.raises(RestoreError, match=r"a has no target(.|\n)*d has no input"):
        domains(raws, targets, 1.0)
    with pytest.raises(RestoreError, match=r"holds RAW files, and data\.mixture is for photos"):
        domains(raws, targets, 0.0, mixture=MOSAIC)
    with pytest.raises(RestoreError, match=r"data\.crop = 15 is odd"):
        domains(raws, targets, 0.0, crop=15)
    save(root / "srgb/c.png", smooth(0, 40, 46))
    with pytest.raises(RestoreError, match="c: input 44x40 and target 46x40 differ in size"):
        common(raws, Photos(root / "srgb"))
    save(root / "others/x.png", smooth(0))
    with pytest.raises(RestoreError, match=r"no picture of .* has a target of its name"):
        domains(raws, Photos(root / "others"), 0.5)


def recipe(root: Path, *changes: str) -> Recipe:
    return Recipe.parse(TEXT, source="here", overrides=[f"data.root={root}", *changes])


@pytest.mark.parametrize(
    ("change", "share"), [("data.unpaired=true", 0.0), ("data.paired_share=0.25", 0.25)]
)
def test_recipes_with_raw_folders_give_batches(root: Path, change: str, share: float) -> None:
    source = build_source(recipe(root, change).data)
    assert isinstance(source, MixedDataset)
    batch = next(iter(training_loader(source, recipe(root, change), first_step=0)))
    assert batch.image.shape == batch.target.shape == (4, 3, 16, 16)
    assert batch.matrix.shape == (4, 3, 3)
    assert batch.paired.shape == (4,)
    assert bool(source.pairs) == (share > 0)


def test_other_recipes_are_what_they_were(root: Path) -> None:
    changes = ("data.unpaired=true", "data.train_input=photos")
    assert isinstance(build_source(recipe(root, *changes).data), Unpaired)
    styled = recipe(root, *changes, 'data.targets=[{ steps = [{ name = "style" }] }]')
    assert isinstance(build_source(styled.data), MixedDataset)


def test_pairs_of_raw_files_to_measure_on(root: Path) -> None:
    save(root / "whole/a.png", smooth(0))
    for name, seed in (("b", 1), ("c", 2)):
        save(root / f"whole/{name}.png", smooth(seed))
    changes = ("data.unpaired=true", "data.val_input=raw", "data.val_target=whole")
    pairs = validation_pairs(recipe(root, *changes, "data.validation_crop=24").data, smallest=16)
    assert len(pairs) == 3
    for pair in pairs:
        assert pair.target.shape == pair.rendering.shape == pair.image.shape == (3, 24, 24)
        assert float((pair.rendering - pair.target).abs().mean()) < 0.006
        assert torch.isnan(pair.sigma)
    look = 'data.targets=[{ steps = [{ name = "style" }] }]'
    (styled, *_) = validation_pairs(recipe(root, *changes, look, "data.validation_crop=24").data)
    torch.testing.assert_close(styled.target, LOOKS["vivid"](pairs[0].target))


@pytest.fixture
def mixed(root: Path, tmp_path: Path) -> Callable[..., Trained]:
    """Trains an ISP on mosaics of which some have their finished picture."""
    look = '[{ steps = [{ name = "style" }, { name = "outlier" }] }]'
    text = f"""
    model = {{ name = "m", task = "isp" }}
    network = {{ name = "isp", widths = [4], depths = [1] }}
    objective = {{ name = "eguot", width = 8 }}
    optim = {{ steps = 6, warmup = 0 }}
    log = {{ every = 1 }}
    [data]
    train_input = "photos"
    train_target = "srgb"
    val = "photos"
    paired_share = 0.5
    crop = 32
    batch = 2
    targets = {look}
    mixture = [{{ steps = [{{ name = "mosaic", finished = true }}] }}]
    validation = [{{ steps = [{{ name = "style" }}, {{ name = "mosaic", finished = true }}] }}]
    """

    def start(folder: str, *changes: str, stop: int | None = None) -> Trained:
        recipe = Recipe.parse(text, source="here", overrides=[f"data.root={root}", *changes])

        def report(progress: Progress) -> None:
            if progress.step == stop:
                signal.raise_signal(signal.SIGINT)

        run = Run(tmp_path / folder, recipe, resume=True)
        return train(recipe, run, device="cpu", report=report)

    return start


def test_a_mixed_run_is_resumed_bit_for_bit_and_logs_every_players_terms(
    mixed: Callable[..., Trained], tmp_path: Path
) -> None:
    trained = mixed("straight")
    with pytest.raises(KeyboardInterrupt):
        mixed("broken", stop=2)
    again = mixed("broken")
    for one, other in zip(trained.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)
    log = (tmp_path / "broken/metrics.csv").read_text()
    for term in ("dual=", "experts=", "cost=", "potential=", "colour="):
        assert log.count(term) == 6
    # The input's quality is that of the plain rendering, not of the mosaic with its gaps.
    assert trained.input_psnr is not None
    assert trained.input_psnr > 12
    assert trained.skipped == 0


def test_an_objective_that_needs_pairs_takes_only_pairs(
    mixed: Callable[..., Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OBJECTIVES["eguot"], "needs_pairs", True)
    with pytest.raises(RestoreError, match=r"with data\.paired_share = 0\.5 there are others"):
        mixed("run")
