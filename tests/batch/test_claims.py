import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from restore_cli.batch.claims import TakenError, claim
from restore_cli.batch.manifest import Identity, Manifest
from restore_cli.batch.outputs import Existing
from restore_cli.batch.pipeline import run
from restore_cli.batch.planning import Job
from restore_cli.batch.results import Result
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.images.picture import Picture


def test_a_claim_is_granted_once_and_again_after_its_release(tmp_path: Path) -> None:
    first = claim(tmp_path / "a.png")
    other = claim(tmp_path / "b.png")
    with pytest.raises(TakenError, match=f"process {os.getpid()} on "):
        claim(tmp_path / "a.png")
    first.release()
    first.release()
    claim(tmp_path / "a.png").release()
    other.release()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from restore_cli.batch.claims import claim;"
        "held = claim(Path(sys.argv[1])); os._exit(0)"
    )
    output = tmp_path / "a.png"
    subprocess.run([sys.executable, "-c", code, str(output)], check=True)
    assert len(list(tmp_path.iterdir())) == 1  # nobody has tidied up
    claim(output).release()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_is_just_being_removed_is_waited_for(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    code = (
        "import os, sys; from pathlib import Path; from restore_cli.batch.claims import claim;"
        "held = claim(Path(sys.argv[1])); os._exit(0)"
    )
    output = tmp_path / "a.png"
    subprocess.run([sys.executable, "-c", code, str(output)], check=True)
    (left,) = tmp_path.iterdir()
    with left.open("r+b") as file:  # as another run does that tidies up
        fcntl.flock(file, fcntl.LOCK_EX)

        def remove() -> None:
            left.unlink()
            file.close()

        threading.Timer(0.1, remove).start()
        held = claim(output)
    assert held.path is not None
    held.release()


def test_where_nothing_can_be_locked_everything_is_granted(tmp_path: Path) -> None:
    assert claim(tmp_path / "gone" / "a.png").path is None


def jobs(folder: Path, count: int) -> list[Job]:
    folder.joinpath("out").mkdir()
    for number in range(count):
        Image.new("RGB", (9, 7), (number, 0, 0)).save(folder / f"{number}.png")
    names = [f"{number}.png" for number in range(count)]
    return [Job(folder / name, folder / "out" / name, "png") for name in names]


@pytest.mark.parametrize("existing", ["skip", "error"])
def test_runs_on_one_folder_make_each_picture_once(tmp_path: Path, existing: Existing) -> None:
    todo = jobs(tmp_path, 12)
    computed: list[float] = []
    results: list[Result] = []

    def restore(image: Pixels) -> Restored[Pixels]:
        computed.append(float(image[0, 0, 0]))
        time.sleep(0.01)
        return Restored(image, None, "cpu", "fp32")

    def go() -> None:
        book = Manifest(Identity("m", {}))
        results.extend(run(todo, restore, existing=existing, manifest=book))

    runs = [threading.Thread(target=go) for _ in range(4)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert sorted(computed) == sorted(set(computed))
    counts = [result.status for result in results]
    assert counts.count("done") == 12
    assert counts.count("skipped" if existing == "skip" else "failed") == 36
    assert all("already exists" in str(r.error) for r in results if r.status == "failed")
    assert not list((tmp_path / "out").glob("*.claim"))


def test_an_interrupted_run_does_not_wait_for_a_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    todo, go = jobs(tmp_path, 2), threading.Event()

    def stuck(self: Picture, *_: object, **__: object) -> tuple[str, ...]:
        go.wait(20)
        return ()

    def restore(image: Pixels) -> Restored[Pixels]:
        if image[0, 0, 0] > 0:
            raise KeyboardInterrupt
        return Restored(image, None, "cpu", "fp32")

    monkeypatch.setattr(Picture, "write", stuck)
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        list(run(todo, restore, workers=1))
    assert time.perf_counter() - started < 2.5
    assert list((tmp_path / "out").iterdir()) == []
    go.set()
