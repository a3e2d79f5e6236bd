"""Checkpoints of others become folders that load as they did."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.models.conversion import convert
from restore_cli.networks.restormer import Restormer


def _restormer() -> Restormer:
    torch.manual_seed(0)
    return Restormer(width=8, blocks=(1, 2, 1, 2), refinement=1, heads=(1, 2, 2, 4))


def test_a_network_of_this_program_gets_a_recipe(tmp_path: Path) -> None:
    made = _restormer()
    wrapped = {f"module.{name}": value for name, value in made.state_dict().items()}
    torch.save({"params": wrapped}, tmp_path / "Motion Deblur.pth")
    convert(tmp_path / "Motion Deblur.pth", tmp_path / "out", task="deblur", licence="MIT")
    model = zoo.load(str(tmp_path / "out"))
    assert (model.name, model.task, model.architecture) == ("motion-deblur", "deblur", "restormer")
    assert model.recipe is not None
    assert model.recipe.model.licence == "MIT"
    zoo.verify(str(tmp_path / "out"))
    for name, value in made.state_dict().items():
        assert torch.equal(model.network.state_dict()[name], value.half().float())
    assert "MIT" in zoo.card(str(tmp_path / "out"))


class _Brighter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.tensor([0.125]))

    def forward(self, image: Tensor) -> Tensor:
        return image + self.offset


@pytest.fixture
def spandrel(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that knows `_Brighter`."""

    class Loader:
        def load_from_state_dict(self, state: dict[str, Tensor]) -> object:
            model = _Brighter()
            model.load_state_dict(state)

            class Descriptor(SimpleNamespace):
                def __call__(self, image: Tensor) -> Tensor:
                    return model(image)

            return Descriptor(
                model=model,
                purpose="Restoration",
                scale=1,
                input_channels=3,
                output_channels=3,
                supports_half=True,
                supports_bfloat16=True,
                tiling=SimpleNamespace(name="SUPPORTED"),
                architecture=SimpleNamespace(id="Brighter", name="Brighter"),
                size_requirements=SimpleNamespace(minimum=0, multiple_of=1),
            )

    module = ModuleType("spandrel")
    vars(module).update(
        ModelLoader=Loader,
        UnsupportedModelError=LookupError,
        canonicalize_state_dict=lambda state: state,
    )
    monkeypatch.setitem(sys.modules, "spandrel", module)


@pytest.mark.usefixtures("spandrel")
def test_a_network_of_spandrels_becomes_safetensors_with_metadata(tmp_path: Path) -> None:
    torch.save({"offset": torch.tensor([0.3])}, tmp_path / "a.pth")
    out = tmp_path / "out"
    out.mkdir()
    (out / "recipe.toml").write_text("of another model")
    convert(tmp_path / "a.pth", out, name="brighter", task="lowlight")
    with safe_open(out / zoo.WEIGHTS, framework="pt") as file:
        claims = file.metadata()
        assert torch.equal(file.get_tensor("offset"), torch.tensor([0.3]))
    assert (claims["architecture"], claims["licence"], claims["scale"]) == (
        "Brighter", "unknown", "1",
    )  # fmt: skip
    model = zoo.load(str(out))
    assert (model.name, model.task, model.recipe) == ("brighter", "lowlight", None)
    assert model.architecture == "Brighter"
    zoo.verify(str(out))


def test_a_model_of_this_program_is_not_converted_again(tmp_path: Path) -> None:
    torch.save(_restormer().state_dict(), tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "once")
    with pytest.raises(RestoreError, match="a model of this program already"):
        convert(tmp_path / "once" / zoo.WEIGHTS, tmp_path / "twice")


def test_a_name_that_no_model_can_have_is_refused(tmp_path: Path) -> None:
    torch.save(_restormer().state_dict(), tmp_path / "a.pth")
    with pytest.raises(RestoreError, match="cannot be the name"):
        convert(tmp_path / "a.pth", tmp_path / "out", name="Sharp & Clean")
    assert not (tmp_path / "out").exists()
