"""The Typer app: the explicit list of commands, each with an example.

Importing it, and each command's module, is cheap: torch and everything that needs it are
imported inside the functions, so `restore --help` answers at once.
"""

from typing import Annotated

import typer

from restore_cli import __version__
from restore_cli.commands.eval import evaluate
from restore_cli.commands.export import export_model
from restore_cli.commands.infer import infer
from restore_cli.commands.isp import isp
from restore_cli.commands.ot_correct import apply
from restore_cli.commands.ot_fit import fit
from restore_cli.commands.ot_sweep import sweep
from restore_cli.commands.tools import doctor, list_models, show_model, verify_models
from restore_cli.commands.train import train

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"restore {__version__}")
        raise typer.Exit


def _example(*lines: str) -> str:
    """The end of a command's help; the mark in front keeps the lines from being joined."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Restore photographs: remove rain and noise, on a laptop CPU or a GPU."""


# Plain help instead of rich panels: it starts in half the time, and a `[` in it stays a `[`.
app = typer.Typer(
    name="restore",
    callback=root,
    epilog=_example("restore infer --task derain photos/"),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)
app.command(
    "infer",
    epilog=_example(
        "restore infer --task derain photos/",
        "restore infer --task denoise night.jpg -o night-clean.png",
    ),
)(infer)
app.command(
    "isp",
    epilog=_example(
        "restore isp photo.dng",
        "restore isp raws/ -o developed/ --format jpg --engine libraw",
        "restore isp --info --json photo.nef",
    ),
)(isp)
app.command(
    "train",
    epilog=_example(
        "restore train --init denoise -o recipe.toml",
        "restore train recipe.toml -o runs/first",
    ),
)(train)
app.command(
    "eval",
    epilog=_example(
        "restore eval restored/ truth/ --report report.html",
        "restore eval before/ after/ --reference truth/ --metrics psnr,ssim,delta-e",
        "restore eval restored/ truth/ --baseline quality.json --max-drop psnr=0.05",
    ),
)(evaluate)

ot_correct = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings=HELP_OPTIONS)
ot_correct.command(
    "fit",
    epilog=_example(
        "restore ot-correct fit --from-clean photos/ --task denoise -o look.safetensors",
        "restore ot-correct fit restored/ photos/ -o look.safetensors",
        "restore ot-correct fit renderings/ finished/ --kind colour -o colours.safetensors",
    ),
)(fit)
ot_correct.command(
    "apply",
    epilog=_example(
        "restore ot-correct apply look.safetensors restored/ -o corrected/",
        "restore ot-correct apply look.safetensors restored/ -o half/ --alpha 0.5",
    ),
)(apply)
ot_correct.command(
    "sweep",
    epilog=_example(
        "restore ot-correct sweep look.safetensors restored/ truth/ -o curve.csv --plot curve.png"
    ),
)(sweep)
app.add_typer(
    ot_correct,
    name="ot-correct",
    help="Make restored pictures look like photos again, fitted from a few.",
    epilog=_example(
        "restore ot-correct fit --from-clean photos/ --task denoise -o look.safetensors"
    ),
)

models = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings=HELP_OPTIONS)
models.command("list", epilog=_example("restore models list"))(list_models)
models.command("show", epilog=_example("restore models show derain"))(show_model)
models.command("verify", epilog=_example("restore models verify"))(verify_models)
models.command("export", epilog=_example("restore models export derain --onnx derain.onnx"))(
    export_model
)
app.add_typer(
    models,
    name="models",
    help="List, show, verify and export the shipped models.",
    epilog=_example("restore models list"),
)

app.command("doctor", epilog=_example("restore doctor", "restore doctor --json > report.json"))(
    doctor
)
