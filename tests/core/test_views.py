"""Snapshots and logs: what callers see of an execution, sharing nothing with it."""

from __future__ import annotations

from typing import Any

import pytest

from syncara.core import events as e
from syncara.core.model import StepResult
from syncara.core.views import LogLine, Steps, StepState, copy_json, log, snapshot
from tests.core.build import START, Run, delay, group, step, task


def scribble(value: Any) -> None:
    """Change everything in a value that can be changed."""
    if isinstance(value, dict):
        for each in value.values():
            scribble(each)
        value["scribbled"] = True
    elif isinstance(value, list):
        for each in value:
            scribble(each)
        value.append("scribbled")


def test_a_snapshot_shares_nothing_with_the_execution() -> None:
    """Whatever a caller does to it, the next snapshot is as it would have been."""
    run = Run(step("A", save_as="a"), step("B", on_error="continue"), context={"deep": {"list": [{"x": 1}]}})
    run.succeed("A", {"rows": [{"id": 1}]}, metadata={"tags": ["t"]})
    run.fail("B")
    before = snapshot(run.board)
    untouched = copy_json(before.context), copy_json(before.errors), copy_json(before.steps["A"].result.data)  # type: ignore[union-attr]

    result = before.steps["A"].result
    assert result is not None
    for value in (before.context, before.errors, result.data, result.metadata):
        scribble(value)

    after = snapshot(run.board)
    assert untouched == (after.context, after.errors, after.steps["A"].result.data)  # type: ignore[union-attr]
    assert StepResult(True, {"rows": [{"id": 1}]}, metadata={"tags": ["t"]}) == after.steps["A"].result


def test_a_snapshot_does_not_change_when_the_execution_goes_on() -> None:
    """It is the state of one moment."""
    run = Run(step("A"), step("B", ["A"]))
    before = snapshot(run.board)

    run.succeed("A", 1, changes={"x": 1})

    assert ({}, "running", None) == (before.context, before.steps["A"].status, before.steps["A"].result)


def test_a_snapshot_says_what_the_execution_is() -> None:
    """Ids, status, context, times, progress, and the first error."""
    run = Run(step("A", on_error="continue"), step("B", ["A"]), context={"x": 1})
    run.fail("A", "boom", after=3)
    run.succeed("B", after=4)

    seen = snapshot(run.board)

    assert ("ex", "wf", "Flow", "completed_with_errors") == (seen.id, seen.workflow_id, seen.workflow_name, seen.status)
    assert (START, START, START + 7, 50) == (seen.created_at, seen.started_at, seen.finished_at, seen.progress)
    assert ("error", "step 'A' failed: boom") == (seen.code, seen.error)
    assert [{"step": "A", "code": "error", "error": "boom"}] == seen.errors


def test_running_out_of_time_is_an_error_without_a_step() -> None:
    """The errors of a snapshot hold it like a failure."""
    run = Run(step("A"), global_timeout=100)
    run.tick()

    seen = snapshot(run.board)

    assert [{"step": None, "code": "global_timeout", "error": seen.error}] == seen.errors


def test_errors_are_those_of_the_engine() -> None:
    """A context key of that name that a user set is no error of the run."""
    assert [] == snapshot(Run(step("A"), context={"errors": ["mine"]}).board).errors


def test_steps_go_by_name_and_by_id_in_definition_order() -> None:
    """Iteration gives names; a task stands right after its group; what does not exist raises KeyError."""
    run = Run(group("G", task("a"), task("b")), step("B"))

    steps = snapshot(run.board).steps

    assert (["G", "G/a", "G/b", "B"], 4) == (list(steps), len(steps))
    assert steps["B"] is steps["id of B"]
    assert steps["G/a"] is steps["id of G.0"]
    assert "id of B" in steps
    assert None is steps.get("Nobody")
    with pytest.raises(KeyError):
        steps["Nobody"]
    assert "Steps(G: running, G/a: running, G/b: running, B: running)" == repr(steps)


def test_an_execution_without_steps_to_show_is_an_empty_mapping() -> None:
    """As for one that is damaged."""
    assert ([], 0) == (list(Steps([])), len(Steps([])))


