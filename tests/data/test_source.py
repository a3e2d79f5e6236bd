from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from random_pictures import save

from restore_cli.data.mixed import MixedDataset
from restore_cli.data.pairs import Unpaired
from restore_cli.data.photos import Photos
from restore_cli.data.source import build_source, validation_pairs
from restore_cli.errors import RestoreError
from restore_cli.recipe import MixedData, PairedData, RawData, Recipe

Parse = Callable[..., Recipe]


def old(recipe: Recipe, lines: str) -> str:
    """The recipe as 0.1 wrote it, with other folders."""
    text = recipe.dump()
    assert 'train = "photos"' in text
    return text.replace('kind = "clean"\n', "").replace('train = "photos"', lines)


def test_unpaired_recipes_need_no_common_names(parse: Parse, tmp_path: Path) -> None:
    save(tmp_path / "a/x.png")
    save(tmp_path / "b/y.png")
    text = old(parse(), 'train_input = "a"\ntrain_target = "b"')
    recipe = Recipe.parse(
        text, source="here", overrides=[f"data.root={tmp_path}", "data.unpaired=true"]
    )
    source = build_source(recipe.data)
    assert isinstance(source, Unpaired)
    changes = [f"data.root={tmp_path}", "data.mixture=[]"]
    paired = Recipe.parse(text, source="here", overrides=changes)
    with pytest.raises(RestoreError, match="x has no target"):
        build_source(paired.data)


def test_validation_takes_fixed_centre_crops(parse: Parse, tmp_path: Path) -> None:
    pixels = save(tmp_path / "val/a.png", 20, 41)
    save(tmp_path / "val/b.png", 12, 13)
    changes = ("data.val=val", f"data.root={tmp_path}", "data.validation_crop=16")
    first, second = (validation_pairs(parse(*changes).data) for _ in range(2))
    assert [tuple(pair.target.shape) for pair in first] == [(3, 16, 16), (3, 12, 13)]
    centre = pixels[2:18, 12:28] / 255
    np.testing.assert_allclose(first[0].target.permute(1, 2, 0), centre, atol=1e-6)
    for one, two in zip(first, second, strict=True):
        assert torch.equal(one.image, two.image)
    special = "data.validation=[{ steps = [{ name = 'gaussian-noise', sigma = [25.0, 25.0] }] }]"
    noise = validation_pairs(parse(*changes, special).data)[0]
    assert float(noise.sigma) == pytest.approx(25 / 255)
    assert float((noise.image - noise.target).std()) == pytest.approx(25 / 255, rel=0.1)


def test_validation_needs_photos_that_the_network_can_take(parse: Parse, tmp_path: Path) -> None:
    save(tmp_path / "val/a.png", 3, 30)
    with pytest.raises(RestoreError, match=r"a\.png: 30x3 is smaller than 4 px"):
        validation_pairs(parse("data.val=val", f"data.root={tmp_path}").data, smallest=4)


def test_paired_folders_serve_training_and_validation(parse: Parse, tmp_path: Path) -> None:
    for kind, seed in (("input", 1), ("target", 2)):
        for name in ("a", "b"):
            save(tmp_path / kind / f"{name}.png", seed=seed)
    text = old(parse(), 'train_input = "input"\ntrain_target = "target"')
    changes = (f"data.root={tmp_path}", "data.val_input=input", "data.val_target=target")
    recipe = Recipe.parse(text, source="pairs", overrides=[*changes, "data.mixture=[]"])
    assert build_source(recipe.data)(np.random.default_rng(0)).image.shape == (3, 16, 16)
    measured = validation_pairs(recipe.data)
    assert [tuple(pair.image.shape) for pair in measured] == [(3, 24, 30)] * 2
    assert not torch.equal(measured[0].image, measured[0].target)
    assert validation_pairs(parse().data) == []


def test_pairs_of_unlike_names_are_found_by_the_recipes_rule(tmp_path: Path) -> None:
    for place in ("input/0001_0.8", "target/0001"):
        save(tmp_path / f"{place}.png", 40, 40)
    folders = {"train_input": "input", "train_target": "target"}
    measured = {"val_input": "input", "val_target": "target"}
    told = {"kind": "paired", "root": tmp_path, "crop": 16, **folders, **measured}
    data = PairedData.model_validate({**told, "pair": "prefix"})
    assert build_source(data)(np.random.default_rng(0)).image.shape == (3, 16, 16)
    assert len(validation_pairs(data)) == 1
    for pair, words in (
        ("stem", "0001_0.8 has no target"),
        ("name", "data.pair = 'name' is no rule"),
    ):
        with pytest.raises(RestoreError, match=words):
            build_source(PairedData.model_validate({**told, "pair": pair}))


def test_several_folders_of_pairs_are_drawn_by_weight_and_labelled(tmp_path: Path) -> None:
    for place, seed in (("rain", 1), ("haze", 2)):
        for side in ("in", "out"):
            save(tmp_path / place / side / "a.png", 16, 16, seed=seed + 10 * (side == "out"))
    data = PairedData.model_validate(
        {
            "kind": "paired", "root": tmp_path, "crop": 16, "flips": "none",
            "sources": [
                {"input": "rain/in", "target": "rain/out", "source": "rain", "weight": 3.0},
                {"input": "haze/in", "target": "haze/out", "source": "haze"},
            ],
        }
    )  # fmt: skip
    source = build_source(data)
    photos = {
        p: (Photos(tmp_path / p / "in")[0], Photos(tmp_path / p / "out")[0])
        for p in ("rain", "haze")
    }
    seen = [0, 0]
    for index in range(200):
        sample = source(np.random.default_rng(index))
        assert sample.source is not None
        label = int(sample.source)
        image, target = photos[("rain", "haze")[label]]
        assert torch.equal(sample.image, image / 255)
        assert torch.equal(sample.target, target / 255)
        seen[label] += 1
    assert 130 < seen[0] < 170
    bare = data.model_copy(
        update={"sources": [part.model_copy(update={"source": None}) for part in data.sources]}
    )
    assert build_source(bare)(np.random.default_rng(0)).source is None


def test_pictures_are_scaled_before_they_are_cut(parse: Parse, tmp_path: Path) -> None:
    save(tmp_path / "photos/a.png", 10, 12)
    plain = parse(f"data.root={tmp_path}").data
    with pytest.raises(RestoreError, match="12x10 is smaller than 16 px"):
        build_source(plain)
    scaled = parse(f"data.root={tmp_path}", "data.resize=20").data
    assert build_source(scaled)(np.random.default_rng(0)).image.shape == (3, 16, 16)


def test_raw_data_without_raw_files_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a/x.png")
    save(tmp_path / "b/x.png")
    two = {"train_input": "a", "train_target": "b", "root": tmp_path, "crop": 16}
    with pytest.raises(RestoreError, match=r"'raw', and .*a holds no RAW file"):
        build_source(RawData.model_validate({"kind": "raw", **two}))
    mixed = build_source(MixedData.model_validate({"kind": "mixed", "paired_share": 1, **two}))
    assert isinstance(mixed, MixedDataset)
