"""delay: a wake time in the journal, never a sleeping task."""

from __future__ import annotations

import pytest

from syncara.core import events as e
from tests.core.build import START, Run, delay, group, kinds, step, task


def test_a_delay_writes_its_wake_time_into_the_journal() -> None:
    """The moment is fixed when the delay begins, and no handler is called."""
    run = Run(delay("A", 60))

    assert e.StepSlept(START, "A", 60, START + 60) == run.only(e.StepSlept)
    assert ([], "delayed", START + 60) == (run.scheduled, run.statuses["A"], run.node("A").wake_at)
    assert START + 60 == run.wake


def test_a_delay_is_over_at_its_wake_time() -> None:
    """The tick at that moment completes it with its seconds as data, and its followers start."""
    run = Run(delay("A", 60, save_as="waited"), step("B", ["A"]))
    assert [] == run.tick(after=59.999)

    run.tick()

    assert ["Ticked", "StepWoke", "StepScheduled"] == kinds(run.last)
    assert {"seconds": 60} == run.node("A").data == run.context["waited"]


def test_any_fact_after_its_wake_time_ends_a_delay() -> None:
    """A delay needs no tick of its own when something else happens late enough."""
    run = Run(delay("A", 60), step("B"))

    run.succeed("B", after=100)

    assert ["StepSucceeded", "StepWoke", "Finished"] == kinds(run.last)


def test_delays_end_in_the_order_of_their_wake_times() -> None:
    """After a long absence all that is due ends in one transaction, the earliest first."""
    run = Run(delay("Late", 60), delay("Early", 30), delay("Later", 90))

    run.tick(after=70)

    assert ["Early", "Late"] == [event.step for event in run.made(e.StepWoke)]
    assert START + 90 == run.wake


@pytest.mark.parametrize("seconds", [0, 0.0])
def test_a_delay_of_no_time_is_over_at_once(seconds: float) -> None:
    """It begins and ends in one transaction."""
    run = Run(delay("A", seconds))

    assert ["Started", "StepSlept", "StepWoke", "Finished"] == kinds(run.last)


def test_the_seconds_of_a_delay_may_come_from_the_context() -> None:
    """A placeholder that is the whole string keeps the number's type."""
    run = Run(delay("A", "{context.pause}"), context={"pause": 2.5})

    assert START + 2.5 == run.node("A").wake_at


def test_a_crash_does_not_lengthen_a_delay() -> None:
    """The wake time stands in the journal, in whatever process."""
    run = Run(delay("A", 60), step("B"))

    run.lose_runner(after=50)

    assert START + 60 == run.wake


def test_a_delay_in_a_group_is_a_task_like_any_other() -> None:
    """It holds a slot and gives its seconds as result."""
    run = Run(group("G", task("wait", "delay", params={"seconds": 5}), task("a")), max_parallel_steps=1)
    assert {"G": "running", "G/wait": "delayed", "G/a": "pending"} == run.statuses

    run.tick()
    run.succeed("G/a")

    assert {"wait": {"seconds": 5}, "a": None} == run.node("G").data
