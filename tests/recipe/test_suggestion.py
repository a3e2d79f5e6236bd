from restore_cli.recipe.suggestion import suggest


def test_the_nearest_name_is_suggested_and_all_where_none_is_near() -> None:
    assert suggest("stepz", ["lr", "steps"]) == "did you mean 'steps'?"
    assert suggest("zzz", ["steps", "lr"]) == "known: lr, steps"
