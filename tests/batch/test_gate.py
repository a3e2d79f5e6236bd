"""No file appears after the run has said what is done."""

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore_cli.batch import pipeline
from restore_cli.batch.gate import DroppedError, Gate
from restore_cli.batch.planning import Job
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.images.atomic import named_through, write_atomically
from restore_cli.images.picture import Picture


def test_what_comes_too_late_leaves_nothing(tmp_path: Path) -> None:
    gate = Gate()
    with named_through(gate.naming):
        write_atomically(tmp_path / "first", b"1")
        assert gate.close() == {tmp_path / "first"}
        with pytest.raises(DroppedError):
            write_atomically(tmp_path / "second", b"2")
    write_atomically(tmp_path / "outside", b"3")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "outside"]


def test_a_file_that_could_not_be_named_has_not_passed(tmp_path: Path) -> None:
    gate = Gate()
    with pytest.raises(OSError, match="full"), gate.naming(tmp_path / "x"):
        raise OSError("full")
    assert gate.close() == frozenset()


def test_an_interrupted_run_tells_exactly_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    todo: list[Job] = []
    for name in ("0", "1", "2", "3"):
        Image.fromarray(np.full((8, 8, 3), 9, np.uint8)).save(tmp_path / f"{name}.png")
        todo.append(Job(tmp_path / f"{name}.png", tmp_path / "out" / f"{name}.png", "png"))
    late, write = threading.Event(), Picture.write
    slow = iter((0.0, 0.3, 60.0))

    def patient(self: Picture, path: Path, *rest: object) -> object:
        late.wait(next(slow))
        return write(self, path, *rest)

    def restore(image: Pixels) -> Restored[Pixels]:
        computed.append(image)
        if len(computed) == 4:
            raise KeyboardInterrupt
        return Restored(image, tile=None, device="cpu", precision="fp32")

    computed: list[Pixels] = []
    monkeypatch.setattr(pipeline, "DROP_SECONDS", 0.8)
    monkeypatch.setattr(Picture, "write", patient)
    told: list[pipeline.Result] = []
    with pytest.raises(KeyboardInterrupt):
        told.extend(pipeline.run(iter(todo), restore, workers=4))  # keeps what came before
    names = sorted(one.output.name for one in told if one.status == "done" and one.output)
    assert len(names) == len(told) == 2
    late.set()
    threading.Event().wait(0.5)
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == names
    assert list((tmp_path / "out").glob(".restore-*.tmp")) == []


def test_several_pass_at_once_and_closing_waits_for_them() -> None:
    gate, together, go_on = Gate(), threading.Barrier(3, timeout=10), threading.Event()

    def name(path: str) -> None:
        with gate.naming(Path(path)):
            together.wait()  # both are inside, or this would never end
            go_on.wait(10)

    threads = [threading.Thread(target=name, args=(path,)) for path in "ab"]
    for thread in threads:
        thread.start()
    together.wait()
    threading.Timer(0.2, go_on.set).start()
    assert gate.close() == {Path("a"), Path("b")}
    assert go_on.is_set()
    for thread in threads:
        thread.join()
