"""Runs without a runtime: a workflow in a few words, a board with its journal, and facts as method calls."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec

from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.check import problems
from syncara.core.graph import Plan
from syncara.core.limits import RULES
from syncara.core.machine import advance, fold, next_wake
from syncara.core.model import Step, Workflow
from syncara.core.node import Node

START = 1_000.0
"""When runs start, unless a test says otherwise."""
HANDLERS = {"work": None, "condition_check": None}
"""The handlers that definitions of these tests use, beside those of the core."""
QUEUES = frozenset({"timers", "prompt", "ready", "due", "joins", "sweep", "leftover", "dirty"})
"""What may hold entries of steps that have gone on since. Whether they count shows in the next decisions."""
RUNS: list[Run] = []
"""Every run of the test under way; conftest.py folds their journals when it ends."""

EventT = TypeVar("EventT", bound=e.Event)


def step(name: str, after: Collection[str] = (), handler: str = "work", **fields: Any) -> Step:
    """A step; `after` are its dependencies."""
    return Step(id=f"id of {name}", name=name, handler=handler, dependencies=tuple(after), **fields)


def delay(name: str, seconds: Any, after: Collection[str] = (), **fields: Any) -> Step:
    return step(name, after, "delay", params={"seconds": seconds}, **fields)


def group(name: str, *tasks: dict[str, Any], after: Collection[str] = (), **fields: Any) -> Step:
    return step(name, after, "parallel_group", params={"tasks": list(tasks)}, **fields)


def task(name: str, handler: str = "work", **fields: Any) -> dict[str, Any]:
    """A task of a group, as a user writes it."""
    return {"name": name, "handler": handler, **fields}


def workflow(*steps: Step, **fields: Any) -> Workflow:
    return Workflow(id="wf", name="Flow", steps=steps, **fields)


class Run:
    """An execution under test. Each method is one fact, and returns the events that came of it."""

    def __init__(
        self,
        *steps: Step,
        context: dict[str, Any] | None = None,
        start_at: float | None = None,
        approve_by: float | None = None,
        **fields: Any,
    ) -> None:
        definition = workflow(*steps, **fields)
        assert [] == problems(definition, HANDLERS)
        self.plan = Plan(definition)
        self.board = Board(self.plan)
        self.journal: list[e.AnyEvent] = []
        self.last: list[e.AnyEvent] = []
        """What came of the last fact."""
        RUNS.append(self)
        started = e.Started(START, "ex", "wf", len(steps), context or {}, start_at=start_at, rules=RULES)
        self.feed(msgspec.structs.replace(started, approve_by=approve_by))

    # Facts. `after` is how many seconds after the latest event it happens.

    def feed(self, fact: e.Fact) -> list[e.AnyEvent]:
        self.last = advance(self.board, fact)
        self.journal += self.last
        return self.last

    def succeed(self, name: str, data: Any = None, *, after: float = 0.0, **fields: Any) -> list[e.AnyEvent]:
        return self.feed(e.StepSucceeded(self.now + after, name, self.node(name).attempts, data, **fields))

    def err(
        self, name: str, error: str = "boom", *, code: str = "error", after: float = 0.0, **fields: Any
    ) -> list[e.AnyEvent]:
        return self.feed(e.StepErred(self.now + after, name, self.node(name).attempts, code, error, **fields))

    def fail(self, name: str, error: str = "boom", **fields: Any) -> list[e.AnyEvent]:
        """An error after which no attempt can help."""
        return self.err(name, error, retryable=False, **fields)

    def tick(self, after: float | None = None) -> list[e.AnyEvent]:
        """Time passes; until the next wake when `after` is not given."""
        wake = self.wake
        assert after is not None or wake is not None
        return self.feed(e.Ticked(self.now + after if after is not None else wake or 0.0))

    def pause(self, *, after: float = 0.0) -> list[e.AnyEvent]:
        return self.feed(e.Paused(self.now + after))

    def resume(self, *, after: float = 0.0) -> list[e.AnyEvent]:
        return self.feed(e.Resumed(self.now + after))

    def cancel(self, reason: str = "", *, after: float = 0.0) -> list[e.AnyEvent]:
        return self.feed(e.Cancelled(self.now + after, reason))

    def lose_runner(self, *, clean: bool = False, after: float = 0.0) -> list[e.AnyEvent]:
        return self.feed(e.RunnerLost(self.now + after, clean))

    def signal(self, name: str, signal: str, data: Any = None, *, after: float = 0.0) -> list[e.AnyEvent]:
        return self.feed(e.Signalled(self.now + after, name, signal, data))

    # What came of them.

    @property
    def now(self) -> float:
        return self.board.now

    @property
    def wake(self) -> float | None:
        return next_wake(self.board)

    @property
    def status(self) -> str:
        return str(self.board.status)

    @property
    def context(self) -> dict[str, Any]:
        return self.board.context

    @property
    def statuses(self) -> dict[str, str]:
        """The status of every step that exists, by name."""
        steps = zip(self.plan.steps, self.board.nodes, strict=True)
        return {step.name: str(node.status) for step, node in steps if node is not None}

    @property
    def running(self) -> list[str]:
        """The steps in a handler, in the order of their start."""
        return [self.plan.steps[i].name for i in self.board.running]

    @property
    def scheduled(self) -> list[str]:
        """The steps of which the last fact let an attempt begin, in order."""
        return [event.step for event in self.made(e.StepScheduled)]

    def node(self, name: str) -> Node:
        return self.board.node(name)

    def made(self, kind: type[EventT]) -> list[EventT]:
        """The events of one kind that came of the last fact."""
        return [event for event in self.last if isinstance(event, kind)]

    def only(self, kind: type[EventT]) -> EventT:
        """The one event of its kind that came of the last fact."""
        (event,) = self.made(kind)
        return event

    def replayed(self) -> Board:
        """A fresh board that has taken the journal."""
        return fold(Board(self.plan), self.journal)


def kinds(events: Collection[e.Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def state(board: Board) -> dict[str, Any]:
    """Every field of the board and its nodes but the queues, for comparing two boards."""
    names = set(Board.__slots__) - {*QUEUES, "plan"}
    fields = {name: getattr(board, name) for name in sorted(names)}
    fields |= {"running": [*board.running], "again": [*board.again], "owed": [*board.owed.items()]}  # in order
    fields["nodes"] = [node and {name: getattr(node, name) for name in Node.__struct_fields__} for node in board.nodes]
    return fields


def journaled_state(board: Board) -> dict[str, Any]:
    """`state` without the time: a tick that changed nothing moves it, and leaves no trace in the journal."""
    return {name: value for name, value in state(board).items() if name != "now"}
