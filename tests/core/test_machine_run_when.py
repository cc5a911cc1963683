"""run_when: which outcomes of its dependencies let a step start."""

from __future__ import annotations

import pytest

from syncara.core import events as e
from tests.core.build import Run, step


def settle(run: Run, name: str, outcome: str) -> None:
    """End a dependency that is in its handler; the condition of one to be skipped has done so already."""
    if outcome == "completed":
        run.succeed(name)
    elif outcome in ("tolerated", "failed"):
        run.fail(name)


def outcome_of(run_when: str, first: str, second: str) -> str:
    """How a step ends up whose two dependencies ended so."""
    dependencies = [
        step(
            name,
            ["Root"],
            on_error="continue" if outcome == "tolerated" else "fail",
            condition="False" if outcome == "skipped" else None,
        )
        for name, outcome in (("A", first), ("B", second))
    ]
    run = Run(step("Root"), *dependencies, step("Last", ["A", "B"], run_when=run_when), step("Open"))
    run.succeed("Root")
    settle(run, "A", first)
    settle(run, "B", second)
    return "runs" if run.node("Last").status == "running" else run.node("Last").code


@pytest.mark.parametrize(
    ("run_when", "first", "second", "expected"),
    [
        ("none_failed", "completed", "completed", "runs"),
        ("none_failed", "completed", "skipped", "runs"),
        ("none_failed", "skipped", "skipped", "not_needed"),
        ("none_failed", "completed", "failed", "run_failed"),
        ("all_succeeded", "completed", "completed", "runs"),
        ("all_succeeded", "completed", "skipped", "not_needed"),
        ("all_succeeded", "completed", "failed", "run_failed"),
        ("any_succeeded", "completed", "skipped", "runs"),
        ("any_succeeded", "skipped", "skipped", "not_needed"),
        ("any_succeeded", "completed", "failed", "run_failed"),
        ("all_settled", "completed", "skipped", "runs"),
        ("all_settled", "skipped", "skipped", "runs"),
        ("all_settled", "completed", "failed", "runs"),
        ("any_failed", "completed", "completed", "not_needed"),
        ("any_failed", "completed", "skipped", "not_needed"),
        ("any_failed", "completed", "failed", "runs"),
    ],
)
def test_run_when_decides_from_the_outcomes_of_the_dependencies(
    run_when: str, first: str, second: str, expected: str
) -> None:
    """Completed, failed, or skipped by its own condition: each rule takes them as the design says."""
    assert expected == outcome_of(run_when, first, second)


@pytest.mark.parametrize("run_when", ["none_failed", "all_succeeded", "any_succeeded", "all_settled"])
def test_followers_take_a_tolerated_failure_for_completed(run_when: str) -> None:
    """A step with on_error=continue stays failed, and its followers go on as if it had completed."""
    assert "runs" == outcome_of(run_when, "tolerated", "completed")
    assert "runs" == outcome_of(run_when, "tolerated", "tolerated")


def test_any_failed_still_sees_a_tolerated_failure() -> None:
    """on_error=continue hides a failure from every rule but any_failed."""
    assert "runs" == outcome_of("any_failed", "tolerated", "completed")


def test_none_failed_is_the_default() -> None:
    """A step that says nothing runs when none of its dependencies failed and at least one completed."""
    assert "none_failed" == step("A").run_when


@pytest.mark.parametrize("run_when", ["any_succeeded", "any_failed", "all_settled"])
def test_run_when_is_decided_only_when_all_dependencies_have_settled(run_when: str) -> None:
    """A step does not start on the first outcome that would do; it waits for the last one."""
    run = Run(step("A", on_error="continue"), step("B"), step("Last", ["A", "B"], run_when=run_when))

    run.fail("A")
    assert "pending" == run.node("Last").status
    run.succeed("B")

    assert ["Last"] == run.scheduled


def test_a_rule_that_is_not_met_needs_no_slot_to_skip_the_step() -> None:
    """What will not run is skipped at once, though every slot is taken."""
    run = Run(step("A"), step("B"), step("Last", ["A"], run_when="any_failed"), max_parallel_steps=1)

    run.succeed("A")

    assert {"A": "completed", "B": "running", "Last": "skipped"} == run.statuses


def test_a_step_skipped_by_run_when_names_the_rule_and_the_states() -> None:
    """Each step that did not run says why."""
    run = Run(step("A"), step("Open"), step("Last", ["A"], run_when="any_failed"))

    run.succeed("A")

    expected = e.StepSkipped(run.now, "Last", "not_needed", "run_when is any_failed, but 'A' is completed")
    assert expected == run.only(e.StepSkipped)


def test_run_when_is_decided_before_the_condition() -> None:
    """A step whose rule is not met is skipped for that, and its condition is never asked."""
    run = Run(step("A"), step("Last", ["A"], run_when="any_failed", condition="context.missing > 1"))

    run.succeed("A")

    assert "not_needed" == run.only(e.StepSkipped).code


def test_a_skip_for_want_of_need_counts_like_a_skip_by_condition() -> None:
    """When nothing failed, a step that was not needed is no failure for its followers, and the run is completed."""
    run = Run(
        step("A"),
        step("Rescue", ["A"], run_when="any_failed"),
        step("Plain", ["Rescue"]),
        step("Always", ["Rescue"], run_when="all_settled"),
        step("Both", ["A", "Rescue"]),
    )

    run.succeed("A")
    assert {"Rescue": "skipped", "Plain": "skipped", "Always": "running", "Both": "running"}.items() <= (
        run.statuses.items()
    )
    assert "not_needed" == run.node("Plain").code
    run.succeed("Always")
    run.succeed("Both")

    assert "completed" == run.status


def test_a_step_skipped_because_of_a_failure_upstream_counts_as_failed() -> None:
    """The skip travels down as a failure: a rule for failures sees it, a rule for successes does not."""
    run = Run(
        step("A"),
        step("Rescue", ["A"], run_when="any_failed"),
        step("Next", ["Rescue"]),
        step("Then", ["Next"]),
        step("Notice", ["Next"], run_when="any_failed"),
    )

    run.fail("A")
    run.fail("Rescue")

    assert ("skipped", "upstream_failed") == (run.node("Next").status, run.node("Next").code)
    assert ("skipped", "upstream_failed") == (run.node("Then").status, run.node("Then").code)
    assert ["Notice"] == run.running


def test_a_cancelled_step_counts_as_failed() -> None:
    """A delay that ended because the run failed is a failure for a rule that looks for one."""
    run = Run(
        step("A"),
        step("Slow", on_crash="ask"),
        step("Notice", ["Slow"], run_when="any_failed"),
    )
    run.lose_runner()
    assert {"A": "running", "Slow": "waiting"}.items() <= run.statuses.items()

    run.fail("A")

    assert {"Slow": "cancelled", "Notice": "running"}.items() <= run.statuses.items()
