"""An event costs the same in a workflow of 200 steps and of 5,000: counted in lines and calls, not in seconds."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.graph import Plan
from syncara.core.limits import RULES
from syncara.core.machine import advance, next_wake
from tests.core.build import START, step, workflow

SMALL, LARGE = 200, 5_000
DEPENDENCIES = 3
GROWTH_MAX = 1.3

Advance = Callable[[Board, e.Fact], list[e.AnyEvent]]


def dag(count: int) -> Plan:
    """A random DAG in which each step waits for three of the hundred before it."""
    chance = random.Random(count)
    return Plan(
        workflow(
            *(
                step(f"S{n}", [f"S{d}" for d in chance.sample(range(max(0, n - 100), n), min(n, DEPENDENCIES))])
                for n in range(count)
            ),
            max_parallel_steps=50,
        )
    )


def run_to_end(plan: Plan, advance_: Advance) -> None:
    """Every step succeeds, in the order of the starts."""
    board = Board(plan)
    events = advance_(board, e.Started(START, "ex", "wf", plan.top, rules=RULES))
    waiting = [event.step for event in events if isinstance(event, e.StepScheduled)]
    for name in waiting:  # grows while it runs
        events = advance_(board, e.StepSucceeded(START, name, 1, 1))
        next_wake(board)
        waiting += [event.step for event in events if isinstance(event, e.StepScheduled)]
    assert board.status == "completed"


def work_per_step(count: int, advance_: Advance) -> float:
    """Lines executed and functions called, C functions included, per step of a run."""
    work = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal work
        work += 1
        return line

    def call(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal work
        work += event in ("call", "c_call")

    plan = dag(count)
    before = sys.gettrace(), sys.getprofile()
    sys.settrace(line)
    sys.setprofile(call)
    try:
        run_to_end(plan, advance_)
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return work / count


def test_a_step_costs_the_same_in_a_large_workflow() -> None:
    """From 200 steps to 5,000, the work for a step grows by less than 1.3 times."""
    assert work_per_step(LARGE, advance) < GROWTH_MAX * work_per_step(SMALL, advance)


def test_looking_at_every_step_once_for_each_event_would_be_noticed() -> None:
    """The guard sees a scan over the steps, though it calls nothing."""

    def scanning(board: Board, fact: e.Fact) -> list[e.AnyEvent]:
        for node in board.nodes:
            if node is None:
                break
        return advance(board, fact)

    assert work_per_step(1_000, scanning) > GROWTH_MAX * work_per_step(SMALL, scanning)
