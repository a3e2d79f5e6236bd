import signal
import sys
from collections.abc import Callable

import pytest
import torch

from restore_cli.data import loader
from restore_cli.data.loader import RangeSampler, Stream, spare_workers, training_loader
from restore_cli.data.sample import Batch
from restore_cli.data.source import build_source
from restore_cli.recipe import Recipe

Parse = Callable[..., Recipe]


def test_a_sample_follows_from_seed_and_index_alone(parse: Parse) -> None:
    source = build_source(parse().data)
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


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_countdown_shares_out_every_index_once(processes: int) -> None:
    shares = [RangeSampler(12, 30, rank=rank, processes=processes) for rank in range(processes)]
    assert sorted(index for share in shares for index in share) == list(range(12, 30))
    assert {len(share) for share in shares} == {18 // processes}
    assert [index for share in zip(*shares, strict=True) for index in share] == list(range(12, 30))


def _all(loader: object) -> list[Batch]:
    return list(loader)  # type: ignore[call-overload]


@pytest.mark.parametrize("workers", [0, 2, "auto"])
def test_batches_do_not_depend_on_workers_resuming_or_processes(
    workers: int | str, parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader.os, "sched_getaffinity", lambda _: range(4), raising=False)
    recipe = parse("optim.steps=6", "optim.accumulate=2", "data.batch=3")
    source = build_source(recipe.data)
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
        _all(training_loader(build_source(named.data), named, first_step=2)) for _ in range(2)
    )
    assert first.source.dtype == torch.int64
    assert first.source.shape == (8,)
    assert torch.equal(first.source, second.source)
    # Gaussian noise has one level, darkness and haze have none.
    assert torch.equal(first.source == 1, ~first.sigma.isnan())
    assert set(first.source.tolist()) == {0, 1}
    plain = parse("data.batch=2", "optim.steps=4")
    assert _all(training_loader(build_source(plain.data), plain, first_step=2))[0].source is None


def test_two_processes_see_what_one_would_of_a_double_batch(parse: Parse) -> None:
    source = build_source(parse().data)
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
        loader._leave_signals_to_the_parent(0)
        assert {signal.getsignal(number) for number in before} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are not forked here")
@pytest.mark.parametrize(
    ("device", "cores", "threads", "processes", "expected"),
    [
        ("cpu", 2, 2, 1, 0),
        ("cpu", 16, 4, 1, 8),
        ("cpu", 6, 4, 1, 2),
        ("cpu", 2, 1, 2, 0),
        ("cuda", 2, 2, 1, 1),
        ("cuda", 16, 16, 4, 3),
        ("cuda", 1, 1, 1, 0),
    ],
)
def test_workers_take_only_cores_that_training_leaves(
    device: str, cores: int, threads: int, processes: int, expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(loader.os, "sched_getaffinity", lambda _: range(cores))
    monkeypatch.setattr(loader.torch, "get_num_threads", lambda: threads)
    assert spare_workers(device, processes) == expected


def test_only_cuda_has_batches_pinned(parse: Parse) -> None:
    recipe = parse("data.workers=0")
    source = build_source(recipe.data)
    pinned = {
        device: training_loader(source, recipe, first_step=0, device=device).pin_memory
        for device in ("cpu", "cuda", "mps")
    }
    assert pinned == {"cpu": False, "cuda": True, "mps": False}
