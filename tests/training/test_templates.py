import inspect
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restore_cli.degradations import DEGRADATIONS
from restore_cli.degradations.compose import Compose
from restore_cli.errors import RestoreError
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.baryir.objective import Baryir
from restore_cli.models import shipped as shipped_models
from restore_cli.models import zoo
from restore_cli.networks import NETWORKS
from restore_cli.recipe import Choice, Recipe, construct
from restore_cli.recipe.old_degradations import old_steps
from restore_cli.recipe.old_names import old_forms
from restore_cli.training import loop
from restore_cli.training.initial import load_initial
from restore_cli.training.runs import Run
from restore_cli.training.templates import degradations, modernised_text, template

SHIPPED = sorted((Path(__file__).parents[2] / "models").glob("*/recipe.toml"))
TINY = (
    "network.widths=[4, 8]", "network.depths=[1, 1]", "data.crop=16", "data.batch=1",
    "data.validation_crop=16", "optim.steps=2", "optim.warmup=0", "optim.cooldown=0",
)  # fmt: skip
OWN = Path(inspect.getfile(load_initial)).parent / "recipes"
UNPAIRED = {
    **dict.fromkeys(
        ["cut", "fastcut", "odcr-dehaze", "cut-published", "fastcut-published", "odcr-published"],
        ("hazy", "clear"),
    ),
    "single-image": ("input", "target"),
}  # fmt: skip
SMALL = (
    "network.width=4", "network.blocks=1", "network.feature_layers=[0, 4]",
    "objective.discriminator_width=4", "objective.features=8", "objective.patches=4",
    "data.crop=32", "data.batch=1", "data.validation_crop=32", "optim.steps=2", "optim.cooldown=0",
)  # fmt: skip

