from pathlib import Path

from restore_cli.degradations import DEGRADATIONS
from restore_cli.recipe import CleanData, Mixture
from restore_cli.recipe.old_degradations import OLD_NAMES, old_steps, renamed


def mixture(*names: str) -> list[Mixture]:
    return [Mixture.model_validate({"steps": [{"name": name} for name in names]})]


def test_the_new_names_are_there_and_the_old_ones_are_not() -> None:
    assert set(OLD_NAMES.values()) <= set(DEGRADATIONS)
    assert not set(OLD_NAMES) & set(DEGRADATIONS)


def test_each_old_name_of_a_recipe_is_told_once() -> None:
    data = CleanData(
        kind="clean",
        train=Path("photos"),
        mixture=mixture("rain", "file", "file"),
        validation=mixture("keep", "file"),
    )
    assert old_steps(data) == [
        "the degradation 'file' is now called 'quantize8'",
        "the degradation 'keep' is now called 'set-target'",
    ]
    assert old_steps(data.model_copy(update={"mixture": mixture("rain"), "validation": []})) == []


def test_old_names_are_renamed_at_any_depth_and_nothing_else_is() -> None:
    table = {
        "model": {"name": "file"},
        "data": {"mixture": [{"weight": 1.0, "steps": [{"name": "file"}, {"name": "rain"}]}]},
    }
    new = renamed(table)
    assert new["model"] == {"name": "file"}
    (entry,) = new["data"]["mixture"]
    assert entry == {"weight": 1.0, "steps": [{"name": "quantize8"}, {"name": "rain"}]}
    assert table["data"]["mixture"][0]["steps"][0]["name"] == "file"  # a copy was made
