from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from restore_cli.errors import RestoreError
from restore_cli.recipe import Choice, Recipe, construct

SHIPPED = sorted((Path(__file__).parents[1] / "models").glob("*/recipe.toml"))
TEXT = """
[model]
name = "tiny"
task = "denoise"
[network]
name = "unet"
widths = [4, 8]
[objective]
name = "supervised"
[data]
train = "photos"
mixture = [{ weight = 2.0, steps = [{ name = "gaussian-noise", sigma = [0.0, 25.0] }] }]
[optim]
steps = 1000
[log]
every = 5
[infer]
overlap = 8
"""


def parse(*changes: str, text: str = TEXT) -> Recipe:
    return Recipe.parse(text, source="tiny.toml", overrides=changes)


def refusal(*changes: str, text: str = TEXT) -> RestoreError:
    with pytest.raises(RestoreError) as caught:
        parse(*changes, text=text)
    return caught.value


def test_a_recipe_is_read_with_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "my recipe.toml"
    path.write_text(TEXT)
    recipe = Recipe.load(path, ["optim.lr=2e-3"])
    assert recipe.model.name == "tiny"
    assert recipe.model.licence == "Apache-2.0"
    assert recipe.network.options == {"widths": [4, 8]}
    assert recipe.data.mixture[0].steps[0].options == {"sigma": [0.0, 25.0]}
    assert (recipe.optim.lr, recipe.optim.ema, recipe.optim.schedule) == (2e-3, 0.999, "cosine")
    assert recipe.infer.overlap == 8


def test_sources_are_counted_in_the_order_of_their_first_entries() -> None:
    entries = [("rain", 1.0), ("clean", 2.0), ("rain", 4.0), ("haze", 1.0)]
    mixture = ", ".join(f'{{ source = "{name}", weight = {weight} }}' for name, weight in entries)
    sources = parse(f"data.mixture=[{mixture}]").data.sources
    assert list(sources.items()) == [("rain", 0.625), ("clean", 0.25), ("haze", 0.125)]
    assert parse().data.sources == {}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_shipped_recipes_are_valid(path: Path) -> None:
    assert Recipe.load(path).model.name == path.parent.name


def test_dump_and_parse_are_inverse_and_leave_out_the_machine() -> None:
    for changes in (
        ["data.root=/somewhere/else", "optim.seed=3", "data.val=photos"],
        [
            "optim.clip=inf",
            'model.description="Straße, \\"quoted\\""',
            "log.checkpoint_minutes=inf",
        ],
        ["network.noise_map=true", "data.flips=false", "data.mixture=[{}]"],
    ):
        recipe = parse(*changes)
        text = recipe.dump()
        assert "somewhere" not in text
        again = Recipe.parse(text, source="dump")
        assert again.dump() == text
        assert again.model_dump() == parse(*changes, "data.root=.").model_dump()


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
    ("old", "new", "message"),
    [
        ("steps = 1000", "", "'optim.steps' is missing"),
        ('name = "unet"', "", "'network.name' is missing"),
        ("steps = 1000", "steps = 0", "optim.steps: Input should be greater than 0"),
        ("steps = 1000", "steps = 'many'", "optim.steps: Input should be a valid integer"),
        ("steps = 1000", "steps = 100", "warmup (200) + cooldown (0) exceed steps (100)"),
        ('name = "tiny"', 'name = "A b"', "model.name: String should match"),
        ("overlap = 8", "overlap = -8", "infer.overlap: Input should be greater than 0"),
        ("weight = 2.0", "weight = 0.0", "data.mixture.0.weight: Input should be greater"),
        ('train = "photos"', "", "give `train`, or both"),
        ('train = "photos"', 'train = "a"\ntrain_input = "b"', "not both"),
        ('train = "photos"', 'train_input = "b"', "both `train_input` and `train_target`"),
        ('train = "photos"', 'train = "a"\nval_input = "b"', "go together"),
        ('train = "photos"', 'train = "a"\nunpaired = true', "`unpaired` needs `train_input`"),
        (
            'train = "photos"',
            'train_input = "a"\ntrain_target = "b"',
            "`mixture` degrades the photos of `train`, or `unpaired` inputs",
        ),
        (
            'train = "photos"',
            'train = "a"\npaired_share = 0.5',
            "`paired_share` needs `train_input`",
        ),
        (
            'train = "photos"',
            'train_input = "a"\ntrain_target = "b"\nunpaired = true\npaired_share = 0.5',
            "`unpaired` draws no pairs",
        ),
        ("mixture = [", "validation = [", "say with `mixture` how to degrade"),
        ("mixture = [", 'mixture = [{ source = "rain" }, ', "every entry of `mixture` a `source`"),
        ("mixture = [{", 'mixture = [{ source = "", ', "data.mixture.0.source: String should have"),
        ("[optim]", "[optim", "is not valid TOML"),
    ],
)
def test_what_breaks_the_schema_is_named(old: str, new: str, message: str) -> None:
    assert old in TEXT
    error = refusal(text=TEXT.replace(old, new, 1))
    assert error.message.startswith("tiny.toml")
    assert message in error.message


