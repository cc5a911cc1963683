"""parallel_group: its tasks are steps of their own, and it ends with them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syncara.core import events as e
from syncara.core.graph import Plan
from tests.core.build import START, Run, group, kinds, step, task, workflow


def test_a_group_is_expanded_when_it_starts() -> None:
    """Until then its tasks do not exist; from then on each is a step Group/Task."""
    run = Run(step("A"), group("G", task("a"), task("b"), after=["A"]))
    assert {"A": "running", "G": "pending"} == run.statuses

    run.succeed("A")

    assert ["StepSucceeded", "StepExpanded", "StepScheduled", "StepScheduled"] == kinds(run.last)
    assert {"A": "completed", "G": "running", "G/a": "running", "G/b": "running"} == run.statuses


def test_tasks_may_carry_every_step_field_but_dependencies() -> None:
    """They become steps with these fields, and with ids that follow from the group's."""
    fields: dict[str, Any] = {
        "params": {"x": "{context.x}"},
        "timeout": 7,
        "retry_count": 1,
        "retry_delay": 2,
        "condition": "context.x == 1",
        "retry_backoff": 3,
        "max_retry_delay": 4,
        "run_when": "all_settled",
        "on_error": "continue",
        "save_as": "saved",
        "on_crash": "ask",
    }

    plan = Plan(workflow(group("G", task("a", **fields), task("b"))))

    first = plan.steps[plan.index["G/a"]]
    assert {"id": "id of G.0", "name": "G/a", "handler": "work", **fields} == msgspec.to_builtins(first)
    assert "id of G.1" == plan.steps[plan.index["G/b"]].id


def test_a_group_completes_with_the_results_of_its_tasks_by_name() -> None:
    """Its data is {task name: data}, in the order of the tasks."""
    run = Run(group("G", task("a"), task("b"), save_as="both"), step("B", ["G"], params={"x": "{steps.G.data.b}"}))

    run.succeed("G/b", 2)
    run.succeed("G/a", 1)

    assert e.StepJoined(START, "G") == run.only(e.StepJoined)
    assert {"a": 1, "b": 2} == run.node("G").data == run.context["both"]
    assert ["a", "b"] == list(run.node("G").data)
    assert {"x": 2} == run.only(e.StepScheduled).params


def test_a_task_skipped_by_its_condition_has_null_as_its_result() -> None:
    """The group completes without it."""
    run = Run(group("G", task("a"), task("b", condition="False")))

    run.succeed("G/a", 1)

    assert ({"a": 1, "b": None}, "completed") == (run.node("G").data, run.status)


def test_a_group_all_of_whose_tasks_were_skipped_by_condition_completes() -> None:
    """It starts and ends in one transaction."""
    run = Run(group("G", task("a", condition="False")))

    assert ["Started", "StepExpanded", "StepSkipped", "StepJoined", "Finished"] == kinds(run.last)


def test_a_failing_task_lets_its_siblings_finish() -> None:
    """Running ones finish, waiting ones still start, and meanwhile nothing else of the run is ended."""
    run = Run(group("G", task("a"), task("b"), task("c")), step("B"), max_parallel_steps=3)
    assert ["B", "G/a", "G/b"] == run.running

    run.fail("G/a")

    assert ["B", "G/b", "G/c"] == run.running
    assert ["StepErred", "StepFailed", "StepScheduled"] == kinds(run.last)


def test_a_group_with_a_failed_task_fails_once() -> None:
    """After the last task it fails, naming the tasks, and is not retried."""
    run = Run(group("G", task("a"), task("b"), task("c"), retry_count=3))

    run.fail("G/a", "boom")
    run.fail("G/b", "bang")
    assert "running" == run.statuses["G"]
    run.succeed("G/c")

    error = "2 task(s) failed: G/a: boom; G/b: bang"
    assert e.StepFailed(START, "G", "group_failed", error) == run.only(e.StepFailed)
    assert "failed" == run.status


def test_a_group_of_many_failures_names_the_first_ones_and_counts_the_rest() -> None:
    """The error stays readable whatever the number of tasks."""
    run = Run(group("G", *(task(f"t{n}") for n in range(5))))

    for n in range(5):
        run.fail(f"G/t{n}", "x")

    error = "5 task(s) failed: G/t0: x; G/t1: x; G/t2: x; and 2 more"
    assert error == run.made(e.StepFailed)[-1].error


