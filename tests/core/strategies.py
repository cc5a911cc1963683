"""Random workflows, and random things that happen to their executions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.graph import Plan
from syncara.core.limits import RULES
from syncara.core.machine import advance, next_wake
from syncara.core.model import Step
from tests.core.build import START, delay, group, step, task, workflow

STEPS_MIN, STEPS_MAX = 2, 6
FACTS_MAX = 25

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=6,
)
"""What JSON gives back unchanged."""

CONDITIONS = (
    "context.get('x', 0) > 0",
    "context.get('y', 0) > 0",
    "context.missing > 1",
    "context.get('error_occurred')",
    "steps['S0'].status == 'completed'",
    "steps['S1'].data == 1",
    "context.get(context.get('k', 'x')) == 1",
    "True",
    "False",
)
FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "on_error": st.sampled_from(["fail", "continue"]),
        "on_crash": st.sampled_from(["retry", "retry", "retry", "fail", "ask"]),
        "retry_count": st.sampled_from([2, 1, 0]),
        "retry_delay": st.sampled_from([5, 0, 40]),
        "save_as": st.sampled_from([None, "x", "y"]),
    }
)
"""Fields of steps and of tasks alike."""
PARAMS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {}, {"v": "{context.x|0}"}, {"v": "{steps.S0.data}"}, {"v": "{context.missing}"}]
)
CHANGES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {"x": 1}, {"y": 1, "x": 0}, {"k": "y", "y": 2}, {"y": 1, "x": 1}]
)
SECONDS = st.sampled_from([0, 0, 0, 0, 1, 10, 100])
"""From one fact to the next; that a clock may be set back is a test of its own."""


@dataclass(frozen=True)
class Walk:
    """An execution and what happened to it."""

    plan: Plan
    facts: list[e.Fact]
    journal: list[e.AnyEvent]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A compiled workflow of delays, groups, watchers, and steps with every field that the machine reads."""
    count = draw(st.integers(STEPS_MIN, STEPS_MAX))
    return Plan(
        workflow(
            *(draw(steps(n)) for n in range(count)),
            max_parallel_steps=draw(st.integers(1, 4)),
            global_timeout=draw(st.sampled_from([1800, 120])),
            recovery_timeout=draw(st.sampled_from([300, 30])),
            auto_retry=draw(st.sampled_from([True, True, True, False])),
        )
    )


@st.composite
def steps(draw: st.DrawFn, number: int) -> Step:
    """One step, with dependencies among those before it."""
    name = f"S{number}"
    after = draw(st.lists(st.integers(0, number - 1), unique=True, max_size=2)) if number else []
    rules = ["none_failed", "none_failed", "all_settled"]
    if after:
        rules += ["any_succeeded", "any_failed", "all_succeeded"]
    fields: dict[str, Any] = {
        "after": [f"S{n}" for n in after],
        "condition": draw(st.sampled_from([None, None, None, *CONDITIONS])) if number else None,
        "run_when": draw(st.sampled_from(rules)),
        **draw(FIELDS),
    }
    match draw(st.sampled_from(["work", "work", "work", "work", "delay", "group"])):
        case "delay":
            return delay(name, draw(st.sampled_from([5, 30, 0])), **fields)
        case "group":
            return group(name, *(task(f"t{n}", **draw(FIELDS)) for n in range(draw(st.integers(1, 3)))), **fields)
        case _:
            return step(name, params=draw(PARAMS), **fields)


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    """Facts one after the other, each one that could come from outside at that moment."""
    plan = draw(plans())
    board = Board(plan)
    start_at = draw(st.sampled_from([None, None, None, START + 10]))
    facts: list[e.Fact] = [e.Started(START, "ex", "wf", plan.top, {"x": 0}, start_at=start_at, rules=RULES)]
    journal = advance(board, facts[0])
    for _ in range(FACTS_MAX):
        if board.status.final:
            break
        happening = draw(st.sampled_from(possible(board)))
        facts.append(happening(board.now + draw(SECONDS), draw(CHANGES)))
        journal += advance(board, facts[-1])
    return Walk(plan, facts, journal)


Happening = Callable[[float, dict[str, Any]], e.Fact]


def possible(board: Board) -> list[Happening]:
    """What can happen to an execution now; the time and the changes of a handler are still open."""
    found: list[Happening] = []
    if board.paused:
        found += [lambda at, _: e.Resumed(at)] * 4
    for one, node in zip(board.plan.steps, board.nodes, strict=True):
        if node is not None and node.status == "running" and one.handler == "work":
            found += of_attempt(one.name, node.attempts)
        elif node is not None and node.status in ("waiting", "blocked"):
            found += of_wait(one.name, node.signal)
    wake = next_wake(board)
    if wake is not None:
        found += [lambda _at, _: e.Ticked(wake)] * (6 if wake < board.deadline else 1)
    return [
        *found,
        lambda at, _: e.Ticked(at),
        lambda at, _: e.Resumed(at) if board.paused else e.Paused(at),
        lambda at, _: e.Cancelled(at, "enough"),
    ]


def of_attempt(name: str, attempt: int) -> list[Happening]:
    return [
        *[lambda at, changes: e.StepSucceeded(at, name, attempt, len(changes), changes)] * 6,
        *[lambda at, _: e.StepErred(at, name, attempt, "error", "boom")] * 2,
        *[lambda at, _: e.RunnerLost(at)] * 2,
        lambda at, _: e.RunnerLost(at, clean=True),
        lambda at, _: e.StepSucceeded(at, name, attempt, None, {}, ("x",)),
        lambda at, _: e.StepSucceeded(at, name, attempt - 1, "late"),
        lambda at, _: e.StepErred(at, name, attempt, "error", "boom", retryable=False),
        lambda at, _: e.StepErred(at, name, attempt, "error", "busy", retry_after=30),
        lambda at, _: e.StepErred(at, name, attempt, "unknown_handler", "gone"),
    ]


def of_wait(name: str, signal: str) -> list[Happening]:
    return [
        *[lambda at, _: e.Signalled(at, name, signal, "retry")] * 6,
        lambda at, _: e.Signalled(at, name, signal, "fail" if signal == "on_crash" else None),
        lambda at, _: e.Signalled(at, name, "other"),
    ]
