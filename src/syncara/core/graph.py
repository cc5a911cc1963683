"""A definition made ready to run: names resolved, conditions and placeholders compiled, followers indexed.

A Plan is built once per definition, is never changed afterwards, and is shared by all its executions. Steps go by their
index: the top-level steps in definition order, then the tasks of groups, each a step named `Group/Task`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from syncara.core.expressions import Condition, compile_condition
from syncara.core.model import CONDITION_CHECK, GROUP, Step, Workflow
from syncara.core.placeholders import Template, compile_params

ERROR_KEYS = frozenset({"error_occurred", "failed_step", "last_error", "errors"})
"""Context keys that the machine sets when a step fails for good; a result cannot be saved under them."""

_LITERAL = frozenset({GROUP, CONDITION_CHECK})
"""Handlers whose params are never rendered: a group's tasks are rendered one by one, a condition never."""


class Plan:
    __slots__ = (
        "conditions",
        "dependencies",
        "followers",
        "group_watchers",
        "index",
        "parents",
        "recovery",
        "steps",
        "tasks",
        "templates",
        "tolerated",
        "top",
        "watchers",
        "watchers_of_context",
        "watchers_of_steps",
        "workflow",
    )

    def __init__(self, workflow: Workflow) -> None:
        """Raises KeyError or ConditionError for a definition in which `check.problems` would find something."""
        self.workflow = workflow
        self.steps: list[Step] = list(workflow.steps)
        self.top = len(self.steps)
        self.parents = [-1] * self.top
        self.tasks: dict[int, range] = {}
        self._add_tasks()
        self.index = {step.name: i for i, step in enumerate(self.steps)}
        places = {**self.index, **{step.id: i for i, step in enumerate(self.steps)}}
        self.dependencies: list[tuple[int, ...]] = [
            tuple(dict.fromkeys([places[d] for d in step.dependencies])) if step.dependencies else ()
            for step in self.steps
        ]
        followers: list[list[int]] = [[] for _ in self.steps]
        for i, dependencies in enumerate(self.dependencies):
            for dependency in dependencies:
                followers[dependency].append(i)
        # As tuples of numbers they are no work for the garbage collector.
        self.followers = [tuple(each) for each in followers]
        self.conditions: list[Condition | None] = [
            compile_condition(step.condition) if step.condition else None for step in self.steps
        ]
        self.templates: list[Template | None] = [
            compile_params(step.params, self.index) if step.params and step.handler not in _LITERAL else None
            for step in self.steps
        ]
        self._index_watchers()
        self.recovery = self._recovery()
        self.tolerated = self._tolerated()

    def _add_tasks(self) -> None:
        """Append the tasks of every group, groups within groups included."""
        for i, step in enumerate(self.steps):  # grows while it runs
            if step.handler == GROUP:
                tasks = list(tasks_of(step))
                self.tasks[i] = range(len(self.steps), len(self.steps) + len(tasks))
                self.steps += tasks
                self.parents += [i] * len(tasks)

    def _index_watchers(self) -> None:
        self.watchers = [i for i in range(self.top) if self.conditions[i] is not None and not self.dependencies[i]]
        self.group_watchers = [i for i in self.watchers if self.steps[i].handler == GROUP]
        self.watchers_of_context: dict[str | None, list[int]] = {}
        self.watchers_of_steps: dict[str | None, list[int]] = {}
        for i in self.watchers:
            condition = self.conditions[i]
            assert condition is not None
            for kind, key in condition.reads:
                readers = self.watchers_of_context if kind == "context" else self.watchers_of_steps
                readers.setdefault(key, []).append(i)

    def _recovery(self) -> bytearray:
        """1 for each step that may start after the run began to fail."""
        flags = bytearray(len(self.steps))
        watchers = set(self.watchers)
        for i, step in enumerate(self.steps):
            if self.parents[i] < 0:
                flags[i] = step.run_when in ("any_failed", "all_settled") or (i in watchers and self._reads_errors(i))
        for i in self.order() if any(flags) else ():
            dependencies = self.dependencies[i]
            if dependencies and all(flags[d] for d in dependencies):
                flags[i] = 1
        for i in range(self.top, len(self.steps)):
            flags[i] = flags[self.parents[i]]
        return flags

    def _tolerated(self) -> bytearray:
        """1 for each step whose failure leaves the run going: it, or a group around it, says `continue`."""
        flags = bytearray(step.on_error == "continue" for step in self.steps)
        for i in range(self.top, len(self.steps)):  # a group comes before its tasks
            flags[i] |= flags[self.parents[i]]
        return flags

    def _reads_errors(self, i: int) -> bool:
        condition = self.conditions[i]
        return condition is not None and any(
            kind == "steps" or key is None or key in ERROR_KEYS for kind, key in condition.reads
        )

    def order(self) -> list[int]:
        """Top-level steps, each after its dependencies; those on a cycle are missing."""
        return topological(self.dependencies[: self.top], self.followers)


def topological(dependencies: list[tuple[int, ...]], followers: Sequence[Sequence[int]]) -> list[int]:
    """Indices, each after its dependencies; those on or behind a cycle are missing."""
    open_count = [len(d) for d in dependencies]
    order = [i for i, count in enumerate(open_count) if count == 0]
    for i in order:  # grows while it runs
        for follower in followers[i]:
            open_count[follower] -= 1
            if open_count[follower] == 0:
                order.append(follower)
    return order


def tasks_of(group: Step) -> Iterator[Step]:
    """The tasks of a group as steps `Group/Task`, with ids that follow from the group's."""
    for number, entry in enumerate(group.params["tasks"]):
        identity = {"id": f"{group.id}.{number}", "name": f"{group.name}/{entry['name']}"}
        yield msgspec.convert({**entry, **identity}, Step)
