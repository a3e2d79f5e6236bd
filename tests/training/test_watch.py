import csv
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator

from restore_cli.methods.supervised.objective import Supervised
from restore_cli.networks import NETWORKS
from restore_cli.recipe import Recipe, construct
from restore_cli.training.meter import Progress
from restore_cli.training.runs import Run
from restore_cli.training.schedule import ByClock, BySteps, Schedule
from restore_cli.training.state import State, begin
from restore_cli.training.step import Outcome
from restore_cli.training.watch import FORMATS, Watch

Parse = Callable[..., Recipe]


def watched(recipe: Recipe, folder: Path, told: list[Progress]) -> tuple[Watch, State]:
    accelerator = Accelerator(cpu=True)
    network = construct(recipe.network, NETWORKS, section="network")
    state = begin(Supervised(network), recipe, accelerator)
    return Watch(recipe, Run(folder, recipe, resume=True), accelerator, told.append), state


def follow(watch: Watch, state: State, schedule: Schedule, steps: int) -> None:
    outcome = Outcome(torch.tensor(1.0), torch.tensor(0.5), {})
    for _ in range(steps):
        state.step += 1
        watch.after_step(state, outcome, schedule, 0.1)


def test_it_reports_and_measures_when_that_is_due(parse: Parse, tmp_path: Path) -> None:
    recipe = parse("optim.steps=10", "log.every=2", "log.validate_every=5")
    told: list[Progress] = []
    watch, state = watched(recipe, tmp_path, told)
    follow(watch, state, BySteps(recipe.optim), 10)
    assert [progress.step for progress in told] == [2, 4, 5, 6, 8, 10]
    assert watch.measured_at == 10
    with (tmp_path / "metrics.csv").open(newline="") as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [2, 4, 5, 6, 8, 10]


def test_nothing_is_measured_while_a_run_by_the_clock_cools_down(
    parse: Parse, tmp_path: Path
) -> None:
    recipe = parse("log.every=100", "log.validate_every=2")
    told: list[Progress] = []
    watch, state = watched(recipe, tmp_path, told)
    schedule = ByClock(recipe.optim, seconds=100.0, tail=lambda: 0.0, clock=lambda: 0.0)
    follow(watch, state, schedule, 4)
    assert watch.measured_at == 4
    schedule.knots = [(4, 1.0), (9, 0.0)]
    follow(watch, state, schedule, 4)
    assert watch.measured_at == 4


def test_states_are_kept_as_what_they_are_good_for(parse: Parse, tmp_path: Path) -> None:
    watch, state = watched(parse(), tmp_path, [])
    watch.save(state, "nothing")
    assert not list(tmp_path.glob("*.pt"))
    watch.save(state, "trunk")
    assert [path.name for path in tmp_path.glob("*.pt")] == ["trunk.pt"]
    watch.save(state, "checkpoint")
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["checkpoint.pt", "trunk.pt"]


def test_every_format_of_accelerate_has_its_name_here() -> None:
    assert set(FORMATS) == {"no", "bf16", "fp16"}
    assert set(FORMATS.values()) == {"fp32", "bf16", "fp16"}
