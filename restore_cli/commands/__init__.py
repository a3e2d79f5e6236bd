"""The Typer app: the explicit list of commands, each with an example.

Importing it, and each command's module, is cheap: torch and everything that needs it are
imported inside the functions, so `restore --help` answers at once.
"""

from typing import Annotated

import typer

from restore_cli import __version__
from restore_cli.commands.compare import compare
from restore_cli.commands.completion import install_completion, show_completion
from restore_cli.commands.config import show_config
from restore_cli.commands.doctor import doctor
from restore_cli.commands.eval import evaluate
from restore_cli.commands.export import export_model
from restore_cli.commands.infer import infer
from restore_cli.commands.isp import isp
from restore_cli.commands.models_convert import convert_model
from restore_cli.commands.models_hub import pull_model, push_model
from restore_cli.commands.models_inspect import inspect_model
from restore_cli.commands.models_shipped import list_models, show_model, verify_models
from restore_cli.commands.ot_correct import apply
from restore_cli.commands.ot_fit import fit
from restore_cli.commands.ot_sweep import sweep
from restore_cli.commands.program import HELP_OPTIONS, Group, add, examples
from restore_cli.commands.train import train


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"restore {__version__}")
        raise typer.Exit


def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            allow_from_autoenv=False,
            show_envvar=False,
            help="Print the version and exit.",
        ),
    ] = False,
    install: Annotated[
        str | None,
        typer.Option(
            "--install-completion",
            metavar="bash|zsh|fish",
            callback=install_completion,
            is_eager=True,
            allow_from_autoenv=False,
            show_envvar=False,
            help="Let the Tab key complete what is typed in this shell.",
        ),
    ] = None,
    show: Annotated[
        str | None,
        typer.Option(
            "--show-completion",
            metavar="bash|zsh|fish",
            callback=show_completion,
            is_eager=True,
            allow_from_autoenv=False,
            show_envvar=False,
            help="Print what --install-completion would install.",
        ),
    ] = None,
) -> None:
    """Restore photographs: remove rain, haze, noise, blur and darkness; develop RAW files."""


def _group(name: str, about: str, *lines: str) -> typer.Typer:
    """A group of commands in the program."""
    group = typer.Typer(
        cls=Group, no_args_is_help=True, rich_markup_mode=None, context_settings=HELP_OPTIONS
    )
    app.add_typer(group, name=name, help=about, epilog=examples(*lines))
    return group


# Plain help instead of rich panels: it starts in half the time, and a `[` in it stays a `[`.
app = typer.Typer(
    name="restore",
    cls=Group,
    callback=root,
    epilog=examples(
        "restore infer --task auto photos/",
        "restore infer --task derain wet.jpg",
        "restore help infer",
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)
add(
    app,
    "infer",
    infer,
    "restore infer --task derain photos/",
    "restore infer --task derain,denoise wet.jpg -o dry.png --compare",
    "restore infer --task auto mixed/ --sheet sheet.html",
)
add(
    app,
    "compare",
    compare,
    "restore compare photo.jpg",
)
add(
    app,
    "isp",
    isp,
    "restore isp photo.dng",
    "restore isp raws/ -o developed/ --format jpg --engine libraw",
    "restore isp --info --json photo.nef",
)
add(
    app,
    "train",
    train,
    "restore train --init denoise -o recipe.toml",
    "restore train recipe.toml -o runs/first",
)
add(
    app,
    "eval",
    evaluate,
    "restore eval restored/ truth/ --report report.html",
    "restore eval before/ after/ --reference truth/ --metrics psnr,ssim,delta-e",
    "restore eval restored/ truth/ --baseline quality.json --max-drop psnr=0.05",
)

ot_correct = _group(
    "ot-correct",
    "Move restored pictures towards the look of real photos.",
    "restore ot-correct fit --from-clean photos/ --task denoise -o look.safetensors",
)
add(
    ot_correct,
    "fit",
    fit,
    "restore ot-correct fit --from-clean photos/ --task denoise -o look.safetensors",
    "restore ot-correct fit restored/ photos/ -o look.safetensors",
    "restore ot-correct fit renderings/ finished/ --kind colour -o colours.safetensors",
)
add(
    ot_correct,
    "apply",
    apply,
    "restore ot-correct apply look.safetensors restored/ -o corrected/",
    "restore ot-correct apply look.safetensors restored/ -o half/ --alpha 0.5",
)
add(
    ot_correct,
    "sweep",
    sweep,
    "restore ot-correct sweep look.safetensors restored/ truth/ -o curve.csv --plot curve.png",
)

models = _group(
    "models",
    "List, show, verify, export, inspect and convert models.",
    "restore models list",
)
add(models, "list", list_models, "restore models list")
add(models, "show", show_model, "restore models show derain")
add(models, "verify", verify_models, "restore models verify")
add(
    models,
    "inspect",
    inspect_model,
    "restore models inspect checkpoint.pth",
    "restore models inspect derain --json",
)
add(
    models,
    "convert",
    convert_model,
    "restore models convert NAFNet-SIDD-width32.pth -o nafnet-sidd --licence MIT",
)
add(
    models,
    "pull",
    pull_model,
    "restore models pull OWNER/NAME -o model --allow-download",
)
add(models, "push", push_model, "restore models push derain -o for-the-hub")
add(models, "export", export_model, "restore models export derain --onnx derain.onnx")

config = _group("config", "Show where defaults of options come from.", "restore config show infer")
add(config, "show", show_config, "restore config show", "restore config show infer --all")

add(app, "doctor", doctor, "restore doctor", "restore doctor --json > report.json")
