"""Outputs that are there already: refused, replaced, or left as they are."""

import errno
from pathlib import Path

import pytest
from batch_jobs import book, by_name, inverted, jobs, same, save

from restore_cli.batch import pipeline
from restore_cli.batch.manifest import MANIFEST_NAME, Manifest
from restore_cli.batch.outputs import Outputs
from restore_cli.batch.pipeline import run
from restore_cli.batch.reading import Pictures
from restore_cli.batch.work import Work


def test_a_full_manifest_does_not_fail_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Manifest, folder: Path, made: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Manifest, "record_all", full)
    (result,) = run(jobs(tmp_path, 1), same, manifest=book())
    assert (result.status, "takes no manifest" in result.notes[-1]) == ("done", True)


def test_existing_output_is_an_error_unless_asked(tmp_path: Path) -> None:
    todo = jobs(tmp_path, 2)
    list(run(todo[:1], same))
    before = todo[0].output.read_bytes()
    results = by_name(run(todo, inverted))
    assert "already exists" in str(results["000.png"].error)
    assert "--overwrite" in str(results["000.png"].hint)
    assert results["001.png"].status == "done"
    assert todo[0].output.read_bytes() == before
    (again,) = run(todo[:1], inverted, existing="overwrite")
    assert again.status == "done"
    assert todo[0].output.read_bytes() != before
    todo[1].output.unlink()
    todo[1].output.mkdir()
    (in_the_way,) = run(todo[1:], same, existing="overwrite")
    assert "is a folder" in str(in_the_way.error)


def test_users_5_skip_existing_skips_only_what_would_come_out_the_same(tmp_path: Path) -> None:
    todo = jobs(tmp_path, 3)

    def go(manifest: Manifest, restore: pipeline.Restore = same) -> list[str]:
        results = run(todo, restore, existing="skip", manifest=manifest)
        return [r.status for _, r in sorted(by_name(results).items())]

    assert go(book(strength=1.0)) == ["done"] * 3
    assert go(book(strength=1.0)) == ["skipped"] * 3
    assert go(book(strength=0.5)) == ["done"] * 3
    assert go(book("other", strength=0.5)) == ["done"] * 3
    save(todo[1].source, value=50)
    todo[2].output.unlink()
    assert go(book("other", strength=0.5)) == ["skipped", "done", "done"]
    (tmp_path / "out" / MANIFEST_NAME).unlink()
    assert go(book("other", strength=0.5)) == ["done"] * 3
    assert go(book("other", strength=0.5)) == ["skipped"] * 3
    with pytest.raises(ValueError, match="manifest"):
        list(run(todo, same, existing="skip"))


def test_a_run_killed_between_replacing_and_recording_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    todo = jobs(tmp_path, 1)
    list(run(todo, same, manifest=book("old")))
    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "record_all", lambda *_: None)
        list(run(todo, inverted, manifest=book("new"), existing="overwrite"))
    (result,) = run(todo, same, manifest=book("old"), existing="skip")
    assert result.status == "done"


def test_an_output_is_taken_once_its_folder_is_there_and_free_again_after_release(
    tmp_path: Path,
) -> None:
    outputs = Outputs("error", None, Pictures())
    work = Work(jobs(tmp_path, 1)[0])
    assert outputs.take(work)
    assert work.claim.path is None
    work.job.output.parent.mkdir()
    assert outputs.take(work)
    assert work.claim.path is not None
    outputs.close()
    assert list(work.job.output.parent.iterdir()) == []
