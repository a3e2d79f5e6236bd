import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from restore_cli.errors import RestoreError
from restore_cli.models import shipped as shipped_models
from restore_cli.models import zoo
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe

TEXT = Path(__file__).parents[1].joinpath("tiny.toml").read_text()
RECIPE = Recipe.parse(TEXT, source="tiny")


def network() -> UNet:
    torch.manual_seed(0)
    made = UNet(widths=(4, 8), depths=(1, 1))
    nn.init.normal_(made.tail.weight)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    zoo.export(tmp_path / "tiny", network(), RECIPE, "# tiny\n\nA card.\n")
    return tmp_path / "tiny"


@pytest.fixture
def shipped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The zoo holds `tiny` and `denoise`, of one task."""
    folders = [folder, folder.with_name("denoise")]
    shutil.copytree(*folders)
    monkeypatch.setattr(shipped_models, "folders", lambda: folders)
    return folders


def assert_halves(found: nn.Module, expected: nn.Module) -> None:
    """The weights survived a trip through fp16."""
    for name, value in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], value.half().float()), name


def test_an_exported_folder_loads_as_it_was(folder: Path) -> None:
    model = zoo.load(str(folder))
    assert_halves(model.network, network())
    assert (model.name, model.task, model.overlap, model.folder) == ("tiny", "denoise", 12, folder)
    assert model.recipe == RECIPE
    assert not model.network.training
    assert {value.dtype for value in model.network.parameters()} == {torch.float32}
    assert not any(value.requires_grad for value in model.network.parameters())
    assert model.sha256 == hashlib.sha256((folder / zoo.WEIGHTS).read_bytes()).hexdigest()


def test_an_exported_folder_has_exactly_its_four_files_and_verifies(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "model.safetensors", "recipe.toml", "card.md", "SHA256SUMS",
    }  # fmt: skip
    zoo.verify(str(folder))
    assert zoo.card(str(folder)) == "# tiny\n\nA card.\n"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_the_hashes_are_what_sha256sum_checks(folder: Path) -> None:
    command = ["sha256sum", "-c", zoo.SUMS]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count(": OK")) == (0, 2)


def test_the_weights_alone_are_a_whole_model(folder: Path, tmp_path: Path) -> None:
    lone = tmp_path / "elsewhere" / "copied.safetensors"
    lone.parent.mkdir()
    shutil.copy(folder / zoo.WEIGHTS, lone)
    model = zoo.load(str(lone))
    assert_halves(model.network, network())
    assert (model.name, model.overlap, model.recipe) == ("tiny", 12, RECIPE)


@pytest.mark.parametrize("file", [zoo.WEIGHTS, zoo.RECIPE])
def test_a_changed_file_is_neither_loaded_nor_verified(file: str, folder: Path) -> None:
    data = bytearray((folder / file).read_bytes())
    data[-1] ^= 1
    (folder / file).write_bytes(bytes(data))
    for check in (zoo.load, zoo.verify):
        with pytest.raises(RestoreError, match=rf"{file} is damaged or changed: sha256"):
            check(str(folder))


@pytest.mark.parametrize("file", [zoo.WEIGHTS, zoo.RECIPE])
def test_a_missing_file_is_named(file: str, folder: Path) -> None:
    (folder / file).unlink()
    for check in (zoo.load, zoo.verify):
        with pytest.raises(RestoreError, match=file):
            check(str(folder))


def test_a_folder_without_hashes_loads_but_cannot_be_verified(folder: Path) -> None:
    (folder / zoo.SUMS).unlink()
    assert zoo.load(str(folder)).name == "tiny"
    with pytest.raises(RestoreError, match="nothing to verify against"):
        zoo.verify(str(folder))
    (folder / zoo.SUMS).write_text(f"{'0' * 64}  recipe.toml\n")
    with pytest.raises(RestoreError, match=r"does not list model\.safetensors"):
        zoo.verify(str(folder))
    (folder / zoo.SUMS).write_text("garbage\n")
    with pytest.raises(RestoreError, match="SHA256SUMS is damaged"):
        zoo.load(str(folder))


def test_weights_that_do_not_fit_their_recipe_are_refused(folder: Path) -> None:
    (folder / zoo.SUMS).unlink()
    path = folder / zoo.RECIPE
    path.write_text(path.read_text().replace("8]", "16]"))
    with pytest.raises(RestoreError, match="do not fit the network") as caught:
        zoo.load(str(folder))
    assert "size mismatch" in caught.value.message


@pytest.mark.parametrize("kind", [torch.int8, torch.bool, torch.complex64])
def test_weights_that_are_no_floating_point_are_refused(kind: torch.dtype, folder: Path) -> None:
    (folder / zoo.SUMS).unlink()
    with pytest.raises(RestoreError, match=r"model\.safetensors.*: its tensor \w+"):
        _changed(folder, lambda value: value.to(kind))


def test_weights_that_are_not_finite_are_refused_before_any_picture(folder: Path) -> None:
    (folder / zoo.SUMS).unlink()
    with pytest.raises(RestoreError, match="holds values that are not finite"):
        _changed(folder, lambda value: value / 0)


def _changed(folder: Path, change: Callable[[Tensor], Tensor]) -> None:
    """Load a model folder whose tensors were changed."""
    path = folder / zoo.WEIGHTS
    with safe_open(path, framework="pt") as opened:
        described = opened.metadata()
    save_file({name: change(value) for name, value in load_file(path).items()}, path, described)
    zoo.load(str(folder))


def test_truncated_weights_are_named(folder: Path) -> None:
    path = folder / zoo.WEIGHTS
    (folder / zoo.SUMS).unlink()
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RestoreError, match=r"cannot read the weights in .*model\.safetensors"):
        zoo.load(str(folder))


def test_exporting_again_keeps_comments_unless_the_recipe_changed(folder: Path) -> None:
    path = folder / zoo.RECIPE
    path.write_text("# my notes\n" + TEXT)
    zoo.export(folder, network(), RECIPE, "# tiny\n")
    assert path.read_text() == "# my notes\n" + TEXT
    zoo.verify(str(folder))
    longer = Recipe.parse(TEXT, source="tiny", overrides=["optim.steps=2000"])
    zoo.export(folder, network(), longer, "# tiny\n")
    assert path.read_text() == longer.dump()
    path.write_text("broken = [")
    zoo.export(folder, network(), RECIPE, "# tiny\n")
    assert zoo.load(str(folder)).recipe == RECIPE


def test_a_failed_export_leaves_the_old_model_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    sync, done = os.fsync, list[int]()

    def full(handle: int) -> None:
        done.append(handle)
        if len(done) == len(before):
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RestoreError, match=r"cannot write the model folder .*No space left"):
        zoo.export(folder, UNet(widths=(4, 8), depths=(1, 1)), RECIPE, "# other\n")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("value", [1e5, float("nan")])
def test_a_weight_beyond_fp16_is_not_exported(value: float, tmp_path: Path) -> None:
    made = network()
    with torch.no_grad():
        made.head.weight[0, 0, 0, 0] = value
    with pytest.raises(RestoreError, match=r"head\.weight is not finite in fp16"):
        zoo.export(tmp_path / "tiny", made, RECIPE, "# tiny\n")
    assert not (tmp_path / "tiny").exists()


@pytest.mark.parametrize("wrap", ["params_ema", "params", "state_dict", "model", None])
def test_a_published_nafnet_is_recognised_whatever_wraps_it(
    wrap: str | None, tmp_path: Path
) -> None:
    made = NAFNet(width=4, encoder_blocks=(1, 2), middle_blocks=1, decoder_blocks=(2, 1))
    state: dict[str, object] = dict(made.state_dict())
    path = tmp_path / "NAFNet-width4.pth"
    torch.save({wrap: state, "iteration": 7} if wrap else state, path)
    model = zoo.load(str(path))
    assert isinstance(model.network, NAFNet)
    image = torch.rand(1, 3, 8, 8)
    assert torch.equal(model.network(image), made(image))
    assert (model.name, model.task, model.recipe) == ("NAFNet-width4", "NAFNet-width4", None)
    assert model.overlap == 64


def test_averaged_weights_are_preferred(tmp_path: Path) -> None:
    states: list[dict[str, Tensor]] = []
    for _ in range(2):
        made = NAFNet(width=4, encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,))
        states.append(made.state_dict())
    torch.save({"params": states[0], "params_ema": states[1]}, tmp_path / "both.pth")
    found = zoo.load(str(tmp_path / "both.pth")).network.state_dict()
    assert torch.equal(found["intro.weight"], states[1]["intro.weight"])


def test_a_foreign_checkpoint_must_fit_to_the_last_tensor(tmp_path: Path) -> None:
    state = NAFNet(width=4, encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,)).state_dict()
    del state["ending.bias"]
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(RestoreError, match=r"ending\.bias"):
        zoo.load(str(tmp_path / "a.pth"))
    state["ending.bias"] = torch.zeros(3)
    state["surplus"] = torch.zeros(3)
    torch.save(state, tmp_path / "b.pth")
    with pytest.raises(RestoreError, match="surplus"):
        zoo.load(str(tmp_path / "b.pth"))


def test_a_pth_is_built_from_the_recipe_beside_it(tmp_path: Path) -> None:
    torch.save({"state_dict": network().state_dict()}, tmp_path / "weights.pth")
    with pytest.raises(RestoreError, match="not of a network known here") as caught:
        zoo.load(str(tmp_path / "weights.pth"))
    assert "recipe.toml" in str(caught.value.hint)
    (tmp_path / zoo.RECIPE).write_text(TEXT)
    model = zoo.load(str(tmp_path / "weights.pth"))
    assert torch.equal(model.network.state_dict()["tail.weight"], network().tail.weight)
    assert model.name == "tiny"


class Evil:
    """Unpickling it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_code_in_a_checkpoint_is_refused_and_never_runs(tmp_path: Path) -> None:
    torch.save({"params": {"a": torch.zeros(1)}, "x": Evil(tmp_path / "ran")}, tmp_path / "e.pth")
    with pytest.raises(RestoreError, match="holds more than tensors"):
        zoo.load(str(tmp_path / "e.pth"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], {"a": 1}])