ISP = {"isp-unpaired": ("raw", "srgb"), "isp-paired": ("photos",), "isp-mixed": ("raw", "srgb")}
SMALL_ISP = (
    "network.weights=", "network.widths=[4]", "network.depths=[1]", "objective.width=8",
    "data.crop=32", "data.batch=2", "optim.steps=2", "optim.warmup=0", "optim.cooldown=0",
)  # fmt: skip


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recipes in the repository, with untrained weights beside them."""
    folders: list[Path] = []
    for recipe in SHIPPED:
        folder = tmp_path / "models" / recipe.parent.name
        folder.mkdir(parents=True)
        shutil.copy(recipe, folder)
        loaded = Recipe.load(recipe)
        zoo.export(folder, construct(loaded.network, NETWORKS, section="network"), loaded, "# x\n")
        folders.append(folder)
    monkeypatch.setattr(shipped_models, "folders", lambda: folders)
    return [folder.name for folder in folders]


def photos(root: Path, *places: str, side: int = 20) -> None:
    for seed, place in enumerate(places):
        (root / place).mkdir(parents=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (side, side + 4, 3), np.uint8)
        Image.fromarray(pixels).save(root / place / "a.png")


def train(text: str, root: Path, changes: tuple[str, ...] = TINY) -> loop.Trained:
    recipe = Recipe.parse(text, source="template", overrides=[*changes, f"data.root={root}"])
    return loop.train(recipe, Run(root / "run", recipe, resume=True), device="cpu")


def test_the_supervised_template_trains(tmp_path: Path) -> None:
    photos(tmp_path, "train/input", "train/target", "val/input", "val/target")
    trained = train(template("supervised"), tmp_path)
    assert trained.steps == 2
    assert trained.validation_psnr is not None


def test_the_pal_template_trains_with_its_loss(tmp_path: Path) -> None:
    photos(tmp_path, "train/input", "train/target", "val/input", "val/target")
    text = template("pal").replace("# pal_", "pal_")
    trained = train(text, tmp_path)
    assert trained.recipe.objective.options["pal_mask"] == [0.01, 0.99]
    assert "pal=" in (tmp_path / "run/metrics.csv").read_text()


@pytest.mark.parametrize("name", sorted(path.stem for path in OWN.glob("*.toml")))
def test_a_template_fits_the_weights_that_it_begins_with(name: str) -> None:
    recipe = Recipe.parse(template(name), source=name)
    if recipe.network.weights is not None:
        network = construct(recipe.network, NETWORKS, section="network")
        before = next(network.parameters()).clone()
        load_initial(network, recipe.network)
        assert not torch.equal(before, next(network.parameters()))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_list_of_degradations_says_what_each_one_takes(name: str) -> None:
    text = " ".join(line.strip("# ") for line in degradations().splitlines())
    start = text.index(f'{{ name = "{name}"')
    step = tomllib.loads(f"step = {text[start : text.index('}', start) + 1]}")["step"]
    built = construct(Choice.model_validate(step), DEGRADATIONS, section="degradation")
    assert built == DEGRADATIONS[name]()


@pytest.mark.parametrize("name", UNPAIRED)
def test_an_unpaired_template_trains_with_its_players(name: str, tmp_path: Path) -> None:
    photos(tmp_path, *UNPAIRED[name], side=36)
    trained = train(template(name), tmp_path, SMALL)
    assert trained.steps == 2
    assert trained.skipped == 0


def test_the_all_in_one_template_trains_and_its_ablation_is_one_line(tmp_path: Path) -> None:
    photos(tmp_path, "photos/train", "photos/val")
    small = (*TINY, "network.global_context=4", "objective.window=8", "data.batch=3")
    text = template("baryir")
    trained = train(text, tmp_path, (*small, "objective.potential_width=4"))
    assert (trained.steps, trained.skipped) == (2, 0)
    recipe = Recipe.parse(text, source="template")
    assert recipe.network.options["sources"] == list(recipe.data.shares)
    alone = text.replace('name = "baryir"\n# name', 'name = "supervised"\n# name')
    assert alone != text
    (tmp_path / "alone").mkdir()
    photos(tmp_path / "alone", "photos/train", "photos/val")
    assert train(alone, tmp_path / "alone", small).steps == 2


def test_the_published_all_in_one_template_trains(tmp_path: Path) -> None:
    photos(tmp_path, "photos/train", "photos/val")
    small = ("network.width=8", "network.heads=[1, 1, 1, 1]", "network.blocks=[1, 1, 1, 1]")
    small += ("network.refinement=1", "objective.potential_width=4", "data.batch=3")
    recipe = Recipe.parse(template("baryir-published"), source="template")
    assert recipe.network.options["sources"] == list(recipe.data.shares)
    trained = train(
        template("baryir-published"), tmp_path, (*small, *TINY[2:], "optim.precision=fp32")
    )
    assert (trained.steps, trained.skipped) == (2, 0)


@pytest.mark.parametrize("name", ["cut-published", "fastcut-published", "odcr-published"])
def test_the_published_generator_has_the_published_size(name: str) -> None:
    recipe = Recipe.parse(template(name), source="template")
    network = construct(recipe.network, NETWORKS, section="network")
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(11.38, abs=0.005)


def test_what_the_all_in_one_template_comments_out_are_the_defaults() -> None:
    text = template("baryir")
    lines = text.splitlines()
    start, end = lines.index("[objective]"), lines.index("[data]")
    shown = [
        line.removeprefix("# ") if start < i < end and " = " in line else line
        for i, line in enumerate(lines)
        if "supervised" not in line
    ]
    choice = Recipe.parse("\n".join(shown), source="template").objective
    defaults = inspect.signature(Baryir).parameters
    named = {key: value for key, value in choice.options.items() if key != "window"}
    assert named == {key: defaults[key].default for key in named}
    assert set(named) | {"network", "window", "pal_mask"} == set(defaults)


@pytest.mark.parametrize("name", ISP)
@pytest.mark.parametrize(
    "change",
    [
        "objective.cost=5.0",
        "objective.source=identity",
        "objective.transport=0.0",
        "objective.colour=0.0",
        "objective.structure=0.0",
        "objective.frequency=0.0",
    ],
)
def test_an_isp_template_and_each_ablation_of_it_trains(
    name: str, change: str, tmp_path: Path
) -> None:
    photos(tmp_path, *ISP[name], side=36)
    # Without a transport there is no potential, whose rate would then be refused.
    rates = ("optim.rates=",) if change == "objective.transport=0.0" else ()
    trained = train(template(name), tmp_path, (*SMALL_ISP, change, *rates))
    assert trained.steps == 2
    assert trained.skipped == 0
    assert trained.network.info.input == "mosaic"


@pytest.mark.parametrize("name", ISP)
def test_what_an_isp_template_comments_out_is_valid(name: str) -> None:
    text = template(name)
    keys = ("source", "target", "pal", "transport", "colour", "structure", "frequency", "r1")
    keys += ("potential_steps", "root", "val", "validation", "targets")
    shown = [
        bare if (bare := line.removeprefix("# ")).split(" ")[0] in keys else line
        for line in text.splitlines()
    ]
    assert shown != text.splitlines()
    recipe = Recipe.parse("\n".join(shown), source="template")
    objective = construct(
        recipe.objective, OBJECTIVES, construct(recipe.network, NETWORKS, section="network"),
        section="objective",
    )  # fmt: skip
    assert set(objective.modules) == {"network", "potential", "ensemble"}
    for mixture in (recipe.data.simulated, recipe.data.looks, recipe.data.validation):
        if mixture:
            Compose(mixture)


def test_what_the_supervised_template_comments_out_are_the_defaults_and_valid() -> None:
    text = template("supervised")
    plain = Recipe.parse(text, source="template")
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    keys = ("licence", "root", "workers", "flips", "clip", "ema", "accumulate", "precision", "seed")
    keys += ("every", "validate_every", "checkpoint_minutes", "samples", "[log]")
    shown = [
        line if line.split(" ")[0] in keys else original
        for line, original in zip(lines, text.splitlines(), strict=True)
    ]
    assert shown != text.splitlines()
    assert Recipe.parse("\n".join(shown), source="template") == plain


def test_the_commented_mixture_of_the_supervised_template_is_valid() -> None:
    text = template("supervised")
    for key in ("kind", "train_input", "train_target"):
        text = text.replace(f"\n{key} = ", f"\n# {key} = ")
    start, end = text.index('# kind = "clean"'), text.index("crop = 96")
    block = "\n".join(line.removeprefix("# ") for line in text[start:end].splitlines())
    recipe = Recipe.parse(f"{text[:start]}{block}\n{text[end:]}", source="template")
    assert [step.name for entry in recipe.data.simulated for step in entry.steps] == [
        "rain",
        "quantize8",
    ]


@pytest.mark.parametrize("recipe", SHIPPED, ids=lambda path: path.parent.name)
def test_a_shipped_tasks_recipe_is_its_template_and_trains(
    recipe: Path, shipped: list[str], tmp_path: Path
) -> None:
    task = Recipe.load(recipe).model.task
    text = template(task)
    assert text == f"{modernised_text(recipe.read_text()).rstrip()}\n\n{degradations()}"
    parsed = Recipe.parse(text, source="template")
    assert parsed.data.kind == "clean"
    assert old_steps(parsed.data) == []
    assert old_forms(tomllib.loads(text)) == []
    assert "#" in text
    photos(
        tmp_path,
        "photos/train",
        "photos/val",
        "photos_cc/train",
        "photos_cc/val",
        side=64 if task == "isp" else 20,
    )
    tiny = {
        "isp": (*TINY, "data.crop=64"),
        "vae": (*TINY[2:], "network.widths=[4, 4]", "network.blocks=[0, 1]"),
    }
    assert train(text, tmp_path, tiny.get(task, TINY)).steps == 2


def test_of_two_models_of_one_task_the_default_is_the_template(
    shipped: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "models" / shipped[0]
    for other in ("a-variant", "z-variant"):
        shutil.copytree(folder, folder.with_name(other))
        text = (folder / "recipe.toml").read_text()
        (folder.with_name(other) / "recipe.toml").write_text(text + "# a variant\n")
        shipped_models.folders().append(folder.with_name(other))
    assert "# a variant" not in template(shipped[0])
    own = modernised_text((folder / "recipe.toml").read_text())
    assert template(shipped[0]).startswith(own.rstrip())


def test_an_unknown_template_lists_the_known(shipped: list[str]) -> None:
    with pytest.raises(RestoreError, match="'sharpen'") as caught:
        template("sharpen")
    tasks = [Recipe.load(recipe).model.task for recipe in SHIPPED]
    for name in ("supervised", *UNPAIRED, *ISP, *tasks):
        assert name in str(caught.value.hint)
