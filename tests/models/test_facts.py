"""What recipes say of their models, with and without their schema."""

import subprocess
import sys
from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.models import shipped
from restore_cli.models.facts import Facts
from restore_cli.recipe import Recipe

RECIPES = [path for folder in shipped.folders() for path in folder.rglob("recipe.toml")]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_shipped_recipes_say_the_same_without_their_schema(path: Path) -> None:
    assert Facts.of_shipped(path) == Facts.of(Recipe.load(path))


def test_no_schema_is_built_for_what_is_shipped() -> None:
    code = (
        "import sys; from restore_cli.models import entries;"
        "entries.entries(); entries.default_for_task('derain');"
        "about = entries.describe('derain'), entries.describe(entries.naming_model());"
        "assert all(one.identity for one in about);"
        "assert 'pydantic' not in sys.modules; assert about[0].recipe is about[0].recipe"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("text", ["", "model = 3\n[network]", "[model", "[model]\n[network]"])
def test_what_is_damaged_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(RestoreError, match=f"cannot read {path}") as caught:
        Facts.of_shipped(path)
    assert caught.value.hint == "install restore-cli again"
