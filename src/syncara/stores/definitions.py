"""What every store checks about steps before it adds them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from syncara.core.errors import NotFoundError, Problem, StorageError, ValidationError
from syncara.core.model import Step


def refuse_duplicates(steps: Sequence[Step], names: Collection[str] = (), ids: Collection[str] = ()) -> None:
    """Raise ValidationError for every name or id that is among those taken, or twice among `steps`."""
    problems = [*_duplicates(steps, "name", set(names)), *_duplicates(steps, "id", set(ids))]
    if problems:
        raise ValidationError(problems)


def id_in_use(workflow_id: str, where: str) -> StorageError:
    fix = "give the new one an id of its own; an id is not used again, even after a delete"
    return StorageError("duplicate", f"there is a workflow with the id '{workflow_id}' already", where, fix)


def unknown_workflow(workflow_id: str) -> NotFoundError:
    fix = "make it first, or look at the list of workflows"
    return NotFoundError("unknown_workflow", "there is no such workflow", f"workflow '{workflow_id}'", fix)


def other_steps(workflow_id: str, expected: int, found: int) -> StorageError:
    message = f"the workflow has {found} steps by now; {expected} were expected"
    return StorageError("conflict", message, f"workflow '{workflow_id}'", "read it again, and add to what it is now")


def _duplicates(steps: Sequence[Step], field: str, taken: set[str]) -> Iterator[Problem]:
    for step in steps:
        value = getattr(step, field)
        if value in taken:
            message = f"the workflow has a step of the {field} '{value}' already"
            yield Problem("duplicate_step", f"step '{step.name}'", message, f"give each step its own {field}")
        taken.add(value)
