import errno
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from batch_jobs import book, by_name, inverted, job, jobs, same, save, shown
from PIL import Image

from restore_cli.batch.inputs import Refused
from restore_cli.batch.pipeline import WRITERS, run
from restore_cli.batch.planning import Job
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture

MakeBad = Callable[[str, Path], None]


def stage_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith(("read", "write"))]


def test_writes_what_the_restorer_returns(tmp_path: Path) -> None:
    source = save(tmp_path / "фото ☔ 1.png")
    (result,) = run([job(source)], inverted)
    assert result.status == "done"
    assert (result.height, result.width) == (12, 15)
    assert (result.tile, result.device, result.precision) == (None, "cpu", "fp32")
    assert 0 < result.model_seconds < result.seconds
    with Image.open(tmp_path / "out" / "фото ☔ 1.png") as written:
        assert np.array_equal(np.asarray(written), 255 - np.asarray(Image.open(source)))


class Together:
    """Restores several at once, except where one of them is black."""

    def __init__(self) -> None:
        self.groups: list[int] = []

    def __call__(self, image: Pixels) -> Restored[Pixels]:
        if image.max() < 0.1:
            raise RestoreError("too dark")
        return inverted(image)

    def several(self, images: Sequence[Pixels]) -> list[Restored[Pixels]]:
        assert len({image.shape for image in images}) == 1
        self.groups.append(len(images))
        time.sleep(0.05)  # others are read meanwhile
        return [self(image) for image in images]


def test_small_pictures_of_one_size_are_computed_together(tmp_path: Path) -> None:
    todo = jobs(tmp_path, 40)
    todo += [job(save(tmp_path / f"other{side}.png", side=side)) for side in (20, 300, 300)]
    results = by_name(run(todo, together := Together()))
    assert {result.status for result in results.values()} == {"done"}
    assert max(together.groups) > 1
    assert sum(together.groups) <= 41
    for one in todo:
        with Image.open(one.output) as written, Image.open(one.source) as read:
            assert np.array_equal(np.asarray(written), 255 - np.asarray(read))


def test_of_pictures_computed_together_one_that_fails_fails_alone(tmp_path: Path) -> None:
    todo = jobs(tmp_path, 20)
    save(todo[10].source, value=1)
    results = by_name(run(todo, together := Together()))
    assert max(together.groups) > 1
    assert {name for name, result in results.items() if result.status == "failed"} == {"010.png"}
    assert "too dark" in str(results["010.png"].error)
    assert len(shown(tmp_path / "out")) == 19


def test_computes_on_the_iterating_thread(tmp_path: Path) -> None:
    seen: set[threading.Thread] = set()

    def watch(image: Pixels) -> Restored[Pixels]:
        assert image.shape == (3, 12, 15)
        assert image.dtype == np.float32
        seen.add(threading.current_thread())
        return same(image)

    results = list(run(jobs(tmp_path, 5), watch))
    assert [(r.status, r.tile, r.notes) for r in results] == [("done", 64, ("a note",))] * 5
    assert seen == {threading.current_thread()}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("empty", "x.png"),
        ("text", "x.png"),
        ("truncated", "x.jpg"),
        ("animated", "x.png"),
        ("folder", "x.png"),
        ("gone", "x.png"),
    ],
)
def test_users_2_a_bad_file_fails_by_name_and_the_rest_is_done(
    tmp_path: Path, bad_file: MakeBad, kind: str, name: str
) -> None:
    bad = tmp_path / name
    bad_file(kind, bad)
    first, last = save(tmp_path / "a.png"), save(tmp_path / "z.png")
    results = by_name(run([job(first), job(bad), job(last)], same))
    assert {n: r.status for n, r in results.items()} == {
        "a.png": "done",
        name: "failed",
        "z.png": "done",
    }
    error = results[name].error
    assert error is not None
    assert str(bad) in error
    assert "unexpected" not in error
    assert results[name].trace is not None
    assert shown(tmp_path / "out") == ["a.png", "z.png"]