@pytest.mark.parametrize(
    ("change", "section", "key", "value"),
    [
        ("optim.lr=1e-4", "optim", "lr", 1e-4),
        (" optim.optimizer = muon ", "optim", "optimizer", "muon"),
        ("model.description=two words, no quotes", "model", "description", "two words, no quotes"),
        ('model.description="a = b"', "model", "description", "a = b"),
        ("data.val=some folder/with spaces", "data", "val", Path("some folder/with spaces")),
        ("data.mixture=[]", "data", "train", Path("photos")),
        ("data.flips=false", "data", "flips", False),
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


def test_an_empty_value_is_text_and_refused_where_a_number_belongs() -> None:
    assert "valid integer" in refusal("optim.steps=").message


def test_an_unreadable_recipe_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('[model]\nname = "ä"\n'.encode("latin-1"))
    for path in (tmp_path / "no.toml", tmp_path, latin):
        with pytest.raises(RestoreError, match="cannot read the recipe") as caught:
            Recipe.load(path)
        assert str(path) in caught.value.message
        assert "--init" in str(caught.value.hint)


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Something a recipe may name."""

    size: int
    span: tuple[float, float] = (0.0, 1.0)
    kind: Literal["a", "b"] = "a"

    def __post_init__(self) -> None:
        if self.size > 100:
            raise ValueError("size is too large")


def thing(base: str, *, size: int = 1) -> str:
    return base * size


TABLE: dict[str, Callable[..., object]] = {"thing": Thing, "function": thing}


def build(name: str, *given: object, **options: object) -> object:
    choice = Choice.model_validate({"name": name, **options})
    return construct(choice, TABLE, *given, section="room")


def test_construct_builds_classes_and_functions_with_typed_options() -> None:
    assert build("thing", size=3, span=[1, 2]) == Thing(size=3, span=(1.0, 2.0))
    assert build("function", "ab", size=2) == "abab"


@pytest.mark.parametrize(
    ("name", "options", "message", "hint"),
    [
        ("thin", {}, "unknown room 'thin'", "did you mean 'thing'?"),
        ("zzz", {}, "unknown room 'zzz'", "known: function, thing"),
        ("thing", {"sizes": 3}, "room 'thing' has no option 'sizes'", "did you mean 'size'?"),
        ("thing", {"size": "x"}, "option size = 'x': Input should be a valid integer", None),
        ("thing", {"size": 1, "span": [1]}, "option span = [1]: Field required", None),
        ("thing", {"size": 1, "kind": "c"}, "option kind = 'c': Input should be 'a' or 'b'", None),
        ("thing", {}, "room 'thing' needs the option 'size'", None),
        ("thing", {"size": 101}, "room 'thing': size is too large", None),
    ],
)
def test_construct_refuses_what_the_signature_does_not_allow(
    name: str, options: dict[str, object], message: str, hint: str | None
) -> None:
    with pytest.raises(RestoreError) as caught:
        build(name, **options)
    assert message in caught.value.message
    assert caught.value.hint == hint


def test_what_the_program_gives_is_no_option_of_the_recipe() -> None:
    with pytest.raises(RestoreError, match="has no option 'base'"):
        build("function", "ab", base="x")
