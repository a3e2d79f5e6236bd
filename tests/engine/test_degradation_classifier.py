"""What a picture suffers from, as the network's windows say it, up to the command's JSON."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restore_cli.engine.degradation_classifier import told_names, trained_classifier
from restore_cli.engine.restorer import Restorer
from restore_cli.models import zoo
from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe

TINY = Path(__file__).parents[1] / "tiny.toml"
NAMES = ("noise", "haze")


def network(*, taught: bool = True) -> BarycenterUNet:
    """It knows dark and bright pictures by their residuals, as if it had learnt them."""
    torch.manual_seed(0)
    made = BarycenterUNet(widths=(4, 8), depths=(1, 1), global_context=3, sources=NAMES).eval()
    torch.nn.init.normal_(made.unet.tail.weight, std=0.1)
    if taught:
        assert made.means is not None
        with torch.no_grad():
            grey = torch.tensor([0.0, 0.05, 0.95, 1.0]).view(4, 1, 1, 1).expand(4, 3, 64, 64)
            residual = made.decomposed(grey).residual.mean(dim=(2, 3))
            made.means.fit(residual, torch.tensor([0, 0, 1, 1]))
    return made


def test_networks_that_know_no_degradation_name_none() -> None:
    assert trained_classifier(network()) is not None
    assert trained_classifier(network(taught=False)) is None
    assert trained_classifier(UNet(widths=(4, 4), depths=(1, 1))) is None
    assert told_names(network()) == NAMES
    assert told_names(network(taught=False)) == ()


@pytest.mark.parametrize("tile", ["none", 64])
@pytest.mark.parametrize("tta", [False, True])
def test_a_picture_is_restored_as_ever_and_named(tile: int | str, tta: bool) -> None:
    for level, name in enumerate(NAMES):
        image = torch.full((3, 100, 150), float(level))
        restorer = Restorer(network(), device="cpu", tile=tile)  # pyright: ignore
        restored = restorer(image, tta=tta)
        assert restored.details["degradation"] == name
        shares = restored.details["degradations"]
        assert isinstance(shares, dict)
        assert list(shares) == list(NAMES)
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
        plain = Restorer(network(taught=False), device="cpu", tile=tile)  # pyright: ignore
        silent = plain(image, tta=tta)
        assert silent.details == {}
        assert torch.equal(restored.image, silent.image)


def test_infer_puts_it_into_the_json(tmp_path: Path) -> None:
    changes = ["network.name=baryir", "network.global_context=3", f"network.sources={list(NAMES)}"]
    recipe = Recipe.load(TINY, [*changes, "network.widths=[4, 8]"])
    zoo.export(tmp_path / "model", network(), recipe, "# tiny\n")
    Image.fromarray(np.full((40, 50, 3), 255, np.uint8)).save(tmp_path / "white.png")
    restore = Path(sys.executable).parent / "restore"
    done = subprocess.run(
        [restore, "infer", "white.png", "--task", "denoise", "--model", "model", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    record = json.loads(done.stdout.splitlines()[0])
    assert record["status"] == "done"
    assert record["degradation"] == "haze"
    assert set(record["degradations"]) == set(NAMES)
