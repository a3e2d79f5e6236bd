from pathlib import Path

import pytest
from small_recipe import TEXT, parse, refusal

from restore_cli.errors import RestoreError
from restore_cli.recipe import Recipe

SHIPPED = sorted((Path(__file__).parents[2] / "models").glob("*/recipe.toml"))


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
        ('train = "photos"', "", "neither `train` nor `train_input` and `train_target`"),
        ('train = "photos"', 'train = "a"\ntrain_input = "b"', "unknown key 'data.train_input'"),
        ('train = "photos"', 'train_input = "b"', "unknown key 'data.mixture'"),
        ('train = "photos"', 'train = "a"\nval_input = "b"', "go together"),
        ('train = "photos"', 'train = "a"\nkind = "cleen"', "unknown data.kind 'cleen'"),
        ('train = "photos"', 'train = "a"\ncrop = 300\nresize = 286', "`resize` (286) is less"),
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


def test_an_unreadable_recipe_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('[model]\nname = "ä"\n'.encode("latin-1"))
    for path in (tmp_path / "no.toml", tmp_path, latin):
        with pytest.raises(RestoreError, match="cannot read the recipe") as caught:
            Recipe.load(path)
        assert str(path) in caught.value.message
        assert "Errno" not in caught.value.message
        assert "codec" not in caught.value.message
        assert "--init" in str(caught.value.hint)


def test_numbers_stand_beside_each_other() -> None:
    knots = [[100, 1.0], [150, 0.25], [200, 0.0]]
    text = parse("optim.steps=200", f"optim.decay={knots}").dump()
    assert "    [100, 1.0],\n    [150, 0.25],\n    [200, 0.0],\n" in text
    assert parse(text=text).optim.decay == [(100, 1.0), (150, 0.25), (200, 0.0)]
    long = list(range(1000, 1040))
    assert f"widths = [\n    {long[0]},\n" in parse(f"network.widths={long}").dump()