def test_a_tolerated_failure_of_a_task_does_not_fail_its_group() -> None:
    """The task counts as completed with data null, and the run ends completed_with_errors."""
    run = Run(group("G", task("a", on_error="continue"), task("b")))

    run.fail("G/a")
    run.succeed("G/b", 2)

    assert ({"a": None, "b": 2}, "completed") == (run.node("G").data, run.statuses["G"])
    assert "completed_with_errors" == run.status


def test_a_group_with_on_error_continue_tolerates_its_failure() -> None:
    """The group stays failed, and its followers run."""
    run = Run(group("G", task("a"), on_error="continue"), step("B", ["G"]))

    run.fail("G/a")

    assert {"G": "failed", "G/a": "failed", "B": "running"} == run.statuses


def test_tasks_retry_by_their_own_fields() -> None:
    """A task's retries are its own; the group only waits."""
    run = Run(group("G", task("a", retry_count=1), task("b", retry_count=0)))

    run.err("G/a")
    run.err("G/b")

    assert {"G": "running", "G/a": "retrying", "G/b": "failed"} == run.statuses


def test_what_an_earlier_attempt_failed_of_does_not_matter_to_the_group() -> None:
    """A task that a retry put right is completed, whatever code its error had."""
    run = Run(group("G", task("a")))
    run.err("G/a", code="run_failed")
    run.tick()

    run.succeed("G/a", 1)

    assert ("completed", {"a": 1}) == (run.statuses["G"], run.node("G").data)


def test_tasks_take_turns_when_slots_are_few() -> None:
    """max_parallel_steps holds for tasks as for steps."""
    run = Run(group("G", task("a"), task("b"), task("c")), max_parallel_steps=2)
    assert ["G/a", "G/b"] == run.running

    run.succeed("G/b")

    assert ["G/a", "G/c"] == run.running


def test_tasks_are_rendered_when_they_start() -> None:
    """The list of tasks is literal; the params of each are rendered like those of any step."""
    run = Run(
        group("G", task("a", save_as="x"), task("b", params={"x": "{context.x}"})),
        max_parallel_steps=1,
    )

    run.succeed("G/a", 5)

    assert {"x": 5} == run.only(e.StepScheduled).params


def test_a_group_may_hold_a_group() -> None:
    """The inner group's tasks are Outer/Inner/Task, and results nest."""
    run = Run(group("G", task("h", "parallel_group", params={"tasks": [task("a")]}), task("b")))
    assert {"G": "running", "G/h": "running", "G/h/a": "running", "G/b": "running"} == run.statuses

    run.succeed("G/h/a", 1)
    run.succeed("G/b", 2)

    assert {"h": {"a": 1}, "b": 2} == run.node("G").data


def test_a_failure_in_an_inner_group_fails_both_groups() -> None:
    """Each fails once, the inner one first."""
    run = Run(group("G", task("h", "parallel_group", params={"tasks": [task("a")]})))

    run.fail("G/h/a")

    assert ["G/h/a", "G/h", "G"] == [event.step for event in run.made(e.StepFailed)]


@pytest.mark.parametrize(("finish", "status"), [("succeed", "cancelled"), ("fail", "failed")])
def test_a_group_under_way_ends_as_its_tasks_do_when_the_run_fails(finish: str, status: str) -> None:
    """Running tasks finish, others are skipped; a failed task fails the group, else it counts as ended."""
    run = Run(step("A"), group("G", task("a"), task("b")), max_parallel_steps=2)
    run.fail("A")
    assert {"G": "running", "G/a": "running", "G/b": "skipped"}.items() <= run.statuses.items()

    run.succeed("G/a") if finish == "succeed" else run.fail("G/a")

    assert (status, "failed") == (run.statuses["G"], run.status)


def test_a_group_whose_tasks_all_finish_in_a_failing_run_completes() -> None:
    """Nothing of it was ended, so it has its result."""
    run = Run(step("A"), group("G", task("a")))
    run.fail("A")

    run.succeed("G/a", 1)

    assert ("completed", {"a": 1}) == (run.statuses["G"], run.node("G").data)


@pytest.mark.parametrize(("slots", "second"), [(1, "skipped"), (2, "cancelled")])
def test_the_global_timeout_ends_a_group_with_its_tasks(slots: int, second: str) -> None:
    """The group is cancelled with the code of what ended them, whether they had started or not."""
    run = Run(group("G", task("a"), task("b")), global_timeout=100, max_parallel_steps=slots)

    run.tick()

    assert {"G": "cancelled", "G/a": "cancelled", "G/b": second} == run.statuses
    assert "global_timeout" == run.node("G").code
