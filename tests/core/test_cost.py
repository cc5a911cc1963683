"""A step costs the same in a workflow of 200 steps and of 5,000: counted in lines and calls, not in seconds."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import pytest

from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.check import problems
from syncara.core.graph import Plan
from syncara.core.limits import RULES
from syncara.core.machine import advance, next_wake
from syncara.core.model import Step
from tests.core.build import HANDLERS, START, step, workflow

DEPENDENCIES = 3
GROWTH_MAX = 1.3

Advance = Callable[[Board, e.Fact], list[e.AnyEvent]]
Scenario = Callable[[int, Advance], Callable[[], None]]
"""Prepares a run of so many steps, and returns what lives through it."""


class Feeder:
    """A board, and the steps of which an attempt is to be answered."""

    def __init__(self, steps: Iterable[Step], advance_: Advance) -> None:
        self.board = Board(Plan(workflow(*steps, max_parallel_steps=50)))
        self.scheduled: list[str] = []
        self._advance = advance_

    def feed(self, fact: e.Fact) -> None:
        events = self._advance(self.board, fact)
        next_wake(self.board)
        self.scheduled += [event.step for event in events if isinstance(event, e.StepScheduled)]

    def start(self) -> None:
        self.feed(e.Started(START, "ex", "wf", self.board.plan.top, rules=RULES))

    def finish(self) -> None:
        """Every attempt succeeds, in the order of the starts."""
        for name in self.scheduled:  # grows while it runs
            self.feed(e.StepSucceeded(START, name, 1, 1))
        assert self.board.status == "completed"


def random_dag(count: int, advance_: Advance) -> Callable[[], None]:
    """Each step waits for three of the hundred before it."""
    chance = random.Random(count)
    after = [chance.sample(range(max(0, n - 100), n), min(n, DEPENDENCIES)) for n in range(count)]
    feeder = Feeder((step(f"S{n}", [f"S{d}" for d in each]) for n, each in enumerate(after)), advance_)

    def live() -> None:
        feeder.start()
        feeder.finish()

    return live


def blocked_fan_out(count: int, advance_: Advance) -> Callable[[], None]:
    """Every step is blocked for want of its handler, and told that it is back."""
    feeder = Feeder((step(f"S{n}") for n in range(count)), advance_)

    def live() -> None:
        feeder.start()
        for name in feeder.scheduled:  # grows while it runs
            feeder.feed(e.StepErred(START, name, 1, "unknown_handler", "gone"))
        names, feeder.scheduled = feeder.scheduled, []
        for name in names:
            feeder.feed(e.Signalled(START, name, "handler"))
        feeder.finish()

    return live


def watchers(count: int, advance_: Advance) -> Callable[[], None]:
    """Half of the steps are watchers that wait for a key of their own."""
    ordinary = [step(f"S{n}") for n in range(count // 2)]
    watching = [step(f"W{n}", condition=f"context.get('k{n}')") for n in range(count // 2)]
    feeder = Feeder([*ordinary, *watching], advance_)

    def live() -> None:
        feeder.start()
        feeder.finish()

    return live


def work_per_step(count: int, scenario: Scenario, advance_: Advance) -> float:
    """What a run costs."""
    return work_of(scenario(count, advance_)) / count


def work_of(job: Callable[[], object]) -> int:
    """Lines executed and functions called, C functions included."""
    work = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal work
        work += 1
        return line

    def call(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal work
        work += event in ("call", "c_call")

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(line)
    sys.setprofile(call)
    try:
        job()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return work


@pytest.mark.parametrize(
    ("scenario", "small", "large"), [(random_dag, 200, 5_000), (blocked_fan_out, 200, 1_000), (watchers, 200, 1_000)]
)
def test_a_step_costs_the_same_in_a_large_workflow(scenario: Scenario, small: int, large: int) -> None:
    """With the number of steps, the work for each of them grows by less than 1.3 times."""
    assert work_per_step(large, scenario, advance) < GROWTH_MAX * work_per_step(small, scenario, advance)


def test_looking_at_every_step_once_for_each_event_would_be_noticed() -> None:
    """The guard sees a scan over the steps, though it calls nothing."""

    def scanning(board: Board, fact: e.Fact) -> list[e.AnyEvent]:
        for node in board.nodes:
            if node is None:
                break
        return advance(board, fact)

    assert work_per_step(1_000, random_dag, scanning) > GROWTH_MAX * work_per_step(200, random_dag, scanning)


def check_of_wrong_names(count: int) -> float:
    """Per step, what the check costs of a workflow in which each of them names what does not exist."""
    wrong = [
        step(f"S{n}", [f"Aa{n}"], f"wrok{n}", condition=f"steps['Bb{n}'].data", params={"x": f"{{steps.Cc{n}.data}}"})
        for n in range(count)
    ]
    checked = workflow(*wrong)
    return work_of(lambda: problems(checked, HANDLERS)) / count


def test_a_wrong_name_costs_the_same_in_a_large_workflow() -> None:
    """Not every one of very many wrong names is compared with every one of very many names."""
    assert check_of_wrong_names(400) < GROWTH_MAX * check_of_wrong_names(40)
