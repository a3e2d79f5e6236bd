"""The file of a correction: kept exactly, and refused where it is damaged."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save, save_file

from restore_cli.errors import RestoreError
from restore_cli.transport.correction import FORMAT, Correction
from restore_cli.transport.moments import Moments


def _correction() -> Correction:
    sides = (Moments(3, 2), Moments(3, 2))
    for seed, moments in enumerate(sides):
        moments.update(torch.rand(2, 3, 9, 8, generator=torch.Generator().manual_seed(seed)))
    return Correction("identity", "abc", 1, *sides)


def test_what_is_written_is_read_exactly(tmp_path: Path) -> None:
    kept, path = _correction(), tmp_path / "look.safetensors"
    kept.write(path)
    found = Correction.read(path)
    assert (found.autoencoder, found.sha256, found.factor) == ("identity", "abc", 1)
    for ours, theirs in ((found.restored, kept.restored), (found.natural, kept.natural)):
        assert (ours.count, ours.pictures, ours.patch) == (theirs.count, theirs.pictures, 2)
        assert torch.equal(ours.mean, theirs.mean)
        assert torch.equal(ours.scatter, theirs.scatter)
    assert [entry.name for entry in tmp_path.iterdir()] == ["look.safetensors"]


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="no such correction") as caught:
        Correction.read(tmp_path / "none.safetensors")
    assert "ot-correct fit" in str(caught.value.hint)


@pytest.mark.parametrize("length", [0, 5, 200, -8])
def test_truncated_file_is_an_error_that_names_it(tmp_path: Path, length: int) -> None:
    path = tmp_path / "look.safetensors"
    _correction().write(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(RestoreError, match=r"look\.safetensors.*damaged"):
        Correction.read(path)


def test_a_models_weights_are_no_correction(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(RestoreError, match="is not a correction"):
        Correction.read(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"restored.mean": torch.zeros(5).double()}, "another size"),
        ({"natural.scatter": torch.full((12, 12), torch.nan).double()}, "not finite"),
    ],
)
def test_content_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, torch.Tensor], words: str
) -> None:
    path = tmp_path / "look.safetensors"
    _correction().write(path)
    metadata = {
        "format": FORMAT, "autoencoder": "identity", "sha256": "abc", "factor": "1",
        "channels": "3", "patch": "2", "restored_count": "9", "restored_pictures": "1",
        "natural_count": "9", "natural_pictures": "1",
    }  # fmt: skip
    path.write_bytes(save(load_file(path) | change, metadata=metadata))
    with pytest.raises(RestoreError, match=words):
        Correction.read(path)
    metadata.pop("patch")
    path.write_bytes(save(load_file(path), metadata=metadata))
    with pytest.raises(RestoreError, match="does not fit together"):
        Correction.read(path)
