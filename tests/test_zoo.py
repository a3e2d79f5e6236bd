"""scripts/zoo.py: which models it trains, and from what."""

import argparse
import importlib.util
import os
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from restore_cli.recipe import Recipe
from restore_cli.recipe.old_degradations import old_steps

ROOT = Path(__file__).parents[1]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("zoo_script", ROOT / "scripts" / "zoo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


zoo = _script()


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Three models of the tiny recipe, photos and an empty folder of runs."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"1")
    made = [tmp_path / "models" / name for name in ("one", "two", "three")]
    for folder in made:
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "tests" / "tiny.toml", folder / "recipe.toml")
    return made


def _marked(folders: list[Path], photos: Path, runs: Path) -> None:
    for folder in folders:
        mark = zoo.fingerprint(folder / "recipe.toml", photos)
        (runs / f"{folder.name}.fingerprint").write_text(mark)


def test_a_model_is_due_when_its_recipe_or_the_photos_have_changed(
    folders: list[Path], tmp_path: Path
) -> None:
    photos, runs = tmp_path / "photos", tmp_path / "runs"
    assert zoo.due(folders, photos, runs, everything=False) == folders
    _marked(folders, photos, runs)
    assert zoo.due(folders, photos, runs, everything=False) == []
    assert zoo.due(folders, photos, runs, everything=True) == folders
    recipe = folders[1] / "recipe.toml"
    recipe.write_text("# a comment changes nothing\n" + recipe.read_text())
    assert zoo.due(folders, photos, runs, everything=False) == []
    recipe.write_text(recipe.read_text().replace("steps = 20", "steps = 21"))
    assert zoo.due(folders, photos, runs, everything=False) == [folders[1]]
    (photos / "b.jpg").write_bytes(b"2")
    assert zoo.due(folders, photos, runs, everything=False) == folders


def test_short_time_goes_to_the_models_tried_longest_ago(
    folders: list[Path], tmp_path: Path
) -> None:
    one, two, three = folders
    runs = tmp_path / "runs"
    for age, folder in enumerate((two, one)):  # two was tried before one, three never
        mark = runs / f"{folder.name}.tried"
        mark.touch()
        os.utime(mark, (1000 + age, 1000 + age))
    assert zoo.shared_out(folders, runs, 2.5 * zoo.LEAST) == ([three, two], [one])
    assert zoo.shared_out(folders, runs, 0.0) == ([three], [one, two])
    assert zoo.shared_out(folders, runs, 9 * zoo.LEAST) == ([three, two, one], [])


def test_what_is_trained_counts_as_tried_and_is_named_in_full(
    folders: list[Path], tmp_path: Path
) -> None:
    options = argparse.Namespace(
        photos=tmp_path / "photos", runs=tmp_path / "runs", device="cpu", set=["optim.seed=3"]
    )
    words = zoo.command(folders[0], options, 90.4)
    assert (tmp_path / "runs" / "one.tried").exists()
    assert words[words.index("--for") + 1] == "90s"
    assert f"--set=data.root={tmp_path / 'photos'}" in words
    assert "--set=optim.seed=3" in words
    assert words[-1] == str(tmp_path / "runs" / "models" / "one")


@pytest.mark.parametrize("recipe", sorted((ROOT / "models").glob("*/recipe.toml")))
def test_shipped_recipes_are_trained_under_the_names_of_today(recipe: Path, tmp_path: Path) -> None:
    path = zoo.todays(recipe.parent, tmp_path)
    loaded, shipped = Recipe.load(path), Recipe.load(recipe)
    assert Recipe.old_forms(path) == []
    assert old_steps(loaded.data) == []
    assert (loaded.network, loaded.optim) == (shipped.network, shipped.optim)


def test_a_photo_folder_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "nowhere")
    monkeypatch.setattr("sys.argv", ["zoo.py", "3", "--photos", nowhere])
    with pytest.raises(SystemExit) as ended:
        zoo.main()
    assert ended.value.code == 2
    assert nowhere in capsys.readouterr().err


def test_time_that_failures_leave_goes_to_models_that_had_none(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = folders
    options = argparse.Namespace(photos=tmp_path / "photos", runs=tmp_path / "runs", device="cpu")
    now, told = [0.0], []
    monkeypatch.setattr(zoo.time, "monotonic", lambda: now[0])

    def told_share(folder: Path, _: object, seconds: float) -> list[str]:
        told.append((folder.name, seconds))
        return []

    def run(*_: object, **__: object) -> argparse.Namespace:
        now[0] += 10.0 if len(told) == 1 else 150.0
        return argparse.Namespace(returncode=2 if len(told) == 1 else 0)

    monkeypatch.setattr(zoo, "command", told_share)
    monkeypatch.setattr(zoo.subprocess, "run", run)
    chosen, left = [one], [two, three]
    assert zoo.in_turn(chosen, left, options, 160.0) == [2, 0]
    assert (chosen, left) == ([one, two], [three])
    assert told == [("one", 160.0), ("two", 150.0)]
