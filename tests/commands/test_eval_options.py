"""The options of `restore eval`, as its help lists them."""

import inspect
from typing import get_args

from restore_cli.commands import eval_options
from restore_cli.commands.eval import evaluate


def test_every_option_is_used_once_and_says_what_it_does() -> None:
    options = {
        name: get_args(option)
        for name, option in vars(eval_options).items()
        if name[0].isupper() and get_args(option) and name != "Annotated"
    }
    used = [parameter.annotation for parameter in inspect.signature(evaluate).parameters.values()]
    for name, option in options.items():
        if name in {"Path", "Literal"}:
            continue
        _, details = option
        assert details.help.endswith("."), name
        assert used.count(getattr(eval_options, name)) == 1, name
