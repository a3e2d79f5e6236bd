from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from random_pictures import save
from torch import Tensor

from restore_cli.data.pairs import Degraded, Labelled, Paired, Unpaired, matched, unknown_noise
from restore_cli.data.photos import Photos
from restore_cli.data.sample import Sample
from restore_cli.errors import RestoreError
from restore_cli.images.pair_rules import Rule
from restore_cli.recipe import Flips, Mixture


def pairs_of(root: Path) -> tuple[Photos, Photos]:
    return Photos(root / "input"), Photos(root / "target")


def test_every_mismatch_of_pairs_is_listed_at_once(tmp_path: Path) -> None:
    for name in ("input/same", "target/same", "input/orphan", "target/widow"):
        save(tmp_path / f"{name}.png")
    save(tmp_path / "input/size.png", 24, 30)
    save(tmp_path / "target/size.png", 24, 31)
    for place in ("input/twice.png", "input/twice.bmp", "target/twice.png"):
        save(tmp_path / place)
    with pytest.raises(RestoreError) as caught:
        Paired(*pairs_of(tmp_path), crop=16, flips="all")
    first, *problems = caught.value.message.splitlines()
    assert str(tmp_path / "input") in first
    assert str(tmp_path / "target") in first
    assert [line.strip() for line in problems] == [
        "orphan has no target",
        "widow has no input",
        f"twice stands more than once in {tmp_path / 'input'}",
        "size: input 30x24 and target 31x24 differ in size",
    ]


def test_pairs_match_by_stem_over_formats_and_are_cut_alike(tmp_path: Path) -> None:
    for name in ("a", "b-1", "b 2", "Ä"):
        pixels = save(tmp_path / f"input/{name}.png", 20 + len(name), 40)
        target = tmp_path / f"target/{name}.tiff"
        target.parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(target), 255 - pixels[:, :, ::-1])
    paired = Paired(*pairs_of(tmp_path), crop=16, flips="all")
    for index in range(30):
        sample = paired(np.random.default_rng(index))
        assert sample.image.shape == sample.target.shape == (3, 16, 16)
        torch.testing.assert_close(sample.image, 1 - sample.target)
        assert torch.isnan(sample.sigma)


def test_frames_of_several_films_pair_by_the_path_below_the_folders(tmp_path: Path) -> None:
    for place in ("input/a/001", "input/b/001", "target/a/001", "target/b/001"):
        save(tmp_path / f"{place}.png", seed=len(place) + ord(place[-5]))
    inputs, targets = pairs_of(tmp_path)
    assert [(inputs.names[i], targets.names[j]) for i, j in matched(inputs, targets)] == [
        ("a/001", "a/001"),
        ("b/001", "b/001"),
    ]
    (tmp_path / "target/b/001.png").unlink()
    with pytest.raises(RestoreError, match="b/001 has no target"):
        matched(*pairs_of(tmp_path))


def test_names_pair_whichever_way_a_system_spells_them(tmp_path: Path) -> None:
    save(tmp_path / "input/caf\u00e9.png")
    save(tmp_path / "target/cafe\u0301.png")
    assert matched(*pairs_of(tmp_path)) == [(0, 0)]


def test_by_a_rule_one_target_may_have_many_inputs(tmp_path: Path) -> None:
    for name in ("0001_0.8_0.2", "0001_0.9_0.1", "0002_0.8"):
        save(tmp_path / f"input/{name}.png")
    for name in ("0001", "0002"):
        save(tmp_path / f"target/{name}.png")
    inputs, targets = pairs_of(tmp_path)
    assert matched(inputs, targets, Rule("prefix")) == [(0, 0), (1, 0), (2, 1)]
    Paired(inputs, targets, crop=16, flips="none", rule=Rule("prefix"))(np.random.default_rng(0))
    with pytest.raises(RestoreError, match=r"0001_0\.8_0\.2 has no target") as caught:
        matched(inputs, targets)
    assert "data.pair=prefix" in (caught.value.hint or "")


def test_a_pattern_pairs_names_and_tells_what_it_leaves_alone(tmp_path: Path) -> None:
    for name in ("rain-1", "rain-2"):
        save(tmp_path / f"input/{name}.png")
        save(tmp_path / f"target/no{name}.png")
    rule = Rule.parse(r"regex=rain-(\d+)")
    assert matched(*pairs_of(tmp_path), rule) == [(0, 0), (1, 1)]
    save(tmp_path / "target/other.png")
    with pytest.raises(RestoreError, match="other has no input"):
        matched(*pairs_of(tmp_path), rule)


