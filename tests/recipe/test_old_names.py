import pytest
from small_recipe import TEXT, parse, refusal

from restore_cli.recipe.old_names import OLD_OPTIONS, modernised, modernised_key, old_forms

OLD = [(section, old, new) for section, names in OLD_OPTIONS.items() for old, new in names.items()]


@pytest.mark.parametrize(("section", "old", "new"), OLD)
def test_an_old_name_means_the_new_one_in_files_and_on_the_command_line(
    section: str, old: str, new: str
) -> None:
    head = f"[{section}]"
    text = TEXT.replace(head, f"{head}\n{old} = 7")
    assert text != TEXT
    for recipe in (parse(text=text), parse(f"{section}.{old}=7")):
        options = recipe.network.options if section == "network" else recipe.objective.options
        assert options[new] == 7
        assert old not in options
    # What is written again has the new names.
    assert f"{new} = 7" in parse(text=text).dump()
    again = parse(f"{section}.{old}=8", text=text)
    assert again.model_dump() == parse(f"{section}.{new}=8").model_dump()


def test_the_table_that_was_read_stays() -> None:
    read = {"network": {"name": "unet", "survey": 3}, "objective": 5, "data": {"survey": 1}}
    assert modernised(read) == read | {"network": {"name": "unet", "global_context": 3}}
    assert read["network"] == {"name": "unet", "survey": 3}


def test_a_name_that_stands_twice_is_left_to_be_refused() -> None:
    table = {"network": {"survey": 3, "global_context": 4}}
    assert modernised(table) == table


@pytest.mark.parametrize("item", ["optim.steps=5", "data.survey=1", "network.survey.x=1", "x", ""])
def test_other_keys_stay(item: str) -> None:
    assert modernised_key(item) == item


def test_an_unknown_section_is_still_refused() -> None:
    assert "unknown key" in refusal("netwrk.survey=1").message


def test_every_old_form_is_told_with_its_form_of_today() -> None:
    table = {"network": {"survey": 3}, "objective": {"patches": 4}, "data": {"train": "photos"}}
    name, kind = old_forms(table)
    assert name == "network.survey is now called 'global_context'"
    assert kind.endswith("kind = 'clean'")
    assert old_forms({"network": {"global_context": 3}, "data": {"kind": "clean"}}) == []
    assert old_forms({"network": 5, "data": []}) == []
