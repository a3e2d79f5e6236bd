import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe
from restore_cli.training.card import MEASURED_BEGIN, MEASURED_END, write_card
from restore_cli.training.loop import Trained
from restore_cli.training.state import Sitting
from restore_cli.training.validation import MOST

Parse = Callable[..., Recipe]


@pytest.fixture
def trained(parse: Parse) -> Trained:
    network = UNet(widths=(4, 8), depths=(1, 1))
    sitting = Sitting("one CPU", "bf16", 8, 64, 0)
    return Trained(network, parse(), 754.0, 28.126, 20.204, 12000, 3, [sitting])


def facts(card: str) -> dict[str, str]:
    lines = [line.strip("|").split("|") for line in card.splitlines() if line.startswith("| ")]
    return {name.strip(): value.strip() for name, value in lines}


def test_the_card_tells_what_was_trained_and_how(parse: Parse, trained: Trained) -> None:
    trained.recipe = parse(
        "model.data=Three photos.",
        "model.description=Takes noise away.",
        "model.limits=Only small.",
        "objective.loss=charbonnier",
        "optim.accumulate=4",
        "optim.lr=3e-3",
        "optim.seed=9",
    )
    card = write_card(trained)
    parameters = sum(value.numel() for value in trained.network.parameters())
    assert card.startswith("# tiny\n\nTakes noise away.\n")
    assert facts(card) == {
        "what": "",
        "task": "denoise",
        "network": f"unet, {parameters:,} parameters",
        "weights": f"fp16, {parameters * 2 / 1e6:.2f} MB",
        "objective": "supervised (loss charbonnier)",
        "training pictures": "Three photos.",
        "crops, batch": "16 px, 8",
        "optimiser": "adamw, learning rate 0.003, cosine schedule",
        "steps, seed": "12,000, 9",
        "hardware, time": "one CPU, bf16, 13 minutes",
        "left-out steps (not finite)": "3",
        "licence": "Apache-2.0",
        "validation while training": "20.20 dB in, 28.13 dB out"
        " (centre crops, the recipe's validation mixture)",
    }
    assert "## Limits\n\nOnly small.\n" in card
    begin, end = card.index(MEASURED_BEGIN), card.index(MEASURED_END)
    assert card[begin:end].count("not measured yet") == 1


def test_an_input_that_is_its_own_target_has_no_number(parse: Parse, trained: Trained) -> None:
    trained.input_psnr = MOST
    told = facts(write_card(trained))["validation while training"]
    assert told.startswith("28.13 dB out (")


def test_what_is_not_known_is_left_out(parse: Parse, trained: Trained) -> None:
    trained.validation_psnr = trained.input_psnr = None
    card = write_card(trained)
    assert "validation" not in card
    assert "Limits" not in card
    assert facts(card)["objective"] == "supervised (defaults)"
    assert facts(card)["training pictures"] == "photos"


def test_the_card_says_what_training_began_from(
    parse: Parse, trained: Trained, tmp_path: Path
) -> None:
    assert "begun from" not in facts(write_card(trained))
    file = tmp_path / "before.safetensors"
    file.write_bytes(b"weights")
    trained.recipe = parse(f"network.weights={file}")
    digest = hashlib.sha256(b"weights").hexdigest()[:12]
    assert facts(write_card(trained))["begun from"] == f"before.safetensors, sha256 {digest}"
    file.unlink()
    assert facts(write_card(trained))["begun from"] == "before.safetensors"
