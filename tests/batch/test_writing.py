"""What was computed together is written together, each file for itself."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from batch_jobs import book, by_name, job, same, save

from restore_cli.batch.manifest import MANIFEST_NAME, Manifest
from restore_cli.batch.outputs import Outputs
from restore_cli.batch.pipeline import run
from restore_cli.batch.reading import Pictures
from restore_cli.batch.work import Work
from restore_cli.batch.writing import Writing
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.images.regular import file_sha256


def loaded(path: Path, manifest_hash: str | None = "input") -> Work:
    work = Work(job(save(path)), sha256=manifest_hash)
    work.loaded = Pictures().read(path)
    work.images = (work.loaded.image,)
    return work


def writing(manifest: Manifest | None, dropped: list[Work]) -> Writing:
    outputs = Outputs("overwrite", manifest, Pictures())
    return Writing(outputs, Pictures(), same, preserve_times=False, drop=dropped.append)


def test_one_that_fails_fails_alone(tmp_path: Path) -> None:
    works = [loaded(tmp_path / f"{name}.png") for name in "abc"]
    works[1].job.output.mkdir(parents=True)  # it is in the way
    dropped: list[Work] = []
    results = writing(book(), dropped).save(works)
    told = {result.source.name: result.status for result in results}
    assert told == {"a.png": "done", "b.png": "failed", "c.png": "done"}
    assert len(dropped) == 3
    assert all(result.seconds > 0 for result in results)
    assert {id(work) for work in dropped} == {id(work) for work in works}


def test_the_manifest_is_opened_once_and_tells_the_files_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works, calls = [loaded(tmp_path / f"{name}.png") for name in "abc"], list[Path]()
    record = Manifest.record_all

    def counted(self: Manifest, folder: Path, made: object) -> None:
        calls.append(folder)
        record(self, folder, made)  # type: ignore[arg-type]

    monkeypatch.setattr(Manifest, "record_all", counted)
    writing(book(), []).save(works)
    assert calls == [tmp_path / "out"]
    assert [work.output_sha256 for work in works] == [file_sha256(w.job.output) for w in works]
    assert all(book().matches(work.job.output, "input") for work in works)


def test_without_a_hash_of_the_input_nothing_is_noted(tmp_path: Path) -> None:
    (result,) = writing(book(), []).save([loaded(tmp_path / "a.png", None)])
    assert result.status == "done"
    assert not (tmp_path / "out" / MANIFEST_NAME).exists()


def test_a_bug_in_noting_fails_the_pictures_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Manifest, "record_all", broken)
    results = writing(book(), []).save([loaded(tmp_path / f"{name}.png") for name in "ab"])
    assert ["ZeroDivisionError" in str(result.error) for result in results] == [True, True]


class Together:
    """Restores several at once, and remembers how many."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(self, image: Pixels) -> Restored[Pixels]:
        return Restored(image[:, ::-1].copy(), tile=None, device="cpu", precision="fp32")

    def several(self, images: list[Pixels]) -> list[Restored[Pixels]]:
        self.counts.append(len(images))
        return [self(image) for image in images]


def test_a_run_of_small_pictures_writes_what_each_alone_would_be(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    todo = [job(save(tmp_path / f"{n:02}.png", value=int(rng.integers(256)))) for n in range(40)]
    restore = Together()
    results = by_name(run(todo, restore, manifest=book()))
    assert {result.status for result in results.values()} == {"done"}
    assert max(restore.counts, default=0) > 1
    digests = [hashlib.sha256(one.output.read_bytes()).hexdigest() for one in todo]
    for one in todo:
        one.output.unlink()
    list(run(todo, restore.__call__, manifest=book(), workers=1))
    assert digests == [hashlib.sha256(one.output.read_bytes()).hexdigest() for one in todo]
    lines = (tmp_path / "out" / MANIFEST_NAME).read_text().splitlines()
    assert len(lines) == 80
