"""From the hub to a folder and back, with a fake of huggingface_hub."""

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from safetensors.torch import save_file
from torch import zeros

from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.models.hub import prepare, pull
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TINY = Path(__file__).parents[1] / "tiny.toml"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    zoo.export(tmp_path / "tiny", UNet(widths=(4, 8), depths=(1, 1)), Recipe.load(TINY), "# tiny\n")
    return tmp_path / "tiny"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What lies at OWNER/NAME; only its one commit can be fetched."""
    there = tmp_path / "there"
    there.mkdir()

    class HfApi:
        def model_info(self, name: str, revision: str) -> SimpleNamespace:
            if name != "owner/name" or revision not in ("main", COMMIT):
                raise OSError("404 Client Error\nmore")
            files = [SimpleNamespace(rfilename=path.name) for path in sorted(there.iterdir())]
            return SimpleNamespace(sha=COMMIT, siblings=files)

    def hf_hub_download(name: str, file: str, *, revision: str, local_dir: str) -> str:
        assert revision == COMMIT
        assert not file.endswith((".bin", ".pth", ".py"))
        return str(shutil.copy(there / file, Path(local_dir) / file))

    module = ModuleType("huggingface_hub")
    vars(module).update(HfApi=HfApi, hf_hub_download=hf_hub_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return there


def test_what_was_prepared_comes_back_as_it_was(
    tiny: Path, repository: Path, tmp_path: Path
) -> None:
    prepare(str(tiny), repository)
    (repository / "pytorch_model.bin").write_bytes(b"never fetched")
    pulled = pull("owner/name", tmp_path / "pulled")
    assert (pulled.revision, pulled.file) == (COMMIT, zoo.WEIGHTS)
    got = zoo.load(str(tmp_path / "pulled"))
    assert (got.name, got.recipe, got.sha256) == ("tiny", Recipe.load(TINY), pulled.sha256)
    zoo.verify(str(tmp_path / "pulled"))
    source = json.loads((tmp_path / "pulled" / "source.json").read_text())
    assert (source["hub"], source["revision"]) == ("owner/name", COMMIT)
    assert "# tiny" in zoo.card(str(tmp_path / "pulled"))


def test_a_prepared_folder_has_a_card_with_the_fields_of_the_hub(
    tiny: Path, tmp_path: Path
) -> None:
    files = prepare(str(tiny), tmp_path / "out")
    assert files == ["model.safetensors", "recipe.toml", "README.md", "SHA256SUMS"]
    assert sorted(files) == sorted(path.name for path in (tmp_path / "out").iterdir())
    head, fields, text = (tmp_path / "out" / "README.md").read_text().split("---\n")
    assert head == ""
    assert 'license: "apache-2.0"' in fields
    assert "pipeline_tag: image-to-image" in fields
    assert text.strip() == "# tiny"


def test_a_prepared_folder_is_not_the_model_itself(tiny: Path) -> None:
    with pytest.raises(RestoreError, match="is the model itself"):
        prepare(str(tiny), tiny)


def test_only_safetensors_are_fetched(repository: Path, tmp_path: Path) -> None:
    (repository / "model.pth").write_bytes(b"code")
    with pytest.raises(RestoreError, match="has no safetensors file"):
        pull("owner/name", tmp_path / "pulled")
    for name in ("a.safetensors", "b.safetensors"):
        save_file({"a": zeros(1)}, repository / name)
    with pytest.raises(RestoreError, match="has 2 safetensors files") as caught:
        pull("owner/name", tmp_path / "pulled")
    assert "a.safetensors, b.safetensors" in (caught.value.hint or "")
    assert pull("owner/name", tmp_path / "pulled", file="b.safetensors").file == "b.safetensors"
    with pytest.raises(RestoreError, match=r"no safetensors file 'model\.pth'"):
        pull("owner/name", tmp_path / "pulled", file="model.pth")


def test_what_is_damaged_or_differs_is_not_kept(
    tiny: Path, repository: Path, tmp_path: Path
) -> None:
    (repository / "model.safetensors").write_bytes(b"\x00\xff\x00 no tensors")
    with pytest.raises(RestoreError, match="cannot read the weights"):
        pull("owner/name", tmp_path / "pulled")
    shutil.copy(tiny / "model.safetensors", repository)
    (repository / "SHA256SUMS").write_text(f"{'0' * 64}  model.safetensors\n")
    with pytest.raises(RestoreError, match="damaged or changed"):
        pull("owner/name", tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


@pytest.mark.usefixtures("repository")
def test_what_the_hub_does_not_have_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match=r"owner/gone cannot be fetched: 404 Client Error$"):
        pull("owner/gone", tmp_path / "pulled")
    for name in ("name", "../../etc", "https://host/owner/name"):
        with pytest.raises(RestoreError, match="is no id of the hub"):
            pull(name, tmp_path / "pulled")


def test_without_the_extra_one_line_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(RestoreError) as caught:
        pull("owner/name", tmp_path / "pulled")
    assert caught.value.hint == '`pip install "restore-cli[hub]"` installs it'
