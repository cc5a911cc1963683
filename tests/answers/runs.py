"""Runs for answers to speak of, made by the machine itself."""

from __future__ import annotations

from syncara.core.model import Workflow
from syncara.core.views import Execution, snapshot
from tests.core.build import Run, delay, group, step, task

AMP = "&"
"""The character that grows most when it is escaped."""


def mixed() -> Run:
    """Something of everything: done, skipped, failed and tolerated, retrying, delayed, a group, and what waits."""
    run = Run(
        step("Load <Users>"),
        step("Greet VIPs", ["Load <Users>"], condition="context.vips > 5"),
        step("Call_API", ["Load <Users>"], on_error="continue", retry_count=1, retry_delay=2),
        step("Mail", ["Load <Users>"], retry_delay=30),
        group("Fan out", task("one"), task("*two*"), after=["Load <Users>"]),
        delay("Cool down", 90, ["Load <Users>"]),
        step("Report", ["Fan out", "Call_API"]),
        step("Escalate", condition="context.alarm"),
        context={"vips": 1},
        max_parallel_steps=10,
    )
    run.succeed("Load <Users>", after=1.23)
    run.err("Call_API", "HTTP 500: <b>oops</b>", after=1)
    run.succeed("Fan out/one", after=0.5)
    run.tick()
    run.err("Call_API", "HTTP 500: <b>oops</b>", after=1)
    run.err("Mail", "no route\nto host", after=0.25)
    return run


def seen(run: Run) -> tuple[Execution, Workflow]:
    return snapshot(run.board), run.plan.workflow


def failed() -> Execution:
    run = Run(step("A"), step("B", ["A"]), step("C", ["B"]))
    run.succeed("A", after=2)
    run.fail("B", "no <route>", after=63)
    return snapshot(run.board)