def test_a_bad_file_alone_leaves_no_folder_behind(tmp_path: Path, bad_file: MakeBad) -> None:
    bad_file("text", tmp_path / "x.png")
    (result,) = run([job(tmp_path / "x.png")], same)
    assert result.status == "failed"
    assert not (tmp_path / "out").exists()


def test_unusual_but_good_files_are_done(tmp_path: Path, grey_alpha_16: bytes) -> None:
    (tmp_path / "grey-alpha.png").write_bytes(grey_alpha_16)
    gradient = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(gradient).convert("P").save(tmp_path / "palette.png")
    Image.merge("CMYK", [Image.fromarray(gradient)] * 4).save(tmp_path / "cmyk.jpg")
    Image.fromarray(gradient).resize((1, 1)).save(tmp_path / "one pixel.png")
    results = list(run([job(path) for path in sorted(tmp_path.iterdir())], same))
    assert [r.error for r in results] == [None] * 4
    assert (tmp_path / "out" / "grey-alpha.png").read_bytes()[24:26] == bytes([16, 4])


def test_refused_inputs_come_with_the_results(tmp_path: Path) -> None:
    refused = Refused(tmp_path / "a.gif", RestoreError("a.gif is not read", hint="convert it"))
    results = by_name(run([refused, *jobs(tmp_path, 1)], same))
    assert results["000.png"].status == "done"
    assert results["a.gif"].error == "a.gif is not read"
    assert results["a.gif"].hint == "convert it"
    assert results["a.gif"].output is None


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    todo = jobs(tmp_path, 2)
    todo[0].source.chmod(0)
    if os.geteuid() == 0:  # root reads everything: let the system call refuse

        def refuse(path: Path) -> str:
            if path == todo[0].source:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return "hash"

        monkeypatch.setattr("restore_cli.batch.outputs.file_sha256", refuse)
    results = by_name(run(todo, same, manifest=book()))
    assert results["001.png"].status == "done"
    assert results["000.png"].status == "failed"
    assert "000.png: no permission to read it" in str(results["000.png"].error)


def test_full_disk_fails_that_file_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    fsync = os.fsync

    def full_once(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full_once)
    results = list(run(jobs(tmp_path, 3), same, workers=1))
    failed = [r for r in results if r.status == "failed"]
    assert len(failed) == 1
    assert "No space left" in str(failed[0].error)
    assert shown(tmp_path / "out") == sorted(r.source.name for r in results if r not in failed)


def test_failure_of_the_restorer_fails_that_file_only(tmp_path: Path) -> None:
    def fussy(image: Pixels) -> Restored[Pixels]:
        if image.shape[1] == 13:
            raise RuntimeError("odd")
        if image.shape[1] == 14:
            raise RestoreError("the result is not finite", hint="verify the model")
        return same(image)

    todo = [job(save(tmp_path / f"{side}.png", side=side)) for side in (12, 13, 14, 16)]
    results = by_name(run(todo, fussy))
    assert {n: r.status for n, r in results.items()} == {
        "12.png": "done",
        "13.png": "failed",
        "14.png": "failed",
        "16.png": "done",
    }
    assert results["13.png"].error == f"{tmp_path / '13.png'}: unexpected RuntimeError: odd"
    assert results["14.png"].error == f"{tmp_path / '14.png'}: the result is not finite"
    assert results["14.png"].hint == "verify the model"


def test_output_folder_that_is_a_file_fails_before_computing(tmp_path: Path) -> None:
    (todo,) = jobs(tmp_path, 1)
    todo.output.parent.write_text("in the way")

    def never(image: Pixels) -> Restored[Pixels]:
        pytest.fail("computed for nothing")

    (result,) = run([todo], never)
    assert result.status == "failed"


def test_fail_fast_begins_nothing_new(tmp_path: Path) -> None:
    todo = jobs(tmp_path, 30)
    todo[2].source.write_text("broken")
    results = list(run(todo, same, workers=1, fail_fast=True))
    assert [r.status for r in results].count("failed") == 1
    assert len(results) < 10
    done = [r.source.name for r in results if r.status == "done"]
    assert shown(tmp_path / "out") == sorted(done)
    assert stage_threads() == []


