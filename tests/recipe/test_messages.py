import pytest
from small_recipe import TEXT, refusal


@pytest.mark.parametrize(
    ("change", "where", "hint"),
    [
        ("optm.steps=5", "optm", "'optim'"),
        ("optim.step=5", "optim.step", "'steps'"),
        ("model.nme=x", "model.nme", "'name'"),
        ("data.crops=5", "data.crops", "'crop'"),
        ("data.mixture=[{ wieght = 1.0 }]", "data.mixture.0.wieght", "'weight'"),
        ("log.evry=5", "log.evry", "'every'"),
        ("infer.overlaps=5", "infer.overlaps", "'overlap'"),
        ("infer.zzz=5", "infer.zzz", "known: overlap"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known(
    change: str, where: str, hint: str
) -> None:
    error = refusal(change)
    assert error.message == f"tiny.toml: unknown key {where!r}"
    assert hint in str(error.hint)


def test_a_misspelt_key_is_reported_before_the_key_it_leaves_missing() -> None:
    error = refusal(text=TEXT.replace("steps = 1000", "step = 1000"))
    assert error.message == "tiny.toml: unknown key 'optim.step'"
    error = refusal(text=TEXT.replace("[optim]", "[optin]"))
    assert error.message == "tiny.toml: unknown key 'optin'"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.root=3", "data.root: it takes a path, as a text in quotes"),
        ("optim.lr=true", "optim: lr: it takes a number, not true or false"),
    ],
)
def test_wrong_types_are_told_without_types_of_python(change: str, message: str) -> None:
    assert refusal(change).message == f"tiny.toml: {message}"
