"""What all commands share: options, help in groups, defaults from files, help on request.

A command is a plain function with typed options. `add` gives it what every command has and puts it
into the program.
"""

import copy
import functools
import gc
import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from restore_cli.commands.console import Console, spoken
from restore_cli.commands.options import MESSAGES, PANELS
from restore_cli.commands.settings import PREFIX, Command, FileDefaults
from restore_cli.commands.usage_errors import kinds_of, unknown_variables, with_origins
from restore_cli.errors import RestoreError
from restore_cli.numerals import is_number, is_whole

HELP_OPTIONS = {
    "help_option_names": ["-h", "--help"],
    # Where the terminal has room; help is wrapped at 80 columns otherwise.
    "max_content_width": 100,
    "auto_envvar_prefix": PREFIX,
}


def _remember(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:  # noqa: ANN401
    context.meta[str(parameter.name)] = value
    return value


def _common(
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            rich_help_panel=MESSAGES,
            help="Say more: how each picture was computed, and what changed in it.",
        ),
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="FILE",
            rich_help_panel=MESSAGES,
            help="Also write all messages, with the time, to the end of this file.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            metavar="FILE",
            envvar=f"{PREFIX}_CONFIG",
            is_eager=True,
            callback=_remember,
            rich_help_panel=MESSAGES,
            help="Read defaults of options from this file instead of restore.toml.",
        ),
    ] = None,
    no_config: Annotated[
        bool,
        typer.Option(
            "--no-config",
            envvar=f"{PREFIX}_NO_CONFIG",
            is_eager=True,
            callback=_remember,
            rich_help_panel=MESSAGES,
            help="Read no defaults from files.",
        ),
    ] = False,
) -> None:
    """The options of every command."""


class Group(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Command) -> list[Any]:
        """The options, that for help among them."""
        return [_read_plainly(one) for one in super().get_params(ctx)]


class GroupedCommand(TyperCommand):
    """A command whose help is in groups, and whose defaults may come from files."""

    def get_params(self, ctx: Command) -> list[Any]:
        """The arguments and options, that for help among them."""
        return [_read_plainly(one) for one in super().get_params(ctx)]

    def parse_args(self, ctx: Command, args: list[str]) -> list[str]:
        """Parse, with the files' defaults behind the command line and the environment."""
        if not ctx.resilient_parsing:
            ctx.default_map = FileDefaults(ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Command) -> Any:  # noqa: ANN401 - whatever the command returns
        """Run the command; its errors name the file or variable that set what they speak of."""
        notes = list(unknown_variables(ctx.command_path.split()[1:], self))
        if notes:
            with spoken(verbose=False, log=ctx.params.get("log")):
                for note in notes:
                    Console(quiet=bool(ctx.params.get("quiet"))).warn(note)
        try:
            return super().invoke(ctx)
        except RestoreError as error:
            raise with_origins(error, ctx) from error

    def collect_usage_pieces(self, ctx: Command) -> list[str]:
        """`[INPUT...]` says already that there may be several."""
        pieces = super().collect_usage_pieces(ctx)
        return [piece.replace("...]...", "...]").replace("......", "...") for piece in pieces]

    def format_options(self, ctx: Command, formatter: Command) -> None:
        """Write arguments, then options by their groups in a fixed order."""
        groups: dict[str, list[tuple[str, str]]] = {}
        # That each option has a variable is said once, in the documents; and a file that is broken
        # must not keep anyone from the help.
        prefix, ctx.auto_envvar_prefix = ctx.auto_envvar_prefix, None
        ctx.default_map = None
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                groups.setdefault(_group(parameter), []).append(_plain(*record))
        ctx.auto_envvar_prefix = prefix
        for name in sorted(groups, key=_place):
            with formatter.section(name):
                formatter.write_dl(groups[name])