def test_unpaired_folders_are_drawn_apart_and_only_inputs_are_degraded(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        save(tmp_path / f"hazy/{name}.png", seed=len(name))
    save(tmp_path / "clear/another.png", 40, 26)
    hazy, clear = Photos(tmp_path / "hazy"), Photos(tmp_path / "clear")
    plain = Unpaired(hazy, clear, [], crop=16, flips="none")
    step = {"name": "low-light", "stops": [2.0, 2.0], "lit_probability": 0, "lamp_probability": 0}
    dimmed = [Mixture.model_validate({"steps": [step]})]
    dark = Unpaired(hazy, clear, dimmed, crop=16, flips="none")
    for index in range(8):
        one, other = (source(np.random.default_rng(index)) for source in (plain, dark))
        assert one.paired == 0
        assert _lies_in(one.image, [hazy[i] for i in range(3)])
        assert _lies_in(one.target, [clear[0]])
        assert torch.equal(one.target, other.target)
        assert float(other.image.mean()) < 0.7 * float(one.image.mean())


def _lies_in(window: Tensor, photos: list[Tensor]) -> bool:
    """Whether a 16 x 16 window stands somewhere in one of the 8-bit photos."""
    small = (window * 255).round().to(torch.uint8)
    return any(
        bool((photo.unfold(1, 16, 1).unfold(2, 16, 1) == small[:, None, None]).all((0, 3, 4)).any())
        for photo in photos
    )


def test_what_differs_in_a_pair_counts_as_its_noise() -> None:
    image, target = torch.full((3, 4, 5), 0.5), torch.full((3, 4, 5), 0.2)
    image[:, :, 0] = 0.2
    sample = unknown_noise(image, target)
    assert sample.noise.shape == (1, 4, 5)
    torch.testing.assert_close(sample.noise, torch.full((1, 4, 5), 0.3 * (4 / 5) ** 0.5))


EIGHT = [
    lambda p, m=m, u=u, t=t: turned(p, mirror=m, upset=u, swap=t)
    for m in (False, True)
    for u in (False, True)
    for t in (False, True)
]


def turned(picture: Tensor, *, mirror: bool, upset: bool, swap: bool) -> Tensor:
    picture = picture.flip(2) if mirror else picture
    picture = picture.flip(1) if upset else picture
    return picture.transpose(1, 2) if swap else picture


@pytest.mark.parametrize(("flips", "ways"), [("all", 8), ("mirror", 2), ("none", 1)])
def test_flips_show_each_of_their_views_of_a_window(
    flips: Flips, ways: int, tmp_path: Path
) -> None:
    save(tmp_path / "a.png", 16, 16)
    photos = Photos(tmp_path)
    whole = photos[0] / 255
    views = [view(whole) for view in EIGHT]
    source = Degraded(photos, [Mixture()], crop=16, flips=flips)
    seen: set[int] = set()
    for index in range(80):
        target = source(np.random.default_rng(index)).target
        found = [number for number, view in enumerate(views) if torch.equal(view, target)]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) == ways
    if flips == "mirror":
        assert torch.equal(views[max(seen)], whole.flip(2))


def test_what_is_drawn_after_the_flips_does_not_depend_on_them(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 30, 30)
    photos = Photos(tmp_path)
    noisy = [Mixture.model_validate({"steps": [{"name": "gaussian-noise"}]})]
    sources = [Degraded(photos, noisy, crop=16, flips=flips) for flips in ("all", "mirror")]
    first, second = (source(np.random.default_rng(3)) for source in sources)
    assert float(first.sigma) == float(second.sigma)


def test_places_are_drawn_by_their_chances_and_named_alike_where_they_are_one() -> None:
    def place(value: float) -> "object":
        return lambda _: Sample.of(torch.full((3, 2, 2), value), torch.zeros(3, 2, 2))

    parts = [("a", 1.0, place(0.1)), ("b", 2.0, place(0.2)), ("a", 1.0, place(0.3))]
    source = Labelled(parts)  # pyright: ignore[reportArgumentType]
    rng = np.random.default_rng(0)
    drawn = [source(rng) for _ in range(400)]
    found = [
        (round(float(s.image[0, 0, 0]), 1), int(s.source)) for s in drawn if s.source is not None
    ]
    assert set(found) == {(0.1, 0), (0.2, 1), (0.3, 0)}
    assert 160 < sum(label for _, label in found) < 240


def test_crops_reach_every_border(tmp_path: Path) -> None:
    size = (18, 19)
    ramp = np.arange(size[0] * size[1]).reshape(*size, 1).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), ramp)
    source = Degraded(Photos(tmp_path), [Mixture()], crop=16, flips="none")
    corners = {
        round(float(source(np.random.default_rng(i)).target[0, 0, 0]) * 65535) for i in range(200)
    }
    assert corners == {row * 19 + column for row in range(3) for column in range(4)}
