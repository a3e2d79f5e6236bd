import json
import threading
from pathlib import Path

import pytest

from restore_cli.batch.manifest import MANIFEST_NAME, Identity, Manifest, file_sha256

OPTIONS: dict[str, object] = {"strength": 1.0, "sigma": None, "tile": "auto"}


def manifest(model: str = "m", **changes: object) -> Manifest:
    return Manifest(Identity(model, OPTIONS | changes))


def test_matches_only_the_same_input_model_and_options(tmp_path: Path) -> None:
    output = tmp_path / "a.png"
    manifest().record(output, "input")
    assert manifest().matches(output, "input")
    assert not manifest().matches(output, "other input")
    assert not manifest(model="other").matches(output, "input")
    assert not manifest(strength=0.5).matches(output, "input")
    assert not manifest().matches(tmp_path / "b.png", "input")


def test_last_entry_counts_and_forget_removes(tmp_path: Path) -> None:
    output = tmp_path / "a.png"
    book = manifest()
    book.record(output, "old")
    book.record(output, "new")
    assert book.matches(output, "new")
    assert manifest().matches(output, "new")
    assert not manifest().matches(output, "old")
    book.forget(output)
    assert not book.matches(output, "new")
    assert not manifest().matches(output, "new")


def test_survives_torn_and_foreign_lines(tmp_path: Path) -> None:
    manifest().record(tmp_path / "a.png", "input")
    with (tmp_path / MANIFEST_NAME).open("ab") as file:
        file.write(b'[]\n\xff\xfe\n{"output": "b.p')
    assert manifest().matches(tmp_path / "a.png", "input")
    manifest().record(tmp_path / "c.png", "input")
    assert manifest().matches(tmp_path / "c.png", "input")
    assert not manifest().matches(tmp_path / "b.png", "input")


@pytest.mark.parametrize("name", ["фото ☔.png", "a b.png", "bytes\udcff.png"])
def test_any_file_name(tmp_path: Path, name: str) -> None:
    manifest().record(tmp_path / name, "input")
    assert manifest().matches(tmp_path / name, "input")


def test_parallel_runs_lose_nothing(tmp_path: Path) -> None:
    def write(run: int) -> None:
        book = manifest()
        for index in range(50):
            book.record(tmp_path / f"{run}-{index}.png", "input")

    threads = [threading.Thread(target=write, args=(run,)) for run in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (tmp_path / MANIFEST_NAME).read_text().splitlines()
    assert len({json.loads(line)["output"] for line in lines}) == 200


def test_file_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")
