"""What holds of the steps of every method that trains several modules in turn."""

from restore_cli.data.sample import Batch
from restore_cli.methods.base import Objective


def check_that_each_teaches_its_module_alone(objective: Objective, batch: Batch) -> None:
    """Each step's loss reaches all of its module and nothing of the others; its terms are told."""
    for step in objective.steps(batch):
        for module in objective.modules.values():
            module.zero_grad()
        step.loss.backward()
        for name, module in objective.modules.items():
            moved = [p.grad is not None for p in module.parameters()]
            assert all(moved) if name == step.module else not any(moved)
        assert not any(term.requires_grad for term in step.terms.values())
