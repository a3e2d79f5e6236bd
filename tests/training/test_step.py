import copy
import math
from collections.abc import Callable, Iterator
from typing import cast

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from restore_cli.data.sample import Batch
from restore_cli.methods.base import Objective, Step
from restore_cli.networks.base import Network, NetworkInfo
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe
from restore_cli.training.schedule import learning_rate
from restore_cli.training.state import State
from restore_cli.training.step import Outcome, take_step


class Scaled:
    """What the step needs of an Accelerator in fp16, with torch's own gradient scaler."""

    process_index = 0
    num_processes = 1
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        self.optimizers: list[torch.optim.Optimizer] = []

    def backward(self, loss: Tensor) -> None:
        self.scaler.scale(loss).backward()

    def unscale_gradients(self) -> None:
        for optimizer in self.optimizers:
            self.scaler.unscale_(optimizer)

    def unwrap_model(self, model: nn.Module) -> nn.Module:
        return model


class Weights(Network):
    """Six numbers."""

    info = NetworkInfo()

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        return image


class Linear(Objective):
    """The loss is the weights times a factor, the target: their gradient is the factor."""

    single_step = True
    needs_pairs = True

    def steps(self, batch: Batch) -> Iterator[Step]:
        values = [value.sum() for value in self.modules["network"].parameters()]
        loss = torch.stack(values).sum() * batch.target
        yield Step("network", loss, {"part": loss.detach() / 2})


class Together(Objective):
    """Two modules that move on one loss, the sum of their outputs."""

    single_step = True
    needs_pairs = False

    def __init__(self) -> None:
        super().__init__(UNet(widths=(4, 4), depths=(1, 1)))
        self.one, self.two = (nn.Linear(2, 1, bias=False) for _ in range(2))
        self.modules: dict[str, nn.Module] = {"one": self.one, "two": self.two}

    def steps(self, batch: Batch) -> Iterator[Step]:
        scores = [module(batch.target).sum() for module in self.modules.values()]
        yield Step("one", torch.stack(scores).sum(), together=("two",))


def counter() -> Tensor:
    return torch.zeros((), dtype=torch.int64)


Begin = Callable[[], tuple[Scaled, State]]


@pytest.fixture
def begin() -> Begin:
    def fresh() -> tuple[Scaled, State]:
        network, average = Weights(), Weights()
        average.load_state_dict(network.state_dict())
        accelerator = Scaled()
        accelerator.optimizers = [
            torch.optim.SGD([value], lr=1.0) for value in network.parameters()
        ]
        objective = Linear(network)
        return accelerator, State(
            objective, {"network": accelerator.optimizers}, average, counter(), counter()
        )

    return fresh


def step(begun: tuple[Scaled, State], recipe: Recipe, *factors: float) -> Outcome:
    accelerator, state = begun
    batches = iter([Batch.of(torch.zeros(1, 3, 2, 2), torch.tensor(factor)) for factor in factors])
    rate = learning_rate(state.step, recipe.optim)
    return take_step(state, recipe, cast(Accelerator, accelerator), batches, rate=rate)


PLAIN = ("optim.warmup=0", "optim.schedule=trapezoid", "optim.lr=0.5", "optim.clip=1000")


def weights(state: State) -> list[Tensor]:
    return [value.detach().clone() for value in state.objective.modules["network"].parameters()]


def test_fp16_gradients_are_unscaled_once_for_each_of_several_optimisers(
    begin: Begin, parse: Callable[..., Recipe]
) -> None:
    begun = begin()
    before = weights(begun[1])
    outcome = step(begun, parse(*PLAIN), 0.25)
    for old, new in zip(before, weights(begun[1]), strict=True):
        torch.testing.assert_close(new, old - 0.5 * 0.25)
    assert float(outcome.norm) == pytest.approx(0.25 * math.sqrt(6))
    assert float(outcome.loss) == pytest.approx(
        0.25 * sum(float(v.sum()) for v in before), abs=1e-6
    )
    assert float(outcome.terms["part"]) == pytest.approx(float(outcome.loss) / 2, abs=1e-6)


def test_an_overflow_in_fp16_moves_nothing_and_lowers_the_scale(
    begin: Begin, parse: Callable[..., Recipe]
) -> None:
    accelerator, state = begin()
    before = weights(state)
    step((accelerator, state), parse(*PLAIN), math.inf)
    assert all(torch.equal(*pair) for pair in zip(before, weights(state), strict=True))
    assert accelerator.scaler.get_scale() == 512.0
    assert (state.step, int(state.skipped), int(state.skipped_in_a_row)) == (1, 1, 1)
    step((accelerator, state), parse(*PLAIN), 0.25)
    assert (state.step, int(state.skipped), int(state.skipped_in_a_row)) == (2, 1, 0)


def test_the_gradient_is_clipped_to_its_norm(begin: Begin, parse: Callable[..., Recipe]) -> None:
    begun = begin()
    before = weights(begun[1])
    outcome = step(begun, parse(*PLAIN, "optim.clip=0.5"), 100.0)
    assert float(outcome.norm) == pytest.approx(100 * math.sqrt(6))
    for old, new in zip(before, weights(begun[1]), strict=True):
        torch.testing.assert_close(new, old - 0.5 * 0.5 / math.sqrt(6))


def test_accumulated_batches_are_averaged(begin: Begin, parse: Callable[..., Recipe]) -> None:
    begun = begin()
    before = weights(begun[1])
    outcome = step(begun, parse(*PLAIN, "optim.accumulate=2"), 0.1, 0.3)
    for old, new in zip(before, weights(begun[1]), strict=True):
        torch.testing.assert_close(new, old - 0.5 * 0.2)
    assert float(outcome.loss) == pytest.approx(0.2 * sum(float(v.sum()) for v in before), abs=1e-6)


def test_modules_that_move_together_are_clipped_apart(
    parse: Callable[..., Recipe],
) -> None:
    recipe = parse("optim.clip=0.5", "optim.accumulate=1")
    objective = Together()
    optimizers = {
        name: [torch.optim.SGD(module.parameters(), lr=1.0)]
        for name, module in objective.modules.items()
    }
    average = copy.deepcopy(objective.network)
    state = State(objective, optimizers, average, skipped=counter(), skipped_in_a_row=counter())
    before = [weight.detach().clone() for weight in (objective.one.weight, objective.two.weight)]
    image = torch.tensor([[3.0, 4.0]])
    rate = learning_rate(0, recipe.optim)
    batches = iter([Batch.of(image.view(1, 1, 1, 2), image)])
    outcome = take_step(state, recipe, Accelerator(cpu=True), batches, rate=rate)
    # The gradient is the image for both: norm 5 each, clipped to 0.5 each; sqrt(50) together.
    assert float(outcome.norm) == pytest.approx(math.sqrt(50))
    for was, layer in zip(before, (objective.one, objective.two), strict=True):
        expected = was - rate * image * 0.5 / 5
        torch.testing.assert_close(layer.weight.detach(), expected)
