"""Model folders are described, and verified, without torch."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.models import entries, zoo
from restore_cli.models import shipped as shipped_models


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from restore_cli.models import entries;"
        "entries.entries(); entries.verify('derain'); entries.describe('derain');"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_model_is_described_as_it_loads() -> None:
    for name in ("derain", "isp"):
        about, loaded = entries.describe(name), zoo.load(name)
        told = (about.name, about.task, about.sha256, about.overlap, about.recipe)
        assert told == (
            loaded.name, loaded.task, loaded.sha256, loaded.overlap, loaded.recipe,
        )  # fmt: skip


def test_parameters_are_counted() -> None:
    (derain,) = (entry for entry in entries.entries() if entry.name == "derain")
    state = zoo.load("derain").network.state_dict()  # with the table of levels, learnt as well
    assert derain.parameters == sum(value.numel() for value in state.values())


def test_a_foreign_file_is_named_by_itself_and_a_broken_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.pth"
    torch.save({"a": torch.zeros(1)}, path)
    about = entries.describe(str(path))
    assert (about.name, about.task, about.recipe) == ("theirs", "theirs", None)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x00\xff\x00 nothing")
    with pytest.raises(RestoreError, match="cannot read the weights"):
        entries.describe(str(broken))


def test_what_names_degradations_is_auto_or_lies_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = next(folder for folder in shipped_models.folders() if folder.name == "auto")
    assert Path(entries.naming_model()) == shipped / "classifier"
    auto = tmp_path / "auto"
    shutil.copytree(shipped, auto)
    monkeypatch.setattr(shipped_models, "folders", lambda: [auto])
    entries.verify("auto")
    with (auto / "classifier" / entries.RECIPE).open("a") as file:
        file.write("\n")
    with pytest.raises(RestoreError, match="damaged or changed"):
        entries.verify("auto")
    shutil.rmtree(auto / "classifier")
    entries.verify("auto")
    assert Path(entries.naming_model()) == auto


def test_a_file_that_claims_a_terabyte_is_refused_before_it_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(2**40)
    monkeypatch.setattr(entries, "file_digest", lambda _: pytest.fail("it is hashed"))
    with pytest.raises(RestoreError, match=r"reading its tensors takes about \d+\.\d GB"):
        entries.describe(str(path))
