"""Any file can be looked at; what it claims is told as its claim."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.models.inspection import inspect
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe

TINY = Path(__file__).parents[1] / "tiny.toml"


def _nafnet() -> NAFNet:
    return NAFNet(width=4, encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,))


def test_a_model_folder_tells_what_its_recipe_says(tmp_path: Path) -> None:
    network = UNet(widths=(4, 8), depths=(1, 1))
    zoo.export(tmp_path, network, Recipe.load(TINY), "# tiny\n")
    seen = inspect(str(tmp_path))
    assert (seen.kind, seen.architecture, seen.name, seen.task) == (
        "model", "unet", "tiny", "denoise",
    )  # fmt: skip
    assert (seen.scale, seen.multiple, seen.range, seen.licence) == (
        1, network.info.multiple, "0..1, sRGB", "Apache-2.0",
    )  # fmt: skip
    assert seen.parameters == sum(p.numel() for p in network.state_dict().values())
    assert set(seen.stored) == {"float16"}
    assert seen.claims["card.md"] == "# tiny\n"
    assert seen.sha256 == hashlib.sha256((tmp_path / zoo.WEIGHTS).read_bytes()).hexdigest()


def test_a_foreign_checkpoint_is_named_by_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "sidd.safetensors"
    save_file(_nafnet().state_dict(), path, {"license": "MIT", "note": "made\x1b[2J"})
    seen = inspect(str(path))
    assert (seen.kind, seen.architecture, seen.name, seen.licence) == (
        "checkpoint", "nafnet", "sidd", "MIT",
    )  # fmt: skip
    assert seen.claims["note"] == "made\x1b[2J"
    assert set(seen.stored) == {"float32"}


def test_tensors_of_no_known_network_are_counted_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "odd.pth"
    torch.save({"a": torch.zeros(3, 4), "b": torch.zeros(2, dtype=torch.int64)}, path)
    seen = inspect(str(path))
    assert (seen.kind, seen.parameters, seen.tensors, seen.scale) == ("unknown", 14, 2, None)
    assert seen.stored == {"float32": 12, "int64": 2}
    assert "not of a network known here" in seen.problem or "to spandrel" in seen.problem


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 no zip", b"\x89PNG\r\n\x1a\n"])
def test_any_other_file_is_nothing_that_is_known(tmp_path: Path, content: bytes) -> None:
    for name in ("a.pth", "a.safetensors", "a"):
        (tmp_path / name).write_bytes(content)
        seen = inspect(str(tmp_path / name))
        assert (seen.kind, seen.size_bytes) == ("unknown", len(content))
        assert seen.problem


def test_a_pickle_with_code_is_not_run(tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"a": Evil()}))
    assert inspect(str(tmp_path / "evil.pth")).kind == "unknown"
    assert not (tmp_path / "ran").exists()


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="there is no such file"):
        inspect(str(tmp_path / "gone.pth"))
