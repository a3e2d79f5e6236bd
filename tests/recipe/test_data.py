from pathlib import Path

import pytest
from pydantic import ValidationError
from small_recipe import TEXT, parse, refusal

from restore_cli.recipe import (
    CleanData,
    MixedData,
    Mixture,
    PairedData,
    PairFolders,
    RawData,
    Recipe,
    UnpairedData,
)
from restore_cli.recipe.data import KINDS, changed_kind

TWO = {"train_input": Path("a"), "train_target": Path("b")}


def of(kind: str, *lines: str) -> Recipe:
    """The small recipe with another `[data]`."""
    start, end = TEXT.index("[data]"), TEXT.index("[optim]")
    section = "\n".join(["[data]", f'kind = "{kind}"', *lines, ""])
    return parse(text=TEXT[:start] + section + TEXT[end:])


def folders(first: str = "a", second: str = "b") -> tuple[str, str]:
    return f'train_input = "{first}"', f'train_target = "{second}"'


def test_sources_are_counted_in_the_order_of_their_first_entries() -> None:
    entries = [("rain", 1.0), ("clean", 2.0), ("rain", 4.0), ("haze", 1.0)]
    mixture = ", ".join(f'{{ source = "{name}", weight = {weight} }}' for name, weight in entries)
    shares = parse(f"data.mixture=[{mixture}]").data.shares
    assert list(shares.items()) == [("rain", 0.625), ("clean", 0.25), ("haze", 0.125)]
    assert parse().data.shares == {}


@pytest.mark.parametrize(
    ("kind", "lines", "pairs", "read"),
    [
        ("clean", ('train = "a"', "mixture = [{}]"), 1.0, ("a",)),
        ("paired", folders(), 1.0, ("a", "b")),
        ("unpaired", folders(), 0.0, ("a", "b")),
        ("mixed", (*folders(), "paired_share = 0.25"), 0.25, ("a", "b")),
        ("raw", (*folders(), "paired_share = 0.5"), 0.5, ("a", "b")),
        ("raw", folders(), 1.0, ("a", "b")),
    ],
)
def test_each_kind_says_what_it_reads_and_how_much_of_it_is_pairs(
    kind: str, lines: tuple[str, ...], pairs: float, read: tuple[str, ...]
) -> None:
    recipe = of(kind, *lines)
    assert type(recipe.data) is KINDS[kind]
    assert recipe.data.pairs == pairs
    assert recipe.data.folders == tuple(map(Path, read))
    again = Recipe.parse(recipe.dump(), source="dump")
    assert again == recipe
    assert f'kind = "{kind}"' in recipe.dump()


def test_several_folders_of_pairs_carry_labels() -> None:
    data = of(
        "paired",
        "sources = [",
        '    { input = "rain/in", target = "rain/out", source = "rain", weight = 3.0 },',
        '    { input = "haze/in", target = "haze/out", source = "haze" },',
        "]",
    ).data
    assert isinstance(data, PairedData)
    assert data.shares == {"rain": 0.75, "haze": 0.25}
    assert data.folders == tuple(map(Path, ("rain/in", "haze/in", "rain/out", "haze/out")))
    assert PairedData(kind="paired", **TWO).parts == [
        PairFolders(input=Path("a"), target=Path("b"))
    ]


@pytest.mark.parametrize(
    ("kind", "lines", "message"),
    [
        ("clean", ('train = "a"',), "say with `mixture` how to degrade"),
        ("paired", folders()[:1], "go together"),
        ("paired", (), "or `sources`"),
        ("paired", (*folders(), 'sources = [{ input = "c", target = "d" }]'), "or `sources`"),
        (
            "paired",
            (
                'sources = [{ input = "c", target = "d" },',
                '{ input = "e", target = "f", source = "x" }]',
            ),
            "every entry of `sources`",
        ),
        ("paired", (*folders(), 'val = "c"'), "say with `validation` how to degrade them"),
        ("mixed", folders(), "'data.paired_share' is missing"),
        ("raw", (*folders(), "resize = 300"), "data.resize"),
        ("clean", ('train = "a"', "mixture = [{}]", 'flips = "left"'), "data.flips"),
        ("clean", ('train = "a"', "mixture = [{}]", 'workers = "many"'), "data.workers"),
    ],
)
def test_what_a_kind_cannot_be_is_refused(kind: str, lines: tuple[str, ...], message: str) -> None:
    start, end = TEXT.index("[data]"), TEXT.index("[optim]")
    section = "\n".join(["[data]", f'kind = "{kind}"', *lines, ""])
    assert message in refusal(text=TEXT[:start] + section + TEXT[end:]).message


def test_another_kind_drops_what_only_the_old_one_has() -> None:
    data = parse(
        "data.train_input=a", "data.train_target=b", "data.kind=paired", "data.crop=8"
    ).data
    assert isinstance(data, PairedData)
    assert (data.folders, data.crop) == ((Path("a"), Path("b")), 8)
    # What the kind never had is refused all the same.
    assert refusal("data.kind=paired", "data.turned=0.5").message.endswith("'data.turned'")
    assert refusal("data.kind=pairs").message.endswith("unknown data.kind 'pairs'")
    assert changed_kind({"unpaired": True, "crop": 8}, "paired") == {"kind": "paired", "crop": 8}


def test_flips_may_still_be_told_by_yes_and_no() -> None:
    assert [parse(f"data.flips={x}").data.flips for x in ("true", "false", "mirror")] == [
        "all", "none", "mirror",
    ]  # fmt: skip


def test_a_mixture_is_what_degrades_and_targets_are_the_look() -> None:
    rain = [Mixture(source="rain")]
    clean = CleanData(kind="clean", train=Path("a"), mixture=rain)
    assert (clean.simulated, clean.looks) == (rain, [])
    unpaired = UnpairedData(kind="unpaired", mixture=rain, **TWO)
    assert (unpaired.simulated, unpaired.looks) == (rain, [])
    mixed = MixedData(kind="mixed", paired_share=0.5, mixture=rain, targets=[Mixture()], **TWO)
    assert (mixed.simulated, mixed.looks) == (rain, [Mixture()])
    raw = RawData(kind="raw", targets=[Mixture()], **TWO)
    assert (raw.simulated, raw.looks) == ([], [Mixture()])
    with pytest.raises(ValidationError, match="mixture"):
        RawData.model_validate({"kind": "raw", "mixture": [{}], **TWO})


def test_a_tilde_is_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    data = PairedData.model_validate({"kind": "paired", **TWO, "root": "~/photos"})
    assert data.root == tmp_path / "photos"
