import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

from restore_cli.batch.manifest import MANIFEST_NAME, Identity, Made, Manifest

OPTIONS: dict[str, object] = {"strength": 1.0, "sigma": None, "tile": "auto"}


def manifest(model: str = "m", **changes: object) -> Manifest:
    return Manifest(Identity(model, OPTIONS | changes))


def made(path: Path, data: bytes = b"made") -> Path:
    path.write_bytes(data)
    return path


def test_matches_only_the_same_input_model_and_options(tmp_path: Path) -> None:
    output = made(tmp_path / "a.png")
    manifest().record(output, "input")
    assert manifest().matches(output, "input")
    assert not manifest().matches(output, "other input")
    assert not manifest(model="other").matches(output, "input")
    assert not manifest(strength=0.5).matches(output, "input")
    assert not manifest().matches(made(tmp_path / "b.png"), "input")


def test_an_output_counts_only_while_its_own_hash_is_that_of_its_line(tmp_path: Path) -> None:
    output = made(tmp_path / "a.png", b"old")
    book = manifest()
    book.record(output, "old")
    made(output, b"new")  # a run that was killed before it could write its line
    assert not book.matches(output, "old")
    assert not manifest().matches(output, "old")
    book.record(output, "new")
    assert book.matches(output, "new")
    assert not book.matches(output, "old")


def test_lines_of_other_runs_are_seen_as_they_come(tmp_path: Path) -> None:
    output = made(tmp_path / "a.png")
    book = manifest()
    assert not book.matches(output, "input")
    manifest().record(output, "input")
    assert book.matches(output, "input")


@pytest.mark.parametrize(
    "garbage",
    [
        b'[]\n\xff\xfe\n{"output": "b.p',
        b"[" * 100_000 + b"\n",
        b'{"output_sha256": 1}\nnull\n7\n{}\n',
        bytes(range(256)) * 2000,
        b"x" * (1 << 17),
    ],
    ids=["torn", "deep", "wrong", "bytes", "long"],
)
def test_survives_torn_and_foreign_lines(tmp_path: Path, garbage: bytes) -> None:
    manifest().record(made(tmp_path / "a.png"), "input")
    with (tmp_path / MANIFEST_NAME).open("ab") as file:
        file.write(garbage)
    assert manifest().matches(tmp_path / "a.png", "input")
    manifest().record(made(tmp_path / "c.png"), "input")
    assert manifest().matches(tmp_path / "c.png", "input")
    assert not manifest().matches(made(tmp_path / "b.png"), "input")


def test_a_manifest_that_is_a_pipe_is_neither_read_nor_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / MANIFEST_NAME)
    output = made(tmp_path / "a.png")
    assert not manifest().matches(output, "input")
    with pytest.raises(OSError, match="not a regular file"):
        manifest().record(output, "input")


def test_nothing_is_added_to_what_a_manifest_links_to(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"photo")
    (tmp_path / MANIFEST_NAME).symlink_to("photo.png")
    with pytest.raises(OSError, match="symbolic links"):
        manifest().record(made(tmp_path / "a.png"), "input")
    assert (tmp_path / "photo.png").read_bytes() == b"photo"


@pytest.mark.parametrize("name", ["фото ☔.png", "a b.png", "bytes\udcff.png"])
def test_any_file_name(tmp_path: Path, name: str) -> None:
    manifest().record(made(tmp_path / name), "input")
    assert manifest().matches(tmp_path / name, "input")


def test_parallel_runs_lose_nothing(tmp_path: Path) -> None:
    def write(run: int) -> None:
        book = manifest()
        for index in range(50):
            book.record(made(tmp_path / f"{run}-{index}.png"), "input")

    threads = [threading.Thread(target=write, args=(run,)) for run in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (tmp_path / MANIFEST_NAME).read_text().splitlines()
    assert len({json.loads(line)["output"] for line in lines}) == 200


def test_several_are_noted_at_once_as_they_are_one_by_one(tmp_path: Path) -> None:
    for folder in ("one", "all"):
        (tmp_path / folder).mkdir()
    names, book = ("a.png", "b.png", "c.png"), manifest()
    for name in names:
        book.record(made(tmp_path / "one" / name), f"of {name}")
    told = hashlib.sha256(b"made").hexdigest()
    outputs = [made(tmp_path / "all" / name) for name in names]
    book.record_all(tmp_path / "all", [Made(o, f"of {o.name}", told) for o in outputs])
    one, together = (tmp_path / folder / MANIFEST_NAME for folder in ("one", "all"))
    assert together.read_bytes() == one.read_bytes()
    assert manifest().matches(outputs[1], "of b.png")
