from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from restore_cli.errors import RestoreError
from restore_cli.recipe import Recipe
from restore_cli.training.check import check

Parse = Callable[..., Recipe]


def test_it_says_what_is_there_and_what_it_would_cost(parse: Parse, tmp_path: Path) -> None:
    recipe = parse("data.val=photos", "data.validation_crop=16", "optim.steps=5000")
    found = check(recipe, tmp_path / "new" / "folder", device="cpu")
    (folder,) = found.folders
    assert (folder.pictures, folder.smallest, folder.largest) == (3, (40, 36), (40, 36))
    assert (found.pairs, found.validation, found.device) == (1.0, 3, "cpu")
    assert found.input_psnr is not None
    assert 0 < found.seconds_a_step < 60
    assert found.seconds == pytest.approx(5000 * found.seconds_a_step)
    assert found.memory > 50e6
    assert found.parameters > 100
    # Eight rows of input and target, 16 px each; nothing else is left.
    assert cv2.imread(str(found.sheet)).shape == (8 * 16, 2 * 16, 3)
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["samples.png"]


def test_it_refuses_what_training_would(parse: Parse, tmp_path: Path) -> None:
    with pytest.raises(RestoreError, match="not a multiple of 2"):
        check(parse("data.crop=15"), tmp_path, device="cpu")
    with pytest.raises(RestoreError, match="no such folder"):
        check(parse("data.train=nowhere"), tmp_path, device="cpu")
