import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from restore_cli.data import pairs
from restore_cli.data.pairs import (
    Degraded,
    Paired,
    Photos,
    RangeSampler,
    Stream,
    Unpaired,
    training_loader,
    training_source,
    unknown_noise,
    validation_pairs,
)
from restore_cli.data.sample import Batch
from restore_cli.errors import RestoreError
from restore_cli.recipe import Mixture, Recipe

Parse = Callable[..., Recipe]


def save(
    path: Path,
    height: int = 24,
    width: int = 30,
    *,
    deep: bool = False,
    channels: int = 3,
    seed: int = 0,
) -> np.ndarray:
    """Write a picture of random pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, height, width])
    kind, top = (np.uint16, 65536) if deep else (np.uint8, 256)
    pixels = rng.integers(0, top, (height, width, channels), kind)
    assert cv2.imwrite(str(path), pixels[:, :, ::-1])
    return pixels


def pairs_of(root: Path) -> tuple[Photos, Photos]:
    return Photos(root / "input"), Photos(root / "target")


def test_photos_are_read_to_the_last_bit(tmp_path: Path) -> None:
    shallow = save(tmp_path / "a.png")
    deep = save(tmp_path / "sub/b.png", deep=True)
    grey = save(tmp_path / "c.PNG", channels=1)
    (tmp_path / "notes.txt").write_text("not a picture, and not taken for one")
    photos = Photos(tmp_path)
    assert [path.name for path in photos.paths] == ["a.png", "b.png", "c.PNG"]
    assert photos[0].dtype == torch.uint8
    assert np.array_equal(photos[0].permute(1, 2, 0).numpy(), shallow)
    assert photos[1].dtype == torch.float32
    np.testing.assert_allclose(photos[1].permute(1, 2, 0).numpy(), deep / 65535, atol=1e-7)
    assert np.array_equal(photos[2].permute(1, 2, 0).numpy(), grey.repeat(3, axis=2))


def test_photos_beyond_the_memory_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big, small = save(tmp_path / "a.png", 40, 40), save(tmp_path / "b.png", 20, 20)
    monkeypatch.setattr(pairs, "_IN_MEMORY_BYTES", 2000)
    photos = Photos(tmp_path)
    reads: list[Path] = []
    read = pairs.Picture.read
    monkeypatch.setattr(pairs.Picture, "read", lambda path: reads.append(path) or read(path))
    assert np.array_equal(photos[0].permute(1, 2, 0).numpy(), big)
    assert np.array_equal(photos[1].permute(1, 2, 0).numpy(), small)
    assert [path.name for path in reads] == ["a.png"]


def test_all_unfit_pictures_are_named(tmp_path: Path) -> None:
    save(tmp_path / "good.png")
    save(tmp_path / "small.png", 24, 15)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(RestoreError) as caught:
        Photos(tmp_path, smallest=16)
    message = caught.value.message
    assert message.startswith(f"3 of 4 pictures in {tmp_path} are unfit:\n")
    assert f"{tmp_path / 'small.png'}: 15x24 is smaller than 16 px" in message
    for name in ("empty.png", "text.jpg"):
        assert name in message
    assert "good.png" not in message


def test_a_long_list_of_problems_says_how_many_more(tmp_path: Path) -> None:
    for index in range(23):
        save(tmp_path / f"{index:02}.png", 4, 4)
    with pytest.raises(RestoreError, match=r"23 of 23 .*\n(.*\n)*  and 3 more$"):
        Photos(tmp_path, smallest=16)


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match=r"no such folder: .*nowhere"):
        Photos(tmp_path / "nowhere")
    with pytest.raises(RestoreError, match=f"no picture in {tmp_path}"):
        Photos(tmp_path)


def test_every_mismatch_of_pairs_is_listed_at_once(tmp_path: Path) -> None:
    for name in ("input/same", "target/same", "input/orphan", "target/widow"):
        save(tmp_path / f"{name}.png")
    save(tmp_path / "input/size.png", 24, 30)
    save(tmp_path / "target/size.png", 24, 31)
    for place in ("input/twice.png", "input/deeper/twice.png", "target/twice.png"):
        save(tmp_path / place)
    with pytest.raises(RestoreError) as caught:
        Paired(*pairs_of(tmp_path), crop=16, flips=True)
    first, *problems = caught.value.message.splitlines()
    assert str(tmp_path / "input") in first
    assert str(tmp_path / "target") in first
    assert [line.strip() for line in problems] == [
        "orphan has no target",
        "widow has no input",
        f"twice stands more than once in {tmp_path / 'input'}",
        "size: input 30x24 and target 31x24 differ in size",
    ]


def test_pairs_match_by_stem_over_formats_and_are_cut_alike(tmp_path: Path) -> None:
    for name in ("a", "b-1", "b 2", "Ä"):
        pixels = save(tmp_path / f"input/{name}.png", 20 + len(name), 40)
        target = tmp_path / f"target/{name}.tiff"
        target.parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(target), 255 - pixels[:, :, ::-1])
    paired = Paired(*pairs_of(tmp_path), crop=16, flips=True)
    for index in range(30):
        sample = paired(np.random.default_rng(index))
        assert sample.image.shape == sample.target.shape == (3, 16, 16)
        torch.testing.assert_close(sample.image, 1 - sample.target)
        assert torch.isnan(sample.sigma)


def test_unpaired_folders_are_drawn_apart_and_only_inputs_are_degraded(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        save(tmp_path / f"hazy/{name}.png", seed=len(name))
    save(tmp_path / "clear/another.png", 40, 26)
    hazy, clear = Photos(tmp_path / "hazy"), Photos(tmp_path / "clear")
    plain = Unpaired(hazy, clear, [], crop=16, flips=False)
    step = {"name": "low-light", "stops": [2.0, 2.0], "lit_probability": 0, "lamp_probability": 0}
    dimmed = [Mixture.model_validate({"steps": [step]})]
    dark = Unpaired(hazy, clear, dimmed, crop=16, flips=False)
    for index in range(8):
        one, other = (source(np.random.default_rng(index)) for source in (plain, dark))
        assert one.paired == 0
        assert _lies_in(one.image, [hazy[i] for i in range(3)])
        assert _lies_in(one.target, [clear[0]])
        assert torch.equal(one.target, other.target)
        assert float(other.image.mean()) < 0.7 * float(one.image.mean())


def _lies_in(window: Tensor, photos: list[Tensor]) -> bool:
    """Whether a 16 x 16 window stands somewhere in one of the 8-bit photos."""
    small = (window * 255).round().to(torch.uint8)
    return any(
        bool((photo.unfold(1, 16, 1).unfold(2, 16, 1) == small[:, None, None]).all((0, 3, 4)).any())
        for photo in photos
    )


def test_unpaired_recipes_need_no_common_names(parse: Parse, tmp_path: Path) -> None:
    save(tmp_path / "a/x.png")
    save(tmp_path / "b/y.png")
    text = parse().dump().replace('train = "photos"', 'train_input = "a"\ntrain_target = "b"')
    recipe = Recipe.parse(
        text, source="here", overrides=[f"data.root={tmp_path}", "data.unpaired=true"]
    )
    source = training_source(recipe)
    assert isinstance(source, Unpaired)
    changes = [f"data.root={tmp_path}", "data.mixture=[]"]
    paired = Recipe.parse(text, source="here", overrides=changes)
    with pytest.raises(RestoreError, match="x has no target"):
        training_source(paired)


def test_what_differs_in_a_pair_counts_as_its_noise() -> None:
    image, target = torch.full((3, 4, 5), 0.5), torch.full((3, 4, 5), 0.2)
    image[:, :, 0] = 0.2
    sample = unknown_noise(image, target)
    assert sample.noise.shape == (1, 4, 5)
    torch.testing.assert_close(sample.noise, torch.full((1, 4, 5), 0.3 * (4 / 5) ** 0.5))


def test_a_sample_follows_from_seed_and_index_alone(parse: Parse) -> None:
    source = training_source(parse())
    stream, again, other = (Stream(source, seed=seed) for seed in (1, 1, 2))
    drawn = {index: stream[index] for index in (5, 0, 3)}
    for index in (3, 5):
        for key, value in again[index].tensors().items():
            same = drawn[index].tensors()[key]
            assert (value is None) == (same is None)
            if value is not None:
                torch.testing.assert_close(value, same, atol=0, rtol=0, equal_nan=True)
    assert not torch.equal(drawn[5].image, other[5].image)
    assert not torch.equal(drawn[5].target, drawn[3].target)


def test_flips_show_each_of_the_four_views_of_a_window(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 16, 16)
    photos = Photos(tmp_path)
    whole = photos[0] / 255
    views = [whole, whole.flip(2), whole.transpose(1, 2), whole.flip(2).transpose(1, 2)]
    for flips, expected in ((True, {0, 1, 2, 3}), (False, {0})):
        source = Degraded(photos, [Mixture()], crop=16, flips=flips)
        seen: set[int] = set()
        for index in range(40):
            target = source(np.random.default_rng(index)).target
            found = [number for number, view in enumerate(views) if torch.equal(view, target)]
            assert len(found) == 1
            seen |= set(found)
        assert seen == expected


def test_crops_reach_every_border(tmp_path: Path) -> None:
    size = (18, 19)
    ramp = np.arange(size[0] * size[1]).reshape(*size, 1).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), ramp)
    source = Degraded(Photos(tmp_path), [Mixture()], crop=16, flips=False)
    corners = {
        round(float(source(np.random.default_rng(i)).target[0, 0, 0]) * 65535) for i in range(200)
    }
    assert corners == {row * 19 + column for row in range(3) for column in range(4)}


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_countdown_shares_out_every_index_once(processes: int) -> None:
    shares = [RangeSampler(12, 30, rank=rank, processes=processes) for rank in range(processes)]
    assert sorted(index for share in shares for index in share) == list(range(12, 30))
    assert {len(share) for share in shares} == {18 // processes}
    assert [index for share in zip(*shares, strict=True) for index in share] == list(range(12, 30))


def _all(loader: object) -> list[Batch]:
    return list(loader)  # type: ignore[call-overload]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_do_not_depend_on_workers_resuming_or_processes(workers: int, parse: Parse) -> None:
    recipe = parse("optim.steps=6", "optim.accumulate=2", "data.batch=3")
    source = training_source(recipe)
    stream = Stream(source, seed=0)
    changed = parse(
        "optim.steps=6", "optim.accumulate=2", "data.batch=3", f"data.workers={workers}"
    )
    before = torch.get_rng_state()
    batches = _all(training_loader(source, changed, first_step=4))
    assert torch.equal(torch.get_rng_state(), before)
    assert len(batches) == 4  # two steps of two batches
    images = torch.cat([batch.image for batch in batches])
    expected = torch.stack([stream[index].image for index in range(4 * 6, 6 * 6)])
    assert torch.equal(images, expected)


def test_batches_carry_the_sources_labels_where_the_mixture_names_them(parse: Parse) -> None:
    entries = [("dark", "low-light"), ("noise", "gaussian-noise"), ("dark", "haze")]
    mixture = ", ".join(
        f"{{ source = '{source}', steps = [{{ name = '{step}' }}] }}" for source, step in entries
    )
    named = parse(f"data.mixture=[{mixture}]", "data.batch=8", "optim.steps=4")
    (first, *_), (second, *_) = (
        _all(training_loader(training_source(named), named, first_step=2)) for _ in range(2)
    )
    assert first.source.dtype == torch.int64
    assert first.source.shape == (8,)
    assert torch.equal(first.source, second.source)
    # Gaussian noise has one level, darkness and haze have none.
    assert torch.equal(first.source == 1, ~first.sigma.isnan())
    assert set(first.source.tolist()) == {0, 1}
    plain = parse("data.batch=2", "optim.steps=4")
    assert _all(training_loader(training_source(plain), plain, first_step=2))[0].source is None


def test_two_processes_see_what_one_would_of_a_double_batch(parse: Parse) -> None:
    source = training_source(parse())
    one = _all(training_loader(source, parse("data.batch=4"), first_step=18))
    two = [
        _all(training_loader(source, parse("data.batch=2"), first_step=18, rank=r, processes=2))
        for r in range(2)
    ]
    for step, batch in enumerate(one):
        merged = torch.stack([two[0][step].image, two[1][step].image], dim=1).flatten(0, 1)
        assert torch.equal(batch.image, merged)


def test_workers_leave_signals_to_the_parent() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        pairs._leave_signals_to_the_parent(0)
        assert {signal.getsignal(number) for number in before} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_validation_takes_fixed_centre_crops(parse: Parse, tmp_path: Path) -> None:
    pixels = save(tmp_path / "val/a.png", 20, 41)
    save(tmp_path / "val/b.png", 12, 13)
    changes = ("data.val=val", f"data.root={tmp_path}", "data.validation_crop=16")
    first, second = (validation_pairs(parse(*changes)) for _ in range(2))
    assert [tuple(pair.target.shape) for pair in first] == [(3, 16, 16), (3, 12, 13)]
    centre = pixels[2:18, 12:28] / 255
    np.testing.assert_allclose(first[0].target.permute(1, 2, 0), centre, atol=1e-6)
    for one, two in zip(first, second, strict=True):
        assert torch.equal(one.image, two.image)
    special = "data.validation=[{ steps = [{ name = 'gaussian-noise', sigma = [25.0, 25.0] }] }]"
    noise = validation_pairs(parse(*changes, special))[0]
    assert float(noise.sigma) == pytest.approx(25 / 255)
    assert float((noise.image - noise.target).std()) == pytest.approx(25 / 255, rel=0.1)


def test_validation_needs_photos_that_the_network_can_take(parse: Parse, tmp_path: Path) -> None:
    save(tmp_path / "val/a.png", 3, 30)
    with pytest.raises(RestoreError, match=r"a\.png: 30x3 is smaller than 4 px"):
        validation_pairs(parse("data.val=val", f"data.root={tmp_path}"), smallest=4)


def test_paired_folders_serve_training_and_validation(parse: Parse, tmp_path: Path) -> None:
    for kind, seed in (("input", 1), ("target", 2)):
        for name in ("a", "b"):
            save(tmp_path / kind / f"{name}.png", seed=seed)
    text = (
        parse().dump().replace('train = "photos"', 'train_input = "input"\ntrain_target = "target"')
    )
    changes = (f"data.root={tmp_path}", "data.val_input=input", "data.val_target=target")
    recipe = Recipe.parse(text, source="pairs", overrides=[*changes, "data.mixture=[]"])
    assert training_source(recipe)(np.random.default_rng(0)).image.shape == (3, 16, 16)
    measured = validation_pairs(recipe)
    assert [tuple(pair.image.shape) for pair in measured] == [(3, 24, 30)] * 2
    assert not torch.equal(measured[0].image, measured[0].target)
    assert validation_pairs(parse()) == []