def test_a_checkpoint_without_named_tensors_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(RestoreError, match=r"a\.pth holds no tensors"):
        zoo.load(str(tmp_path / "a.pth"))


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.txt"])
@pytest.mark.parametrize("data", [b"", b"hello, this is text", bytes(range(256))])
def test_a_file_that_holds_no_weights_is_named(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(RestoreError, match=name):
        zoo.load(str(tmp_path / name))


def test_safetensors_without_a_recipe_need_known_names(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(RestoreError, match="not of a network known here"):
        zoo.load(str(tmp_path / "a.safetensors"))


def test_entries_describe_without_building(shipped: list[Path]) -> None:
    tiny, denoise = zoo.entries()
    assert (tiny.name, denoise.name) == ("tiny", "denoise")
    weights = shipped[0] / zoo.WEIGHTS
    assert tiny == zoo.Entry(
        name="tiny",
        task="denoise",
        folder=shipped[0],
        parameters=sum(value.numel() for value in network().parameters()),
        size_bytes=weights.stat().st_size,
        licence="Apache-2.0",
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        description="A small one.",
    )


def test_a_tasks_default_is_the_model_of_its_name(shipped: list[Path]) -> None:
    assert zoo.default_for_task("denoise") == "denoise"
    with pytest.raises(RestoreError, match="'deblur'") as caught:
        zoo.default_for_task("deblur")
    assert "denoise" in str(caught.value.hint)


def test_shipped_models_go_by_name_from_anywhere(
    shipped: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert zoo.load("tiny").folder == shipped[0]
    zoo.verify("denoise")
    with pytest.raises(RestoreError, match="no model 'tinny'") as caught:
        zoo.load("tinny")
    assert "tiny, denoise" in str(caught.value.hint)


def test_other_folders_and_missing_cards_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="is not a model folder") as caught:
        zoo.load(str(tmp_path))
    assert "--export" in str(caught.value.hint)
    (folder / zoo.CARD).unlink()
    with pytest.raises(RestoreError, match=r"has no card\.md"):
        zoo.card(str(folder))
