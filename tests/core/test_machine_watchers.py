"""Watchers: steps without dependencies but with a condition. They wait for it, until the run goes quiet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncara.core import events as e
from tests.core.build import Run, delay, group, kinds, step, task


def test_a_watcher_whose_condition_is_false_waits() -> None:
    """Unlike a step with dependencies, a watcher is not skipped when its condition is false at first."""
    run = Run(step("A"), step("W", condition="context.get('go')"))

    assert {"A": "running", "W": "pending"} == run.statuses


def test_a_watcher_whose_condition_is_true_starts_at_once() -> None:
    """It is asked when the run starts."""
    assert ["W"] == Run(step("W", condition="context.go"), context={"go": True}).scheduled


def test_a_watcher_is_asked_again_when_a_context_key_that_it_reads_changes() -> None:
    """It starts in the transaction that makes its condition true."""
    run = Run(step("A"), step("B"), step("W", condition="context.get('n', 0) > 1"))

    run.succeed("A", changes={"n": 1})
    assert [] == run.scheduled
    run.succeed("B", changes={"n": 2})

    assert ["W"] == run.scheduled


def test_a_watcher_is_asked_again_when_a_key_that_it_reads_is_removed() -> None:
    """A key that is gone is a change."""
    run = Run(step("A"), step("B"), step("W", condition="'lock' not in context"), context={"lock": 1})

    run.succeed("A", removed=("lock",))

    assert ["W"] == run.scheduled


def test_a_watcher_is_asked_again_when_a_result_is_saved_under_a_key_that_it_reads() -> None:
    """save_as changes the context like a handler does."""
    run = Run(step("A", save_as="n"), step("B"), step("W", condition="context.get('n') == 7"))

    run.succeed("A", 7)

    assert ["W"] == run.scheduled


@pytest.mark.parametrize("condition", ["steps['A'].status == 'completed'", "steps['A'].data == 7"])
def test_a_watcher_is_asked_again_when_a_step_that_it_reads_changes(condition: str) -> None:
    """The status and the result of a step wake the watchers that read them."""
    run = Run(step("A"), step("B"), step("W", condition=condition))

    run.succeed("A", 7)

    assert ["W"] == run.scheduled


def test_a_watcher_sees_every_status_of_a_step_on_its_way() -> None:
    """A step that retries is a change too."""
    run = Run(step("A"), step("W", condition="steps['A'].status == 'retrying'"))

    run.err("A")

    assert ["W"] == run.scheduled


def test_a_watcher_of_a_computed_key_is_asked_on_every_change() -> None:
    """What cannot be known beforehand is watched as a whole."""
    run = Run(step("A"), step("B"), step("W", condition="context.get(context.key) == 1"), context={"key": "k"})

    run.succeed("A", changes={"k": 1})

    assert ["W"] == run.scheduled


def test_a_watcher_of_a_task_starts_when_the_task_does_what_it_waits_for() -> None:
    """Tasks of groups are steps for a watcher too; before their group starts they are pending."""
    run = Run(group("G", task("a"), task("b")), step("W", condition="steps['G/a'].status == 'completed'"))

    run.succeed("G/a")

    assert ["W"] == run.scheduled


def test_a_watcher_starts_once() -> None:
    """Though its condition turns true again after it ended, it does not run a second time."""
    run = Run(step("A"), step("B"), step("C"), step("W", condition="context.get('go')"))
    run.succeed("A", changes={"go": True})
    run.succeed("W", changes={"go": False})

    run.succeed("B", changes={"go": True})

    assert ([], "completed") == (run.scheduled, run.statuses["W"])


def test_a_watcher_that_cannot_be_evaluated_yet_is_asked_again() -> None:
    """A condition that fails on a missing key counts as false until the key is there."""
    run = Run(step("A"), step("B"), step("W", condition="context.n > 1"))

    run.succeed("A", changes={"n": 2})

    assert ["W"] == run.scheduled


def test_a_watcher_whose_time_has_come_waits_for_a_slot() -> None:
    """It is asked when a slot is free, so a moment that has passed by then is missed."""
    condition = "steps['A'].status == 'completed' and context.get('go')"
    run = Run(step("A"), step("B"), step("W", condition=condition), max_parallel_steps=1)

    run.succeed("A", changes={"go": True})
    assert ["B"] == run.running
    run.succeed("B")

    assert ["W"] == run.running


def test_a_group_can_be_a_watcher() -> None:
    """It expands when its condition turns true, without a slot; its tasks wait for one."""
    run = Run(step("A"), step("B"), group("G", task("a"), condition="context.get('go')"), max_parallel_steps=1)

    run.succeed("A", changes={"go": True})

    assert {"A": "completed", "B": "running", "G": "running", "G/a": "pending"} == run.statuses


# Quiet.


def _erring(run: Run) -> None:
    run.err("A")


def _lost(run: Run) -> None:
    run.lose_runner()


def _blocked(run: Run) -> None:
    run.err("A", code="unknown_handler")


def _nothing(run: Run) -> None:
    pass


@pytest.mark.parametrize(
    ("busy", "happens", "status"),
    [
        (step("A"), _nothing, "running"),
        (delay("A", 60), _nothing, "delayed"),
        (step("A"), _erring, "retrying"),
        (step("A", on_crash="ask"), _lost, "waiting"),
        (step("A"), _blocked, "blocked"),
    ],
    ids=["running", "delayed", "retrying", "waiting", "blocked"],
)
def test_a_run_is_not_quiet_while_a_step_is_under_way(
    busy: object, happens: Callable[[Run], None], status: str
) -> None:
    """While a step is running, delayed, retrying, waiting or blocked, watchers wait."""
    run = Run(busy, step("W", condition="False"))  # type: ignore[arg-type]

    happens(run)

    assert {"A": status, "W": "pending"} == run.statuses


def test_when_the_run_is_quiet_all_watchers_left_are_skipped_together() -> None:
    """They are skipped in one transaction, each with its own reason, and the run is completed."""
    run = Run(
        step("A"),
        step("False one", condition="context.get('go')"),
        step("Broken one", condition="context.no > 1"),
    )

    run.succeed("A")

    assert ["StepSucceeded", "StepSkipped", "StepSkipped", "Finished"] == kinds(run.last)
    assert ["never_true", "condition_error"] == [event.code for event in run.made(e.StepSkipped)]
    reasons = [event.reason for event in run.made(e.StepSkipped)]
    assert "the condition is false: context.get('go')" == reasons[0]
    assert reasons[1].startswith("the condition could not be evaluated: context has no 'no'.")
    assert "completed" == run.status


@pytest.mark.parametrize("names", [("First", "Second"), ("Second", "First")])
def test_a_watcher_does_not_see_that_another_was_skipped_with_it(names: tuple[str, str]) -> None:
    """Skipped together means judged on one state: the order of the definition does not matter."""
    watchers = {
        "First": step("First", condition="context.get('go')"),
        "Second": step("Second", condition="steps['First'].status == 'skipped'"),
    }

    run = Run(step("A"), *(watchers[name] for name in names))
    run.succeed("A")

    skipped = {event.step: (event.code, event.reason) for event in run.made(e.StepSkipped)}
    assert {
        "First": ("never_true", "the condition is false: context.get('go')"),
        "Second": ("never_true", "the condition is false: steps['First'].status == 'skipped'"),
    } == skipped


def test_a_run_of_watchers_that_are_all_false_ends_at_once() -> None:
    """A run that is quiet from the start has nothing to wait for."""
    run = Run(step("W", condition="context.get('go')"))

    assert "completed" == run.status


def test_what_a_skipped_watcher_settles_may_still_run() -> None:
    """Followers of the watchers go by their own rules, and the run ends after them."""
    run = Run(step("A"), step("W", condition="False"), step("Last", ["W"], run_when="all_settled"))

    run.succeed("A")
    assert ["Last"] == run.scheduled
    run.succeed("Last")

    assert "completed" == run.status


def test_a_watcher_that_was_skipped_stays_skipped() -> None:
    """What runs after the quiet moment cannot wake it again."""
    run = Run(step("W", condition="context.get('go')"), step("Last", ["W"], run_when="all_settled"))

    run.succeed("Last", changes={"go": True})

    assert ("skipped", "completed") == (run.statuses["W"], run.status)


def test_a_run_waits_for_what_a_watcher_started() -> None:
    """A watcher that started keeps the others waiting."""
    run = Run(step("V", condition="True"), step("W", condition="steps['V'].status == 'completed'"))
    assert {"V": "running", "W": "pending"} == run.statuses

    run.succeed("V")

    assert ["W"] == run.scheduled
