"""Exporting replaces no other model and no input."""

from collections.abc import Callable
from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.models.destination import check_destination
from restore_cli.networks import NETWORKS
from restore_cli.recipe import Recipe, construct


def test_only_the_own_model_is_replaced(parse: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe, folder = parse(), tmp_path / "model"
    check_destination(folder, recipe, sources=[], overwrite=False)
    zoo.export(folder, construct(recipe.network, NETWORKS, section="network"), recipe, "# card")
    longer = parse("optim.steps=900")
    check_destination(folder, longer, sources=[], overwrite=False)
    other = parse("model.name=other")
    with pytest.raises(RestoreError, match="another model") as caught:
        check_destination(folder, other, sources=[], overwrite=False)
    assert "--overwrite" in str(caught.value.hint)
    check_destination(folder, other, sources=[], overwrite=True)
    check_destination(folder, parse("data.root=elsewhere"), sources=[], overwrite=False)
    with pytest.raises(RestoreError, match="another model"):
        check_destination(folder, parse("data.crop=24"), sources=[], overwrite=False)
    with pytest.raises(RestoreError, match="is an input"):
        check_destination(folder, other, sources=[folder / "recipe.toml"], overwrite=True)
    tuned = parse(f"network.weights={folder}", "model.name=other")
    with pytest.raises(RestoreError, match="what training starts from"):
        check_destination(folder, tuned, sources=[], overwrite=True)


def test_a_file_is_no_destination(parse: Callable[..., Recipe], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RestoreError, match="no folder"):
        check_destination(tmp_path / "file", parse(), sources=[], overwrite=True)
