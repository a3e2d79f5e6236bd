import pytest
from small_recipe import parse, refusal


def test_a_model_has_a_name_that_a_folder_can_have() -> None:
    assert parse("model.name=a-2").model.name == "a-2"


@pytest.mark.parametrize("key", ["name", "task"])
@pytest.mark.parametrize("value", ["A", "a b", "-a", "../a"])
def test_other_names_are_refused(key: str, value: str) -> None:
    assert f"model.{key}: String should match" in refusal(f"model.{key}={value}").message
