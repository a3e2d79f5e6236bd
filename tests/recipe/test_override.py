from pathlib import Path

import pytest
from small_recipe import TEXT, parse, refusal


@pytest.mark.parametrize(
    ("change", "section", "key", "value"),
    [
        ("optim.lr=1e-4", "optim", "lr", 1e-4),
        (" optim.optimizer = muon ", "optim", "optimizer", "muon"),
        ("model.description=two words, no quotes", "model", "description", "two words, no quotes"),
        ('model.description="a = b"', "model", "description", "a = b"),
        ("data.val=some folder/with spaces", "data", "val", Path("some folder/with spaces")),
        ("data.mixture=[]", "data", "train", Path("photos")),
        ("data.flips=false", "data", "flips", "none"),
    ],
)
def test_set_takes_toml_or_plain_text(change: str, section: str, key: str, value: object) -> None:
    others = ["data.mixture=[{}]"] if key == "train" else []
    assert getattr(getattr(parse(change, *others), section), key) == value


def test_set_reaches_options_and_new_sections_and_the_last_wins() -> None:
    recipe = parse("network.widths=[8, 16]", "network.depths=[1, 1]", "network.widths=[2, 4]")
    assert recipe.network.options == {"widths": [2, 4], "depths": [1, 1]}
    text = TEXT[: TEXT.index("[log]")]
    assert parse("log.samples=0", text=text).log.samples == 0


def test_a_key_without_a_value_is_unset_and_its_default_applies() -> None:
    assert parse("optim.seed=7", "optim.seed=").optim.seed == 0
    assert parse("data.val=somewhere", "data.val= ").data.val is None
    assert parse("network.weights=derain", "network.weights=").network.weights is None
    assert parse("log.every=").log.every == 50
    assert refusal("optim.steps=").message == "tiny.toml: 'optim.steps' is missing"


@pytest.mark.parametrize("change", ["optim.steps", "steps=5", "=5", "optim.=5", ".steps=5", ""])
def test_a_malformed_set_is_refused_with_an_example(change: str) -> None:
    error = refusal(change)
    assert repr(change) in error.message
    assert "--set optim.steps=2000" in str(error.hint)


@pytest.mark.parametrize(
    ("change", "part"), [("optim.steps.deep=5", "steps"), ("data.mixture.0.weight=5", "mixture")]
)
def test_a_set_below_a_value_is_refused(change: str, part: str) -> None:
    assert f"'{part}' is not a table" in refusal(change).message
