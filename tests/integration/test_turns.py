"""Handlers that run on the event loop leave it to others, however many of them wait."""

from __future__ import annotations

import asyncio
from typing import Any

from syncara.abc import Handler
from syncara.runtimes.driver import Call, ExecutionInput, StepInput
from syncara.runtimes.hands import TURN_S, Hands
from syncara.testing.clock import FakeClock, VirtualLoop


def call(name: str) -> Call:
    execution = ExecutionInput("ex", "wf", {}, 1, f"ex:{name}", (None, None, None), lambda _: {})
    return Call(StepInput(name, name, {}), execution, name, 1, "work", 1.0)


def told(takes_s: float, names: str) -> list[str]:
    """Direct handlers that take so long each, all started at once, and a callback that wants each turn of the loop."""
    clock, heard = FakeClock(), list[str]()
    loop = VirtualLoop(clock)

    def work(step: Any, execution: Any) -> None:
        clock.advance(takes_s)
        heard.append(step.name)

    def other() -> None:
        heard.append("-")
        if hands.busy:
            loop.call_soon(other)

    def begin() -> None:
        for name in names:
            hands.start(1, call(name))
        loop.call_soon(other)

    async def main() -> None:
        begin()
        await done.wait()

    def report(key: int, fact: Any) -> None:
        if not hands.busy:
            loop.call_soon(done.set)

    done = asyncio.Event()
    hands = Hands(loop, clock, {"work": Handler("work", work, "direct")}.get, report, lambda: False)
    try:
        loop.run_until_complete(main())
    finally:
        loop.discard()
    return heard


def test_slow_direct_handlers_give_the_loop_a_turn() -> None:
    """Each turn of the loop has room for one, and whoever else has something to do comes in between."""
    assert [*"AB-C-D-"] == told(TURN_S, "ABCD")


def test_quick_ones_run_in_one_turn() -> None:
    """Their results are then written together."""
    assert [*"ABCDEFGH-"] == told(TURN_S / 10, "ABCDEFGH")


def test_one_that_is_stopped_while_it_waits_does_not_run() -> None:
    """Nor is anything reported of it."""
    clock, ran, reported = FakeClock(), list[str](), list[str]()
    loop = VirtualLoop(clock)

    def work(step: Any, execution: Any) -> None:
        clock.advance(TURN_S)
        ran.append(step.name)

    async def main() -> None:
        for name in "ABC":
            hands.start(1, call(name))
        hands.stop((1, "B"))
        await done.wait()

    def report(key: int, fact: Any) -> None:
        reported.append(fact.step)
        if not hands.busy:
            done.set()

    done = asyncio.Event()
    hands = Hands(loop, clock, {"work": Handler("work", work, "direct")}.get, report, lambda: False)
    try:
        loop.run_until_complete(main())
    finally:
        loop.discard()

    assert ([*"AC"], [*"AC"]) == (ran, reported)
