"""What recipes need not say."""

import re
import subprocess
import sys

import restore_cli.recipe as package
from restore_cli.recipe import InferSection
from restore_cli.recipe.model import ModelSection
from restore_cli.recipe.usual import LICENCE, NAME, OVERLAP


def test_the_schema_takes_them_over() -> None:
    model = ModelSection(name="a-1", task="derain")
    assert (model.licence, InferSection().overlap) == (LICENCE, OVERLAP)
    assert re.fullmatch(NAME, model.name)


def test_they_cost_no_schema() -> None:
    code = "import restore_cli.recipe.usual, sys; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_public_names_of_recipes_are_there() -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert not hasattr(package, "nothing")
