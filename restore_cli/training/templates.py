"""Recipes to start from, for `restore train --init`."""

from restore_cli import zoo
from restore_cli.errors import RestoreError

_SUPERVISED = """\
# A restorer trained on your own pairs: two folders whose files have the same names.
# Every key that is commented out stands at its default.

[model]
name = "mine"                # the model folder's name: lower-case letters, digits, dashes
task = "derain"              # what `restore infer --task` calls it
description = "What it does, for its card."
# licence = "Apache-2.0"
# data = "What it was trained on, for its card."
# limits = "What it cannot do, for its card."

[network]
name = "unet"                # fast on a CPU; "nafnet" is strong on a GPU
widths = [32, 64, 96, 128]   # channels at full size, 1/2, 1/4, 1/8
depths = [1, 2, 2, 1]        # residual blocks at each size
# survey = 32                # numbers about the whole picture that every level is told

[objective]
name = "supervised"
loss = "l1"                  # or "charbonnier", "psnr"
# window = 112               # px: survey the crop, restore a part of it (needs survey)
# pal = 0.5                  # weight of photometric alignment: for pairs that differ in colour

[data]
# root = "."                 # where the folders lie; --set data.root=DIR
train_input = "train/input"
train_target = "train/target"
val_input = "val/input"
val_target = "val/target"
# train = "photos"           # instead of pairs: clean photos, degraded on the fly by
# mixture = [                # one of these entries, each with its own chance
#     { weight = 0.9, steps = [{ name = "rain" }, { name = "file" }] },
#     { weight = 0.1, steps = [] },
# ]
crop = 96                    # px; pictures must be at least as large
batch = 8
# workers = 0                # processes that load pictures; the pictures do not depend on it
# flips = true

[optim]
steps = 20000
optimizer = "muon"           # or "adamw"
lr = 2e-3
schedule = "cosine"          # or "trapezoid" with cooldown = N: can be prolonged later
warmup = 200
# clip = 1.0                 # gradient norm
# ema = 0.999                # averaged weights are what is exported
# accumulate = 1             # batches per step
# precision = "fp32"         # "bf16" or "fp16" on a GPU; slower on a CPU
# seed = 0

# [log]
# every = 50
# validate_every = 1000
# checkpoint_minutes = 3.0
# samples = 4

[infer]
overlap = 64                 # px that neighbouring tiles share
"""


def template(what: str) -> str:
    """The text of a commented recipe.

    Args:
        what: an objective, or a task with a shipped model (its own recipe is returned).

    Raises:
        RestoreError: neither.
    """
    if what == "supervised":
        return _SUPERVISED
    # Of several models of one task its default, which has the task's name, counts.
    ordered = sorted(zoo.entries(), key=lambda entry: entry.name == entry.task)
    shipped = {entry.task: entry.folder for entry in ordered}
    if what in shipped:
        return (shipped[what] / zoo.RECIPE).read_text(encoding="utf-8")
    known = ", ".join(["supervised", *sorted(shipped)])
    raise RestoreError(f"no recipe to start from for {what!r}", hint=f"there is one for: {known}")
