"""Conditions of steps with dependencies: when they are asked, once, and what comes of each answer."""

from __future__ import annotations

import pytest

from syncara.core import events as e
from syncara.core.errors import ConditionError
from syncara.core.expressions import compile_condition
from tests.core.build import Run, delay, group, kinds, step, task


def run_with(condition: str) -> Run:
    """A run of which step A has completed and step B, which has a condition, could start."""
    run = Run(
        step("A", save_as="a"),
        step("Step B", ["A"], condition=condition),
        step("Open"),
        context={"x": 3, "name": "Ada", "none": None, "braces": "{context.x}"},
    )
    run.succeed("A", {"count": 2})
    return run


@pytest.mark.parametrize(
    "condition",
    [
        "context.x == 3",
        "context['x'] == 3",
        "context.get('x', 0) == 3",
        "context.get('y', 7) == 7",
        "context.a.count == 2",
        "steps['A'].status == 'completed'",
        "steps['A'].data.count == 2",
        "steps['A'].data['count'] == 2",
        "steps['Open'].status == 'running' and steps['Step B'].status == 'pending'",
    ],
)
def test_every_way_to_read_the_context_and_the_steps_works(condition: str) -> None:
    """context.x, context['x'], context.get('x', d), steps['Name'].status and .data can all be written."""
    assert ["Step B"] == run_with(condition).scheduled


def test_a_false_condition_skips_the_step_and_says_so() -> None:
    """The decision stands in the journal beside the fact that led to it, with the condition in its reason."""
    run = run_with("context.x > 3")

    skipped = run.only(e.StepSkipped)

    assert ("condition_false", "the condition is false: context.x > 3") == (skipped.code, skipped.reason)
    assert ["StepSucceeded", "StepSkipped"] == kinds(run.last)


@pytest.mark.parametrize("condition", ["context.none > 10", "context.missing == 1", "context.name + 1 == 2"])
def test_a_condition_that_cannot_be_evaluated_is_false_and_keeps_the_reason(condition: str) -> None:
    """None > 10 skips the step; the reason says what was wrong, and quotes the condition."""
    skipped = run_with(condition).only(e.StepSkipped)

    assert "condition_error" == skipped.code
    assert skipped.reason.startswith("the condition could not be evaluated: ")
    assert skipped.reason.endswith(condition)


def test_a_run_whose_steps_were_skipped_by_their_conditions_is_completed() -> None:
    """A skip by condition, also by one that could not be evaluated, is no failure."""
    run = Run(step("A"), step("B", ["A"], condition="False"), step("C", ["A"], condition="context.no > 1"))

    run.succeed("A")

    assert "completed" == run.status


def test_a_condition_is_decided_when_all_dependencies_have_settled() -> None:
    """It is not asked while a dependency is under way, though it is true already."""
    run = Run(step("A"), step("B"), step("C", ["A", "B"], condition="context.get('go')"))

    run.succeed("A", changes={"go": True})
    assert "pending" == run.statuses["C"]
    run.succeed("B", changes={"go": False})

    assert "skipped" == run.statuses["C"]


@pytest.mark.parametrize(("go", "status"), [(True, "running"), (False, "skipped")])
def test_a_condition_is_decided_when_a_slot_is_free(go: bool, status: str) -> None:
    """A step that waits for a slot is asked when it gets one, with the context of that moment."""
    run = Run(
        step("A"),
        step("Long", ["A"]),
        step("B", ["A"], condition="context.go"),
        context={"go": not go},
        max_parallel_steps=1,
    )
    run.succeed("A")
    assert "pending" == run.statuses["B"]

    run.succeed("Long", changes={"go": go})

    assert status == run.statuses["B"]


def test_a_condition_is_decided_once() -> None:
    """A step that has started runs on, retries and crash re-runs included, though its condition turns false."""
    run = Run(step("A"), step("B", ["A"], condition="context.go"), step("C", ["A"]), context={"go": True})
    run.succeed("A")

    run.succeed("C", changes={"go": False})
    run.lose_runner()
    assert ["B"] == run.scheduled
    run.err("B")
    run.tick()

    assert e.StepScheduled(run.now, "B", 2) == run.only(e.StepScheduled)


def test_a_skipped_step_stays_skipped_though_its_condition_turns_true() -> None:
    """The decision is not taken again."""
    run = Run(step("A"), step("B", ["A"], condition="context.get('go')"), step("C", ["A"]), step("D", ["C"]))
    run.succeed("A")

    run.succeed("C", changes={"go": True})

    assert {"B": "skipped", "D": "running"}.items() <= run.statuses.items()


def test_the_condition_of_a_group_is_decided_without_a_slot() -> None:
    """A group holds none, so it waits for none; neither does its skip."""
    run = Run(
        step("A"),
        step("Long", ["A"]),
        group("G", task("a"), after=["A"], condition="True"),
        group("H", task("a"), after=["A"], condition="False"),
        max_parallel_steps=1,
    )

    run.succeed("A")

    assert {"G": "running", "G/a": "pending", "Long": "running", "H": "skipped"}.items() <= run.statuses.items()


def test_a_delay_has_a_condition_like_any_step() -> None:
    """A delay whose condition is false is skipped and takes no time."""
    run = Run(step("A"), delay("Wait", 60, ["A"], condition="context.get('slow')"))

    run.succeed("A")

    assert ("skipped", "completed") == (run.statuses["Wait"], run.status)


def test_a_condition_is_never_rendered_as_a_template() -> None:
    """Braces in a value are text, and a condition that holds a placeholder is refused when it is written."""
    assert ["Step B"] == run_with("len(context.braces) == 11").scheduled
    with pytest.raises(ConditionError) as raised:
        compile_condition("'{context.x}' == '3'")
    assert "placeholder" == raised.value.code


def test_the_condition_of_a_condition_check_is_never_rendered_either() -> None:
    """condition_check gets its params as they were written, and a missing key fails nothing."""
    run = Run(step("Check", handler="condition_check", params={"condition": "context.x == '{context.y}'"}))

    assert None is run.only(e.StepScheduled).params
