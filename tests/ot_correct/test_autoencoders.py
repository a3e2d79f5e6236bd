"""Autoencoders by name: each kind loads, and what is missing or damaged says so."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from restore_cli.errors import RestoreError
from restore_cli.models import shipped as shipped_models
from restore_cli.models import zoo
from restore_cli.networks.unet import UNet
from restore_cli.networks.vae import VAE
from restore_cli.ot_correct.autoencoders import load_autoencoder
from restore_cli.recipe import Recipe

CPU = torch.device("cpu")
TINY = Path(__file__).parents[1] / "tiny.toml"


def _vae() -> VAE:
    torch.manual_seed(0)
    return VAE(channels=5, widths=(4, 6), blocks=(0, 1)).eval()


def _export(folder: Path) -> None:
    text = TINY.read_text(encoding="utf-8")
    recipe = Recipe.parse(text, source="tiny", overrides=["network.name=vae"])
    table = recipe.model_dump()
    table["network"] = {"name": "vae", "channels": 5, "widths": [4, 6], "blocks": [0, 1]}
    table["objective"] = {"name": "vae"}
    zoo.export(folder, _vae(), Recipe.model_validate(table), "# tiny\n")


def test_identity_needs_nothing() -> None:
    assert load_autoencoder("identity", CPU).name == "identity"


def test_small_is_the_shipped_model_or_says_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_models, "folders", list)
    with pytest.raises(RestoreError, match="'small' is not shipped") as caught:
        load_autoencoder("small", CPU)
    assert "--vae identity" in str(caught.value.hint)
    folder = tmp_path / "vae-small"
    _export(folder)
    monkeypatch.setattr(shipped_models, "folders", lambda: [folder])
    its = load_autoencoder("small", CPU)
    assert (its.name, its.channels, its.factor) == ("small", 5, 2)
    assert its.sha256 == zoo.load(str(folder)).sha256


def test_a_model_folder_loads_by_its_path(tmp_path: Path) -> None:
    _export(tmp_path / "mine")
    its = load_autoencoder(str(tmp_path / "mine"), CPU)
    image = torch.rand(1, 3, 12, 16)
    with torch.inference_mode():
        exact = _vae().half().float().encode(image)
    torch.testing.assert_close(its.encode(image), exact)


def test_a_model_that_is_no_autoencoder_is_refused(tmp_path: Path) -> None:
    network = UNet(widths=(8, 16), depths=(1, 1))
    recipe = Recipe.load(TINY, ["network.widths=[8, 16]"])
    zoo.export(tmp_path / "denoiser", network, recipe, "# tiny\n")
    with pytest.raises(RestoreError, match="no autoencoder"):
        load_autoencoder(str(tmp_path / "denoiser"), CPU)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_a_published_pair_of_files_loads(tmp_path: Path, ending: str) -> None:
    network = _vae()
    for part in ("encoder", "decoder"):
        state = getattr(network, part).state_dict()
        path = tmp_path / f"taexx_{part}.{ending}"
        torch.save(state, path) if ending == "pth" else save_file(state, path)
    its = load_autoencoder(str(tmp_path), CPU)
    image = torch.rand(1, 3, 10, 12)
    with torch.inference_mode():
        torch.testing.assert_close(its.encode(image), network.encode(image))
    (tmp_path / f"taexx_decoder.{ending}").write_bytes(b"junk")
    with pytest.raises(RestoreError, match="taexx_decoder"):
        load_autoencoder(str(tmp_path), CPU)
    (tmp_path / f"taexx_decoder.{ending}").unlink()
    with pytest.raises(RestoreError, match=r"no file called \*decoder\*"):
        load_autoencoder(str(tmp_path), CPU)


def test_names_that_lead_nowhere_are_errors(tmp_path: Path) -> None:
    for name in ("smal", str(tmp_path / "none"), "./none"):
        with pytest.raises(RestoreError, match="no autoencoder") as caught:
            load_autoencoder(name, CPU)
        assert "hub id" in str(caught.value.hint)


def test_diffusers_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(RestoreError, match="needs the Python package diffusers") as caught:
        load_autoencoder("someone/vae", CPU)
    assert "restore-cli[vae]" in str(caught.value.hint)


@pytest.mark.parametrize("kind", ["AutoencoderKL", "AutoencoderTiny"])
def test_diffusers_folders_load_and_follow_our_convention(tmp_path: Path, kind: str) -> None:
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    if kind == "AutoencoderKL":
        model = diffusers.AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=4,
            latent_channels=3,
            scaling_factor=0.5,
            shift_factor=0.25,
        )
    else:
        sizes = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
        counts = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
        model = diffusers.AutoencoderTiny(**sizes, **counts)
    model = model.eval()
    model.save_pretrained(tmp_path)
    its = load_autoencoder(str(tmp_path), CPU)
    image = torch.rand(1, 3, 16, 12)
    with torch.inference_mode():
        if kind == "AutoencoderKL":
            exact = (model.encode(2 * image - 1).latent_dist.mean - 0.25) * 0.5
            back = (model.decode(exact / 0.5 + 0.25).sample + 1) / 2
        else:
            exact = model.encode(2 * image - 1).latents
            back = (model.decode(exact).sample + 1) / 2
    latents = its.encode(image)
    torch.testing.assert_close(latents, exact, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(its.decode(latents, (16, 12)), back, rtol=1e-4, atol=1e-5)
    assert its.factor == 2
    assert load_autoencoder(str(tmp_path), CPU).sha256 == its.sha256


def test_a_diffusers_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    (tmp_path / "config.json").write_text('{"_class_name": "UNet2DModel"}')
    with pytest.raises(RestoreError, match="UNet2DModel"):
        load_autoencoder(str(tmp_path), CPU)
    (tmp_path / "config.json").write_text('{"_class_name"')
    with pytest.raises(RestoreError, match="cannot be loaded"):
        load_autoencoder(str(tmp_path), CPU)
