import pytest
from small_recipe import TEXT, parse, refusal

from restore_cli.recipe.old_data import old_flips, old_forms, with_kind

TWO = {"train_input": "a", "train_target": "b"}
LOOK = [{"steps": [{"name": "style"}]}]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"train": "a"}, {"kind": "clean", "train": "a"}),
        (TWO, {"kind": "paired", **TWO}),
        ({**TWO, "unpaired": True}, {"kind": "unpaired", **TWO}),
        ({**TWO, "unpaired": False}, {"kind": "paired", **TWO}),
        ({**TWO, "paired_share": 0.5}, {"kind": "mixed", "paired_share": 0.5, **TWO}),
        ({**TWO, "targets": LOOK}, {"kind": "mixed", "paired_share": 1.0, "targets": LOOK, **TWO}),
        (
            {**TWO, "targets": LOOK, "unpaired": True},
            {"kind": "mixed", "paired_share": 0.0, "targets": LOOK, **TWO},
        ),
        ({**TWO, "mixture": [], "targets": []}, {"kind": "paired", **TWO}),
        ({"kind": "paired", **TWO, "mixture": []}, {"kind": "paired", **TWO}),
        ({"crop": 5}, {"crop": 5}),
    ],
)
def test_an_old_section_is_read_as_the_kind_that_it_was(
    old: dict[str, object], new: dict[str, object]
) -> None:
    before = dict(old)
    assert with_kind(old) == new
    assert old == before


@pytest.mark.parametrize(
    ("change", "key", "hint"),
    [
        ("data.paired_share=0.5", "paired_share", "'mixed' or 'raw'"),
        ("data.turned=0.5", "turned", "it belongs to kind = 'clean'"),
        ("data.unpaired=true", "unpaired", 'kind = "unpaired"'),
    ],
)
def test_a_key_of_another_kind_is_refused_with_where_it_belongs(
    change: str, key: str, hint: str
) -> None:
    text = TEXT.replace(
        'train = "photos"', 'kind = "paired"\ntrain_input = "a"\ntrain_target = "b"'
    )
    error = refusal(change, "data.mixture=[]", text=text)
    assert error.message == f"tiny.toml: unknown key 'data.{key}'"
    assert hint in str(error.hint)


def test_old_forms_are_told_and_new_ones_are_not() -> None:
    assert old_forms({**TWO, "unpaired": True}) == [
        "[data] has no kind: it is taken for kind = 'unpaired'"
    ]
    assert old_forms({"kind": "paired", **TWO, "flips": True}) == ["data.flips = true is now 'all'"]
    assert old_forms({"kind": "paired", **TWO, "flips": "none"}) == []
    assert [old_flips(value) for value in (True, False, "mirror")] == ["all", "none", "mirror"]


def test_a_recipe_without_kind_loads_and_is_written_with_it() -> None:
    assert "kind" not in TEXT
    assert 'kind = "clean"' in parse().dump()
