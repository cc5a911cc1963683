"""advance() decides from its arguments alone, whatever is in the workflow."""

from __future__ import annotations

import builtins
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from syncara.core import events as e
from syncara.core import progress, views
from tests.core.build import RUNS, START, Run, delay, group, state, step, task

OUTSIDE = [
    (builtins, ("open", "input", "print")),
    (socket, ("socket", "create_connection", "getaddrinfo")),
    (time, ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep", "localtime", "gmtime")),
    (random, ("random", "randint", "uniform", "choice", "getrandbits", "Random", "SystemRandom")),
    (os, ("urandom", "getpid", "getenv", "stat", "listdir", "open", "environ")),
    (threading, ("Thread", "Timer", "Lock", "RLock", "Event", "Condition")),
]


class Outside(Exception):
    """The core reached for something that is not its argument."""


class Forbidden:
    """Stands for a clock, chance, a disk, a network or a thread: raises on any use."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *arguments: object, **named: object) -> object:
        raise Outside(self._name)

    def __getattr__(self, attribute: str) -> object:
        raise Outside(self._name)

    def __getitem__(self, key: object) -> object:
        raise Outside(self._name)


@contextmanager
def sealed() -> Iterator[None]:
    """Everything outside raises until the context is left."""
    with pytest.MonkeyPatch.context() as patches:
        for module, names in OUTSIDE:
            for name in names:
                patches.setattr(module, name, Forbidden(f"{module.__name__}.{name}"))
        yield


def rich_run() -> Run:
    """A workflow with one of everything."""
    return Run(
        step("Load", save_as="users", params={"query": {"id": "{context.id}"}, "text": "user {context.id}"}),
        step("Skip", ["Load"], condition="len(context.users) > 10"),
        delay("Wait", "{context.pause}", ["Load"]),
        group("Each", task("one", retry_count=1), task("two", on_error="continue"), after=["Load"], save_as="each"),
        step("Ask", ["Each"], on_crash="ask", params={"first": "{steps.Each.data.one}"}),
        step("Broken", ["Ask"], params={"x": "{context.nowhere}"}, on_error="continue"),
        step("Fail", ["Broken"], retry_count=0),
        step("Never", ["Fail"]),
        step("Watch", condition="context.get('error_occurred') and steps['Broken'].status == 'failed'"),
        step("Tidy", ["Fail"], run_when="any_failed"),
        context={"id": 7, "pause": 3},
        max_parallel_steps=3,
        approve_by=START + 60,
    )


def live_through(run: Run) -> None:
    """An approval, successes, errors, retries, a pause, a crash, an answer, a failure, recovery, and the clock."""
    run.feed(e.Approved(START + 1))
    run.succeed("Load", [{"id": 7}], changes={"seen": True})
    run.err("Each/one", retry_after=1.0)
    run.err("Each/two", code="unknown_handler")
    run.signal("Each/two", "handler")
    run.fail("Each/two")
    run.tick()
    run.pause()
    run.lose_runner()
    run.resume(after=10)
    run.succeed("Each/one", 1)
    run.lose_runner()
    run.signal("Ask", "on_crash", "retry")
    run.succeed("Ask")
    run.fail("Fail")
    run.tick()
    views.snapshot(run.board)
    progress.describe(run.board)
    views.log(run.journal, ())


def test_advance_needs_no_clock_no_chance_no_disk_no_network_and_no_thread() -> None:
    """With all of them patched to raise, a run with everything in it goes to its end, and is replayed and looked at."""
    with sealed():
        run = rich_run()
        live_through(run)
        replayed = run.replayed()

    assert ("failed", state(run.board)) == (run.status, state(replayed))
    kinds = {type(event) for event in run.journal}
    assert {*e.FACTS, *e.DECISIONS} - {e.Cancelled} == kinds


def test_the_same_facts_always_lead_to_the_same_journal() -> None:
    """Two executions of the same id and facts are equal to the last byte of their waits."""
    for _ in range(2):
        live_through(rich_run())

    first, second = RUNS
    assert first.journal == second.journal


@pytest.mark.parametrize("name", [f"{module.__name__}.{name}" for module, names in OUTSIDE for name in names])
def test_the_seal_holds(name: str) -> None:
    """Each thing that is patched raises when it is touched, and works again afterwards."""
    module, _, attribute = name.partition(".")
    before = getattr(sys.modules[module], attribute)

    with pytest.raises(Outside, match=name), sealed():
        getattr(sys.modules[module], attribute)()

    assert before is getattr(sys.modules[module], attribute)
