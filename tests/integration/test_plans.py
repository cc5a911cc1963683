"""What is kept of definitions: read, checked and compiled once, for as many as fit."""

from __future__ import annotations

import pytest

from syncara.core.errors import NotFoundError, Problem, ValidationError
from syncara.core.model import Workflow
from syncara.plans import KEPT, Plans
from syncara.stores.memory import MemoryStore
from tests.stores.samples import step, workflow

WRONG = Problem("wrong", "step 'wrong'", "it is wrong", "mend it")


class Checks:
    """Stands for the handlers, which say what is wrong with a definition: a step named `wrong`."""

    def __init__(self) -> None:
        self.version = 1
        self.asked: list[str] = []

    def problems(self, definition: Workflow) -> list[Problem]:
        self.asked.append(definition.id)
        return [WRONG for each in definition.steps if each.name == "wrong"]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
def plans(store: MemoryStore, checks: Checks) -> Plans:
    return Plans(store, checks.problems, lambda: checks.version)


async def test_a_definition_is_checked_once_for_all_its_starts(
    plans: Plans, store: MemoryStore, checks: Checks
) -> None:
    """And again when it has more steps, or the handlers are others; its plan stays the same."""
    store.save_workflow(workflow("w", "a"))
    first = plans.runnable("w")

    assert first is plans.runnable("w") is plans.get("w", 1)
    assert ["w"] == checks.asked
    checks.version += 1
    assert first is plans.runnable("w")
    assert ["w", "w"] == checks.asked
    store.add_steps("w", [step("b")])
    plans.changed("w")
    assert 2 == len(plans.runnable("w").steps)
    assert ["w", "w", "w"] == checks.asked


async def test_a_definition_that_is_wrong_can_be_looked_at_and_not_run(plans: Plans, store: MemoryStore) -> None:
    """What was compiled for an older execution is no proof."""
    store.save_workflow(workflow("w", "wrong"))

    assert "wrong" == plans.get("w", 1).steps[0].name
    with pytest.raises(ValidationError) as caught:
        plans.runnable("w")
    assert (WRONG,) == caught.value.problems


async def test_what_was_not_used_for_long_is_dropped_with_what_was_found_of_it(
    plans: Plans, store: MemoryStore, checks: Checks
) -> None:
    """However many definitions are started, as much is kept as fits."""
    for number in range(KEPT + 1):
        store.save_workflow(workflow(f"w{number}", "a"))
        plans.runnable(f"w{number}")
    checks.asked.clear()
    plans.runnable(f"w{KEPT}")
    plans.runnable("w0")

    assert ["w0"] == checks.asked


async def test_a_deleted_definition_is_known_to_its_executions_only(plans: Plans, store: MemoryStore) -> None:
    """Whoever starts it is told of the nearest that there is."""
    store.save_workflow(workflow("wf_12", "a"))
    store.save_workflow(workflow("wf_34", "a"))
    store.delete_workflow("wf_34")

    with pytest.raises(NotFoundError) as caught:
        plans.runnable("wf_34")
    assert "Did you mean 'wf_12'?" == caught.value.problem.fix
    with pytest.raises(NotFoundError):
        plans.get("wf_56", 1)
    assert "wf_34" == plans.get("wf_34", 1).workflow.id