def test_reading_and_writing_overlap_with_computing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, seen, changed = 6, Counter[str](), threading.Condition()
    read, write = Picture.read, Picture.write

    def step(name: str, ready: Callable[[], bool]) -> None:
        with changed:
            assert changed.wait_for(ready, timeout=60)
            seen[name] += 1
            changed.notify_all()

    def counted_read(path: Path) -> Picture:
        picture = read(path)
        step("read", lambda: True)
        return picture

    def patient(image: Pixels) -> Restored[Pixels]:
        # Goes on only when the next picture has been read meanwhile.
        step("computed", lambda: seen["read"] > seen["computed"] + 1 or seen["read"] == count)
        return same(image)

    def patient_write(self: Picture, path: Path, *rest: object) -> None:
        # Goes on only when the next picture has been computed meanwhile.
        needed = min(seen["written"] + 2, count)
        step("written", lambda: seen["computed"] >= needed)
        write(self, path, *rest)

    monkeypatch.setattr(Picture, "read", staticmethod(counted_read))
    monkeypatch.setattr(Picture, "write", patient_write)
    results = list(run(jobs(tmp_path, count), patient, workers=1))
    assert [result.error for result in results] == [None] * count


def test_pixels_between_reading_and_writing_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = threading.Lock()
    alive, peak = 0, 0
    read, write = Picture.read, Picture.write

    def count(pixels: int) -> None:
        nonlocal alive, peak
        with lock:
            alive += pixels
            peak = max(peak, alive)

    def counted_read(path: Path) -> Picture:
        picture = read(path)
        count(picture.height * picture.width)
        return picture

    def counted_write(self: Picture, path: Path, *rest: object) -> None:
        write(self, path, *rest)
        count(-self.height * self.width)

    monkeypatch.setattr(Picture, "read", staticmethod(counted_read))
    monkeypatch.setattr(Picture, "write", counted_write)
    todo = jobs(tmp_path, 10)
    todo += [job(save(tmp_path / f"big-{i}.png", side=100)) for i in range(3)]
    todo += [job(save(tmp_path / f"small-{i}.png")) for i in range(10)]
    bound = 4 * 12 * 15
    results = list(run(todo, same, workers=4, pixels_in_flight=bound))
    assert {r.status for r in results} == {"done"}
    assert len(results) == 23
    # A picture above the bound goes through, but alone.
    assert peak == 100 * 103
    peak = 0
    list(run(todo[:10], inverted, workers=4, existing="overwrite", pixels_in_flight=bound))
    assert 0 < peak <= bound


def test_jobs_are_taken_as_needed(tmp_path: Path) -> None:
    taken = 0

    def lazy() -> Iterator[Job]:
        nonlocal taken
        for one in jobs(tmp_path, 3 * WRITERS):
            taken += 1
            yield one

    for finished, _ in enumerate(run(lazy(), same, workers=1), start=1):
        assert taken - finished <= 4 + WRITERS
    assert taken == 3 * WRITERS


@pytest.mark.parametrize("how", ["close", "interrupt"])
def test_ending_early_leaves_complete_files_and_no_threads(tmp_path: Path, how: str) -> None:
    todo = jobs(tmp_path, 20, side=64)
    computed = 0

    def restore(image: Pixels) -> Restored[Pixels]:
        nonlocal computed
        computed += 1
        if how == "interrupt" and computed == 8:
            raise KeyboardInterrupt
        return same(image)

    # A budget of two pictures: some readers are waiting for room when the end comes.
    results = run(todo, restore, workers=3, pixels_in_flight=2 * 64 * 67)
    if how == "close":
        next(results)
        results.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            list(results)
    assert stage_threads() == []
    names = shown(tmp_path / "out")
    assert 0 < len(names) < 20
    for name in names:
        Picture.read(tmp_path / "out" / name)
