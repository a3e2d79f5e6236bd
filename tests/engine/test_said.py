"""What a network says of a picture, in the words of the JSON."""

import subprocess
import sys

import numpy as np
import pytest

from restore_cli.engine.said import Array, Said, degradation, estimated_level, in_details
from restore_cli.networks.amounts import QUANTITIES, amount_of
from restore_cli.networks.info import NetworkInfo

NAMES = ("noise", "haze")
RAIN = NetworkInfo(quantity="rain")


def amounts(level: float) -> Array:
    told = np.zeros((1, len(QUANTITIES)), np.float32)
    told[0, QUANTITIES.index("rain")] = amount_of("rain", level)
    return told


def test_windows_vote_and_shares_are_rounded() -> None:
    heard = np.array([[0.25, 0.75], [0.5, 0.5], [0.0, 1.0]], np.float32)
    assert degradation(NAMES, heard) == {
        "degradation": "haze", "degradations": {"noise": 0.25, "haze": 0.75},
    }  # fmt: skip


def test_shares_that_were_computed_in_bf16_come_to_one() -> None:
    heard = np.array([[0.2, 0.804]], np.float32)
    told = degradation(NAMES, heard)["degradations"]
    assert told == {"noise": 0.1992, "haze": 0.8008}


def test_a_level_stands_in_its_own_unit() -> None:
    assert estimated_level(RAIN, amounts(0.05)) == pytest.approx(0.05)


def test_only_what_was_read_is_told() -> None:
    assert in_details(RAIN, NAMES, None) == {}
    assert in_details(RAIN, (), Said(amounts(0.05))) == {"level": 0.05}
    sources = np.array([[0.25, 0.75]], np.float32)
    told = in_details(NetworkInfo(), NAMES, Said(amounts(0.05), sources))
    assert told == degradation(NAMES, sources)


def test_a_width_of_blur_is_read_from_the_context_itself() -> None:
    context = np.array(
        [[0.6, 0.9, 0.8, 0.5, 2.0]], np.float32
    )  # weight times widths / 10 px, weight
    told = in_details(NetworkInfo(level="blur", context=True, quantity="blur"), (), None, context)
    assert told == {"level": pytest.approx(np.sqrt((3**2 + 4.5**2 + 4**2 + 2.5**2) / 2), abs=1e-4)}
    assert in_details(NetworkInfo(context=True), (), None, context) == {}


def test_it_needs_no_torch() -> None:
    code = "import restore_cli.engine.said, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
