"""The model card that an export carries: facts of the run, and a place for measured numbers."""

from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.models.entries import file_digest, weights_file
from restore_cli.training.loop import Trained
from restore_cli.training.validation import MOST

MEASURED_BEGIN, MEASURED_END = "<!-- measured -->", "<!-- /measured -->"


def write_card(trained: Trained) -> str:
    """Markdown of a freshly trained model.

    Args:
        trained: what came out, with its recipe.

    Returns:
        The card; between `MEASURED_BEGIN` and `MEASURED_END` a benchmark may put its table.
    """
    recipe = trained.recipe
    model, data, optim = recipe.model, recipe.data, recipe.optim
    parameters = sum(p.numel() for p in trained.network.parameters())
    rows = [
        ("task", model.task),
        ("network", f"{recipe.network.name}, {parameters:,} parameters"),
        ("weights", f"fp16, {parameters * 2 / 1e6:.2f} MB"),
        ("objective", f"{recipe.objective.name} ({_options(recipe.objective.options)})"),
        ("training pictures", model.data or str(data.folders[-1])),
        ("crops, batch", f"{data.crop} px, {data.batch * optim.accumulate}"),
        ("optimiser", f"{optim.optimizer}, learning rate {optim.lr:g}, {optim.schedule} schedule"),
        ("steps, seed", f"{trained.steps:,}, {optim.seed}"),
        ("hardware, time", f"{trained.hardware}, {trained.seconds / 60:.0f} minutes"),
        ("left-out steps (not finite)", str(trained.skipped)),
        ("licence", model.licence),
    ]  # fmt: skip
    if recipe.network.weights is not None:
        rows.insert(3, ("begun from", _begun_from(recipe.network.weights)))
    if trained.validation_psnr is not None and trained.input_psnr is not None:
        # Where the input is the target, as for an autoencoder, it has no PSNR to quote.
        before = f"{trained.input_psnr:.2f} dB in, " if trained.input_psnr < MOST else ""
        found = f"{before}{trained.validation_psnr:.2f} dB out"
        rows.append(
            (
                "validation while training",
                f"{found} (centre crops, the recipe's validation mixture)",
            )
        )
    facts = "\n".join(f"| {name} | {value} |" for name, value in rows)
    limits = f"\n## Limits\n\n{model.limits}\n" if model.limits else ""
    return (
        f"# {model.name}\n\n{model.description}\n\n"
        f"| what | |\n|---|---|\n{facts}\n\n"
        "Train it again with `restore train recipe.toml --set data.root=DIR`.\n\n"
        f"## Measured\n\n{MEASURED_BEGIN}\nnot measured yet\n{MEASURED_END}\n{limits}"
    )


def _begun_from(weights: str) -> str:
    """The name of the weights, and what tells them from others of that name."""
    try:
        digest = file_digest(weights_file(weights))
    except RestoreError:  # moved since
        return Path(weights).name
    return f"{Path(weights).name}, sha256 {digest[:12]}"


def _options(options: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in options.items()) or "defaults"
