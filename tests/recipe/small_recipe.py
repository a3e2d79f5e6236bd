"""A small recipe to change."""

import pytest

from restore_cli.errors import RestoreError
from restore_cli.recipe import Recipe

TEXT = """
[model]
name = "tiny"
task = "denoise"
[network]
name = "unet"
widths = [4, 8]
[objective]
name = "supervised"
[data]
train = "photos"
mixture = [{ weight = 2.0, steps = [{ name = "gaussian-noise", sigma = [0.0, 25.0] }] }]
[optim]
steps = 1000
[log]
every = 5
[infer]
overlap = 8
"""


def parse(*changes: str, text: str = TEXT) -> Recipe:
    """The recipe with some `section.key=value` changed."""
    return Recipe.parse(text, source="tiny.toml", overrides=changes)


def refusal(*changes: str, text: str = TEXT) -> RestoreError:
    """What it is refused with."""
    with pytest.raises(RestoreError) as caught:
        parse(*changes, text=text)
    return caught.value