def test_a_step_says_how_it_is() -> None:
    """Each status has what belongs to it: result, error, reason, times, the wake of a delay."""
    run = Run(
        step("Done"),
        step("Bad", on_error="continue"),
        delay("Wait", 60),
        step("Skipped", ["Done"], condition="False"),
        step("Ask", on_crash="ask"),
        step("Later", ["Wait"]),
    )
    run.succeed("Done", 1, after=1)
    run.fail("Bad", "boom", after=1)
    run.lose_runner()

    steps = snapshot(run.board).steps

    def state(name: str, *rest: Any) -> StepState:
        return StepState(f"id of {name}", name, *rest)

    asked = run.node("Ask").reason
    start, one, two = START, START + 1, START + 2
    assert [
        state("Done", "completed", 1, StepResult(True, 1), None, None, start, one, None),
        state("Bad", "failed", 1, StepResult(False, error="boom"), "boom", None, start, two, None, "error"),
        state("Wait", "delayed", 1, None, None, None, start, None, start + 60),
        state("Skipped", "skipped", 0, None, None, "the condition is false: False", None, one, None, "condition_false"),
        state("Ask", "waiting", 1, None, None, asked, start, None, None, "on_crash"),
        state("Later", "pending", 0, None, None, None, None, None, None),
    ] == list(steps.values())


def test_a_copy_of_json_shares_nothing() -> None:
    """Tuples become lists, as they would in the journal."""
    value = {"a": [1, {"b": (2, [3])}], "c": None}

    copied = copy_json(value)
    scribble(copied["a"])

    assert {"a": [1, {"b": (2, [3])}], "c": None} == value
    assert [2, [3]] == copy_json(value)["a"][1]["b"]


# The log.


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (e.Started(1, "ex", "wf", 1), LogLine(1, "info", None, "started")),
        (e.Paused(1), LogLine(1, "info", None, "paused")),
        (e.Resumed(1), LogLine(1, "info", None, "resumed")),
        (e.Cancelled(1, "enough"), LogLine(1, "info", None, "cancelled: enough")),
        (e.RunnerLost(1), LogLine(1, "info", None, "runner lost")),
        (e.StepScheduled(1, "A", 2), LogLine(1, "info", "A", "scheduled (attempt 2)")),
        (e.StepSucceeded(1, "A", 2, 7), LogLine(1, "info", "A", "completed")),
        (e.StepErred(1, "A", 2, "error", "boom"), LogLine(1, "warning", "A", "erred (attempt 2): boom")),
        (e.RetryPlanned(1, "A", 3, 9), LogLine(1, "info", "A", "retry planned (attempt 3)")),
        (e.StepFailed(1, "A", "error", "boom"), LogLine(1, "error", "A", "failed: boom")),
        (e.StepSkipped(1, "A", "not_needed", "no need"), LogLine(1, "info", "A", "skipped: no need")),
        (e.StepCancelled(1, "A", "run_failed", "over"), LogLine(1, "warning", "A", "cancelled: over")),
        (e.StepWaiting(1, "A", "on_crash", "ask"), LogLine(1, "warning", "A", "waiting: ask")),
        (e.StepBlocked(1, "A", "handler", "gone"), LogLine(1, "warning", "A", "blocked: gone")),
        (e.Signalled(1, "A", "handler"), LogLine(1, "info", "A", "signalled")),
        (e.StepSlept(1, "A", 5, 6), LogLine(1, "info", "A", "delayed for 5 s")),
        (e.StepWoke(1, "A"), LogLine(1, "info", "A", "completed")),
        (e.TimedOut(1, "global_timeout", "too long"), LogLine(1, "error", None, "timed out: too long")),
        (e.Finished(1, "completed"), LogLine(1, "info", None, "finished completed")),
        (e.Finished(1, "failed", "error", "boom"), LogLine(1, "error", None, "finished failed: boom")),
    ],
)
def test_every_event_that_matters_to_people_is_a_line(event: e.AnyEvent, line: LogLine) -> None:
    """With its time, how bad it is, its step, and why."""
    assert [line] == log([event], ())


@pytest.mark.parametrize("event", [e.Ticked(1), e.StepExpanded(1, "A"), e.StepJoined(1, "A")])
def test_what_only_the_engine_cares_about_is_no_line(event: e.AnyEvent) -> None:
    """Ticks and the inner life of delays and groups stay out of the log."""
    assert [] == log([event], {"A"})


@pytest.mark.parametrize(
    ("data", "level"),
    [
        ({"message": "Hello", "level": "warning"}, "warning"),
        ({"message": "Hello", "type": "success"}, "success"),
        ({"message": "Hello", "level": None}, "info"),
    ],
)
def test_what_a_log_or_notification_step_said_is_its_line(data: dict[str, Any], level: str) -> None:
    """Its message at its level, not that it succeeded."""
    assert [LogLine(1, level, "A", "Hello")] == log([e.StepSucceeded(1, "A", 1, data)], {"A"})


@pytest.mark.parametrize("data", [{"message": "Hello"}, {"message": "Hello", "level": "info"}, "Hello"])
def test_other_results_are_not_taken_for_a_message(data: Any) -> None:
    """Only what log and notification steps return is, whatever it looks like."""
    assert [LogLine(1, "info", "A", "completed")] == log([e.StepSucceeded(1, "A", 1, data)], {"Another step"})
