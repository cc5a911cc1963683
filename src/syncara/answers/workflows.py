"""Definitions: made, extended, deleted, listed, and drawn as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from syncara.answers.fit import DETAIL_CHARS, LEAD_CHARS, NAME_CHARS, fitted
from syncara.answers.model import Answer, AnyPart, Code, Icon, Line, Strong, Text, message
from syncara.answers.text import cut, few, span
from syncara.answers.tree import DOT
from syncara.core.graph import topological
from syncara.core.limits import GROUP_DEPTH_MAX
from syncara.core.model import GROUP, Step, Workflow

DEPTH_MAX = 8
"""Of a tree as it is drawn; what lies deeper stands at this depth and names the step before it."""
PARENTS_SHOWN = 5


def workflow_made(workflow: Workflow) -> Answer:
    made = message("made.workflow", name=Strong(cut(workflow.name, LEAD_CHARS)))
    return Answer((Line((Icon("workflow"), made, *_size(workflow), DOT, Code(workflow.id))),))


def step_added(workflow_name: str, step_name: str, number: int) -> Answer:
    """`number` counts from 1, since the workflow was made."""
    name, workflow = Strong(cut(step_name, LEAD_CHARS)), Text(cut(workflow_name, LEAD_CHARS))
    return Answer((Line((Icon("added"), message("made.step", number=number, name=name, workflow=workflow))),))


def workflow_deleted(id: str, name: str) -> Answer:
    deleted = message("made.deleted", name=Strong(cut(name, LEAD_CHARS)))
    return Answer((Line((Icon("deleted"), deleted, DOT, Code(cut(id, NAME_CHARS)))),))


def workflow_list(workflows: Sequence[Workflow], page: int, more: bool) -> Answer:
    """A page of definitions, which need not hold their steps; `more`: there is another one."""
    if not workflows:
        return Answer((Line((message("list.no_workflows"),)),))
    tail = (Line((message("list.more", page=page + 1),)),) if more else ()
    return fitted((Line((message("list.workflows", page=page),)),), workflows, _listed, tail)


def _listed(workflow: Workflow) -> Line:
    said = (DOT, Text(cut(workflow.description, DETAIL_CHARS))) if workflow.description else ()
    return Line((Icon("workflow"), Strong(cut(workflow.name, NAME_CHARS)), DOT, Code(workflow.id), *said), 0)


def _size(workflow: Workflow) -> tuple[AnyPart, ...]:
    return (DOT, message("made.size", n=len(workflow.steps))) if workflow.steps else ()


# The tree.


class _Branch(NamedTuple):
    depth: int
    step: Step
    icon: str
    after: Sequence[str] = ()
    """The steps that it also depends on, beside the one it stands under."""


def workflow_tree(workflow: Workflow) -> Answer:
    """The definition by its dependencies: each step once, under the last of the steps that it comes after."""
    size = _size(workflow) or (DOT, message("made.empty"))
    limits = message("tree.limits", n=workflow.max_parallel_steps, span=Text(span(workflow.global_timeout)))
    head = (
        Line((Icon("workflow"), Strong(cut(workflow.name, LEAD_CHARS)), *size, DOT, Code(workflow.id))),
        Line((Text(cut(workflow.description, LEAD_CHARS)),)),
        Line((limits,)),
    )
    return fitted(head, list(branches(workflow.steps)), drawn)


def drawn(branch: _Branch) -> Line:
    step = branch.step
    parts: list[AnyPart] = [Icon(branch.icon), Text(cut(step.name, NAME_CHARS))]
    parts += [DOT, Code(cut(step.handler, NAME_CHARS))]
    if branch.after:
        names = Text(few(branch.after, PARENTS_SHOWN, NAME_CHARS // 2))
        parts += [DOT, message("tree.after", steps=names)]
    if step.condition:
        parts += [DOT, message("tree.condition", condition=Code(cut(step.condition, DETAIL_CHARS)))]
    if step.run_when != "none_failed":
        parts += [DOT, message(f"tree.{step.run_when}")]
    if step.on_error == "continue":
        parts += [DOT, message("tree.continue")]
    return Line(tuple(parts), branch.depth)


def branches(steps: Sequence[Step]) -> Iterator[_Branch]:
    """Also of a definition that could not run: unknown dependencies are named, steps on a circle stand as roots."""
    places = {step.name: i for i, step in enumerate(steps)} | {step.id: i for i, step in enumerate(steps)}
    parents = [tuple(dict.fromkeys(places[d] for d in step.dependencies if d in places)) for step in steps]
    hosts = _hosts(parents)
    children: dict[int | None, list[int]] = {}
    for i, host in enumerate(hosts):
        children.setdefault(host, []).append(i)
    stack = [(i, 0) for i in reversed(children.get(None, []))]
    while stack:
        i, depth = stack.pop()
        above = hosts[i] if depth <= DEPTH_MAX else None
        after = [_name(steps, places, d) for d in steps[i].dependencies if above is None or places.get(d) != above]
        yield _Branch(min(depth, DEPTH_MAX), steps[i], "then" if depth else "step", list(dict.fromkeys(after)))
        yield from _tasks(steps[i].params, min(depth, DEPTH_MAX) + 1, steps[i].handler)
        stack += [(child, depth + 1) for child in reversed(children.get(i, []))]


def _hosts(parents: Sequence[tuple[int, ...]]) -> list[int | None]:
    """For each step the one it is drawn under: of those it depends on, the one farthest from the beginning."""
    followers: list[list[int]] = [[] for _ in parents]
    for i, mine in enumerate(parents):
        for parent in mine:
            followers[parent].append(i)
    depths = [0] * len(parents)
    hosts: list[int | None] = [None] * len(parents)
    for i in topological(list(parents), followers):
        if parents[i]:
            hosts[i] = max(parents[i], key=lambda parent: depths[parent])
            depths[i] = 1 + max(depths[parent] for parent in parents[i])
    return hosts


def _name(steps: Sequence[Step], places: dict[str, int], dependency: str) -> str:
    return steps[places[dependency]].name if dependency in places else dependency


def _tasks(params: dict[str, Any], depth: int, handler: str, within: int = 0) -> Iterator[_Branch]:
    """The tasks of a group, each under it; what is not written as a task should be is left out."""
    tasks = params.get("tasks")
    if handler != GROUP or not isinstance(tasks, list) or within >= GROUP_DEPTH_MAX:
        return
    for task in tasks:
        if not isinstance(task, dict) or not isinstance(task.get("params", {}), dict):
            continue
        step = Step("", str(task.get("name")), str(task.get("handler")), condition=_text(task.get("condition")))
        yield _Branch(depth, step, "task")
        yield from _tasks(task.get("params", {}), depth + 1, step.handler, within + 1)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
