"""Where a trained model may be exported to: told before training, not after it."""

from collections.abc import Iterable
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.models.zoo import RECIPE, WEIGHTS, weights_file
from restore_cli.recipe import Recipe


def check_destination(
    folder: Path, recipe: Recipe, *, sources: Iterable[Path], overwrite: bool
) -> None:
    """Refuse, before training, a folder that `zoo.export` must not write to.

    Args:
        folder: for `zoo.export`.
        recipe: what will be trained; its own model from before may be replaced.
        sources: files that the training reads, such as its recipe.
        overwrite: whether another model may be replaced.

    Raises:
        RestoreError: another model lies there, or a file that is read would be changed.
    """
    if folder.exists() and not folder.is_dir():
        raise RestoreError(f"--export {folder} is no folder", hint="name a folder")
    kept = folder / RECIPE
    for path in sources:
        if kept.exists() and path.exists() and kept.samefile(path):
            if Recipe.load(path).dump() == recipe.dump():
                continue  # it says the same, and stays as it is
            raise RestoreError(
                f"{kept} is an input: it would be overwritten", hint="export to another folder"
            )
    start = recipe.network.weights
    if start and (folder / WEIGHTS).exists() and weights_file(start).samefile(folder / WEIGHTS):
        raise RestoreError(
            f"{folder} is what training starts from: it would be overwritten",
            hint="export to another folder",
        )
    if (folder / WEIGHTS).exists() and not overwrite and not _is_of(folder, recipe):
        raise RestoreError(f"{folder} holds another model", hint="--overwrite replaces it")


def _is_of(folder: Path, recipe: Recipe) -> bool:
    """Whether the model there is an earlier one of the same recipe, trained for longer or less."""
    try:
        there = Recipe.load(folder / RECIPE)
    except RestoreError:
        return False
    return _known(there) == _known(recipe)


def _known(recipe: Recipe) -> tuple[object, ...]:
    """What makes it the same training, wherever its data lie and however many workers read them."""
    data = recipe.data.model_dump(exclude={"root", "workers"})
    return recipe.model.name, recipe.network, recipe.objective, data
