"""`[optim]`: how the weights move."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from restore_cli.recipe.section import NonNegativeInt, PositiveInt, Section, Share


class OptimSection(Section):
    """How the weights move.

    `schedule`: "cosine" falls to zero over all steps; "trapezoid" stays at `lr` and falls linearly
    to zero over the last `cooldown` steps (Zhai et al. 2022), so that a run can be prolonged
    without starting again; "steps" is multiplied by `gamma` every `step_size` steps. All begin
    with a linear `warmup`. A run by the clock (`restore train --for`) stays at `lr` and cools down
    in the last `cooldown_share` of the time; what it did is exported as `decay`, steps and factors
    of the rate, linear between them.

    `rates` are factors on the learning rate by the objective's module name. `betas` are AdamW's;
    `stiefel_lr` is the learning rate of orthogonal layers where `lr` is that of all others: with
    `stiefel` "adam" (Riemannian Adam, the same betas) about the angle in radians by which their
    columns turn in a step, with "plain" the factor of the gradient, as the paper has it.
    `precision` "auto" is bf16 where the device computes faster in it, and fp32 elsewhere. `compile`
    lets torch.compile make kernels for this machine: the first step takes a minute or more, and
    where it fails training goes on without, with a note.
    """

    steps: PositiveInt
    optimizer: Literal["adamw", "muon", "rmsprop"] = "adamw"
    lr: float = Field(default=1e-3, gt=0.0, le=1e3)
    rates: dict[str, Annotated[float, Field(ge=0.0, le=1e6)]] = Field(default={})
    betas: tuple[Share, Share] = (0.9, 0.99)
    stiefel: Literal["adam", "plain"] = "adam"
    stiefel_lr: float = Field(default=5e-3, gt=0.0, le=1e3)
    weight_decay: float = Field(default=0.0, ge=0.0, le=1e3)
    schedule: Literal["cosine", "trapezoid", "steps"] = "cosine"
    warmup: NonNegativeInt = 200
    cooldown: NonNegativeInt = 0
    cooldown_share: float = Field(default=0.25, ge=0.0, lt=1.0)
    decay: list[tuple[NonNegativeInt, Share]] = Field(default=[])
    gamma: float = Field(default=0.1, gt=0.0, le=1.0)
    step_size: PositiveInt = 100_000
    clip: float = Field(default=1.0, gt=0.0, allow_inf_nan=True)
    ema: Share = 0.999
    accumulate: PositiveInt = 1
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    seed: NonNegativeInt = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.decay and self.warmup + self.cooldown > self.steps:
            raise ValueError(
                f"warmup ({self.warmup}) + cooldown ({self.cooldown}) exceed steps ({self.steps})"
            )
        steps = [step for step, _ in self.decay]
        if steps != sorted(set(steps)):
            raise ValueError("the steps of `decay` must rise")
        return self