def _read_plainly(parameter: Command) -> Command:
    """Let an option take numbers only as people write them: the parser's own rules vary.

    What is as it must be is not read at all: some releases of the parser do that with pydantic,
    which takes a third of a start to import.
    """
    if "process_value" in vars(parameter):
        return parameter
    process = parameter.process_value

    def checked(context: Command, value: Any) -> Any:  # noqa: ANN401 - as the parser's own
        if not parameter.required and _is_settled(context, parameter, value):
            several = parameter.nargs == -1 or getattr(parameter, "multiple", False)
            if several:
                value = list(value) if value else ()
            own = parameter.callback
            return value if own is None else own(context, parameter, value)
        if isinstance(value, str):
            kinds = kinds_of(context, parameter)
            check = is_whole if int in kinds else is_number if float in kinds else None
            if check is not None and not check(value):
                raise typer.BadParameter(f"{value!r} is no number", context, parameter)
        return process(context, value)

    parameter.process_value = checked
    return parameter


def _is_settled(context: Command, parameter: Command, value: Any) -> bool:  # noqa: ANN401
    """Whether a value needs no reading: none, the default itself, or text where text is wanted."""
    if value is None:
        return True
    default = parameter.default
    if type(value) in (str, int, float, bool) and type(value) is type(default) and value == default:
        return True
    if not isinstance(value, str | list | tuple):
        return False
    declared, *parts = kinds_of(context, parameter)
    wanted = {declared} if declared == list[str] else {*parts} - {type(None)} or {declared}
    if isinstance(value, str):
        return wanted == {str}
    several = cast("Sequence[object]", value)
    return wanted == {list[str]} and all(type(one) is str for one in several)


def _plain(head: str, words: str) -> tuple[str, str]:
    """What stands for a parameter, without the notation of types and ranges."""
    if not head.startswith("-"):
        head = re.sub(r" <[^<>]+>$", "", head)  # an argument's type
    head = re.sub(r"<([^<>]+)>", r"\1", head)
    words = re.sub(r"\bx>=(-?[\d.]+)", r"\1 or more", words)
    return head, re.sub(r"(-?[\d.]+)<=x<=(-?[\d.]+)", r"\1 to \2", words)


def _group(parameter: Command) -> str:
    """The heading that a parameter stands under in the help."""
    if parameter.param_type_name != "option":
        return "Arguments"
    if parameter.name == "help":
        return MESSAGES
    return getattr(parameter, "rich_help_panel", None) or "Options"


def _place(group: str) -> int:
    order = ["Arguments", "Options", *PANELS]
    return order.index(group) if group in order else len(order)


def examples(*lines: str) -> str:
    """The end of a command's help; the mark in front keeps the lines from being joined."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def add(app: typer.Typer, name: str, command: Callable[..., Any], *lines: str) -> None:
    """Put a command into the program.

    Args:
        app: the program, or one of its groups.
        name: as it is typed.
        command: options in, exit code or nothing out.
        lines: examples for its help.
    """
    app.command(name, cls=GroupedCommand, epilog=examples(*lines))(_with_common(command))


def narrowed(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The program with that of its commands alone which the first word names; else all of it.

    The parser builds all that it has at each start. Who wants to know of the others asks
    `settings.whole_program`.
    """
    one = copy.copy(app)
    one.registered_commands = [c for c in app.registered_commands if c.name in words[:1]]
    one.registered_groups = [g for g in app.registered_groups if g.name in words[:1]]
    return one if one.registered_commands or one.registered_groups else app


def _with_common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the options of every command, which it never sees."""
    own = inspect.signature(command, eval_str=True)
    shared = inspect.signature(_common).parameters

    @functools.wraps(command)
    def run(*args: Any, **values: Any) -> Any:  # noqa: ANN401
        gc.enable()
        given = {name: values.pop(name, None) for name in shared}
        with spoken(verbose=bool(given["verbose"]), log=given["log"]) as log:
            code = command(*args, **values)
        if log is not None and log.lost is not None:
            raise log.lost
        return code

    further = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in shared.values()]
    parameters = sorted([*own.parameters.values(), *further], key=lambda one: one.kind)
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    del run.__wrapped__  # what has the whole signature is this
    return run
