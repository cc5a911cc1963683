"""Time in tests: it stands still, jumps when nothing is left to do, and lets a workflow run to its end at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from syncara.core.errors import ValidationError
from syncara.testing import FakeClock, VirtualLoop, run_to_end
from syncara.testing.clock import Idle


def test_fake_clock_moves_only_when_told() -> None:
    """Time passes by `advance`; `shift` sets the wall clock alone."""
    clock = FakeClock(1000.0)
    clock.advance(5)
    clock.shift(-60)
    assert (945.0, 5.0) == (clock.now(), clock.elapsed)


def test_virtual_loop_jumps_to_its_next_timer() -> None:
    """Sleepers wake in the order of their times, and no time is spent."""
    clock = FakeClock()
    loop = VirtualLoop(clock)
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(clock.elapsed)

    async def main() -> None:
        await asyncio.gather(*(sleeper(seconds) for seconds in (86_400, 5, 3600)))

    loop.run_until_complete(main())
    loop.discard()
    assert [5.0, 3600.0, 86_400.0] == woken


def test_virtual_loop_says_when_nothing_can_happen_any_more() -> None:
    """Waiting for what nothing will bring about raises Idle and does not hang."""
    loop = VirtualLoop(FakeClock())

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Idle):
        loop.run_until_complete(main())
    loop.discard()


def test_virtual_loop_runs_thread_jobs_in_place() -> None:
    """What is meant for a thread pool runs at once, so that time cannot jump past it."""
    loop = VirtualLoop(FakeClock())
    assert 8 == loop.run_until_complete(asyncio.wait_for(loop.create_task(asyncio.to_thread(pow, 2, 3)), 1))
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(loop.run_in_executor(None, divmod, 1, 0))
    loop.discard()


def test_discarded_loop_leaves_no_task_behind() -> None:
    """Unfinished work is dropped without a warning, even when it does not want to end."""
    loop = VirtualLoop(FakeClock())

    async def stubborn() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(100)

    async def main() -> None:
        task = asyncio.ensure_future(stubborn())
        await asyncio.sleep(1)
        assert not task.done()

    loop.run_until_complete(main())
    loop.discard()
    assert loop.is_closed()


def test_run_to_end_takes_a_workflow_to_its_final_status_at_once() -> None:
    """Handlers of both kinds are called, delays and retry waits take no time, and the clock shows how long it was."""
    calls: list[tuple[str, int]] = []

    async def flaky(step: Any, execution: Any) -> int:
        calls.append((step.name, execution.attempt))
        if execution.attempt == 1:
            raise RuntimeError("not yet")
        return int(step.params["amount"]) * 2

    def plain(step: Any, execution: Any) -> str:
        calls.append((step.name, execution.attempt))
        return "done"

    workflow = {
        "name": "Order",
        "steps": [
            {"name": "Charge", "handler": "flaky", "params": {"amount": "{context.amount}"}, "save_as": "charged"},
            {"name": "Wait", "handler": "delay", "params": {"seconds": 600}, "dependencies": ["Charge"]},
            {"name": "Ship", "handler": "plain", "dependencies": ["Wait"]},
        ],
    }
    clock = FakeClock()
    execution = run_to_end(workflow, {"flaky": flaky, "plain": plain}, context={"amount": 21}, clock=clock)
    assert ("completed", 42) == (execution.status, execution.context["charged"])
    assert [("Charge", 1), ("Charge", 2), ("Ship", 1)] == calls
    assert 605 <= clock.elapsed <= 606


def test_run_to_end_refuses_what_cannot_run() -> None:
    """A definition with problems raises ValidationError, as execute_workflow does."""
    with pytest.raises(ValidationError, match="nobody"):
        run_to_end({"name": "Order", "steps": [{"name": "Charge", "handler": "nobody"}]})
