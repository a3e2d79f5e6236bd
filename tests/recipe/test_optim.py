import pytest
from small_recipe import refusal

from restore_cli.recipe import OptimSection


def test_warmup_and_cooldown_fit_into_the_steps() -> None:
    section = OptimSection(steps=10, warmup=4, cooldown=6)
    assert (section.warmup, section.cooldown) == (4, 6)
    refused = refusal("optim.steps=10", "optim.warmup=4", "optim.cooldown=7")
    assert "warmup (4) + cooldown (7) exceed steps (10)" in refused.message


@pytest.mark.parametrize("change", ["lr=0.0", "ema=1.5", "clip=0.0", "precision=fp8", "seed=-1"])
def test_values_out_of_range_are_refused(change: str) -> None:
    assert f"optim.{change.partition('=')[0]}" in refusal(f"optim.{change}").message
