"""Options of `restore eval`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from restore_cli.commands.options import GATE, OUTPUT, SPEED, WHAT
from restore_cli.commands.outputs import output_path

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="OUTPUT... REFERENCE",
        help="Two files or two folders. With --reference all of them are outputs.",
        show_default=False,
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        rich_help_panel=WHAT,
        metavar="PATH",
        help="What all outputs are compared with.",
    ),
]
Metrics = Annotated[
    str,
    typer.Option(
        "--metrics",
        rich_help_panel=WHAT,
        metavar="NAME,...",
        help="From psnr, ssim, psnr-y, ssim-y, ms-ssim, psnr-aligned, psnr-gtmean, delta-e, "
        "photometric-share, latent-w2; with the extra [perceptual] lpips, dists, fid, kid; with "
        "[no-reference] niqe, musiq, which judge the output alone.",
    ),
]
Recursive = Annotated[
    bool,
    typer.Option(
        "--recursive",
        "-r",
        rich_help_panel=WHAT,
        help="Walk into subfolders; their names must match.",
    ),
]
CropBorder = Annotated[
    int,
    typer.Option(
        "--crop-border",
        rich_help_panel=WHAT,
        min=0,
        metavar="N",
        help="Pixels to leave out on each side.",
    ),
]
ResizeReference = Annotated[
    bool,
    typer.Option(
        "--resize-reference",
        rich_help_panel=WHAT,
        help="Bring references to the size of their outputs instead of refusing them; every "
        "number's protocol then says so.",
    ),
]
ReferenceCrop = Annotated[
    Literal["centre"] | None,
    typer.Option(
        "--reference-crop",
        rich_help_panel=WHAT,
        help="Take the middle of references that are larger.",
    ),
]
PairRule = Annotated[
    str,
    typer.Option(
        "--pair",
        rich_help_panel=WHAT,
        metavar="RULE",
        help="stem; prefix: many outputs of one reference; regex=PATTERN: its group agrees.",
    ),
]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        rich_help_panel=OUTPUT,
        metavar="FILE",
        allow_dash=True,
        parser=output_path,
        help="Write every number with its protocol; - is standard output.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        rich_help_panel=OUTPUT,
        metavar="FILE.html",
        parser=output_path,
        help="Write a page to look at: sliders, error maps, histograms; it needs no network.",
    ),
]
ReportPictures = Annotated[
    int,
    typer.Option(
        "--report-pictures",
        rich_help_panel=OUTPUT,
        min=0,
        metavar="N",
        help="Show the N worst in it.",
    ),
]
SaveBaseline = Annotated[
    Path | None,
    typer.Option(
        "--save-baseline",
        rich_help_panel=OUTPUT,
        metavar="FILE.json",
        parser=output_path,
        help="Keep these numbers for later.",
    ),
]
BaselineFile = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        rich_help_panel=GATE,
        metavar="FILE.json",
        help="Compare with kept numbers; needs --max-drop or --max-drop-each.",
    ),
]
MaxDrop = Annotated[
    str | None,
    typer.Option(
        "--max-drop",
        rich_help_panel=GATE,
        metavar="NAME=X,...",
        help="How much worse than the baseline each mean may be; exit code 3 if it is more.",
    ),
]
MaxDropEach = Annotated[
    str | None,
    typer.Option(
        "--max-drop-each",
        rich_help_panel=GATE,
        metavar="NAME=X,...",
        help="The same for every single picture.",
    ),
]
Junit = Annotated[
    Path | None,
    typer.Option(
        "--junit",
        rich_help_panel=OUTPUT,
        metavar="FILE.xml",
        parser=output_path,
        help="Write what the gate found as tests; needs --baseline.",
    ),
]
Markdown = Annotated[
    Path | None,
    typer.Option(
        "--markdown",
        rich_help_panel=OUTPUT,
        metavar="FILE.md",
        allow_dash=True,
        parser=output_path,
        help="Write a summary for a pull request; - is standard output.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        rich_help_panel=WHAT,
        metavar="PATH",
        help="Published weights of lpips, dists, fid, kid, niqe or musiq: a file or its folder.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        rich_help_panel=SPEED,
        min=1,
        metavar="N",
        help="Pictures computed at once; unset: 1 on a CPU, 16 on a GPU.",
    ),
]
