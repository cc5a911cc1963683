"""What starts, when, how much of it at once, and which facts count."""

from __future__ import annotations

from typing import Any

import pytest

from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.errors import InvalidStateError
from syncara.core.graph import Plan
from syncara.core.machine import advance
from syncara.core.model import ExecutionStatus, Step, StepStatus, Workflow
from tests.core.build import START, Run, delay, group, kinds, state, step, task, workflow


def test_the_statuses_are_those_of_the_design() -> None:
    """Executions have eight statuses and steps ten, each its own text."""
    execution = "scheduled awaiting_approval running paused completed completed_with_errors failed cancelled"
    steps = "pending running delayed retrying waiting blocked completed failed skipped cancelled"

    assert execution.split() == [str(status) for status in ExecutionStatus]
    assert steps.split() == [str(status) for status in StepStatus]


def test_final_statuses_say_so() -> None:
    """Four statuses of an execution and four of a step are ends."""
    assert ["completed", "completed_with_errors", "failed", "cancelled"] == [s for s in ExecutionStatus if s.final]
    assert ["completed", "failed", "skipped", "cancelled"] == [s for s in StepStatus if s.final]


def test_a_definition_has_the_defaults_of_the_design() -> None:
    """Timeout 300, retry_count 3, retry_delay 5, backoff 2, cap 300; global 1800, recovery 300, five at once."""
    one, flow = Step(id="s", name="A", handler="work"), Workflow(id="w", name="Flow")

    assert (300, 3, 5, 2.0, 300) == (
        one.timeout,
        one.retry_count,
        one.retry_delay,
        one.retry_backoff,
        one.max_retry_delay,
    )
    assert ("none_failed", "fail", "retry") == (one.run_when, one.on_error, one.on_crash)
    assert (1800, 300, 5, True) == (
        flow.global_timeout,
        flow.recovery_timeout,
        flow.max_parallel_steps,
        flow.auto_retry,
    )


def test_steps_without_dependencies_start_at_once_in_definition_order() -> None:
    """The start of a run starts what waits for nothing."""
    run = Run(step("A"), step("B"), step("C", ["A"]))

    assert ["Started", "StepScheduled", "StepScheduled"] == kinds(run.last)
    assert ["A", "B"] == run.scheduled


def test_a_step_starts_in_the_transaction_that_settles_its_last_dependency() -> None:
    """Followers become ready with the result that they waited for, not later."""
    run = Run(step("A"), step("B"), step("C", ["A", "B"]))

    assert ["StepSucceeded"] == kinds(run.succeed("A"))
    assert ["StepSucceeded", "StepScheduled"] == kinds(run.succeed("B"))
    assert ["C"] == run.running


def test_dependencies_are_names_or_ids_and_may_point_forward() -> None:
    """A dependency may be written as the id or the name of a step further down."""
    run = Run(step("Last", ["id of First", "Second"]), step("First"), step("Second"))

    run.succeed("First")
    run.succeed("Second")

    assert ["Last"] == run.running


def test_a_dependency_named_twice_counts_once() -> None:
    """The id and the name of one step are one dependency."""
    run = Run(step("A"), step("B", ["A", "id of A", "A"]))

    run.succeed("A")

    assert ["B"] == run.scheduled


def test_a_run_is_completed_when_every_step_is() -> None:
    """The last result ends the run, with the time of that result."""
    run = Run(step("A"), step("B", ["A"]))

    run.succeed("A", after=1)
    run.succeed("B", after=2)

    assert e.Finished(START + 3, ExecutionStatus.COMPLETED) == run.only(e.Finished)
    assert ("completed", START, START + 3) == (run.status, run.board.started_at, run.board.finished_at)
    assert run.wake is None


# How much at once.


def test_max_parallel_steps_counts_attempts_in_a_handler_and_delays() -> None:
    """With three slots, a delay and two attempts leave no room for a fourth step."""
    run = Run(delay("Wait", 60), step("A"), step("B"), step("C"), max_parallel_steps=3)

    assert {"Wait": "delayed", "A": "running", "B": "running", "C": "pending"} == run.statuses
    run.tick()
    assert ["C"] == run.scheduled


def test_waiting_steps_start_in_the_order_in_which_they_became_ready() -> None:
    """A free slot goes to whoever waited for it the longest."""
    run = Run(step("A"), step("B"), step("C"), step("D", ["A"]), max_parallel_steps=1)

    starts = []
    for _ in range(4):
        starts += run.running
        run.succeed(run.running[0])

    assert ["A", "B", "C", "D"] == starts


def test_a_group_holds_no_slot() -> None:
    """Only the tasks of a group count, so a group and its task fit into one slot."""
    run = Run(group("G", task("a"), task("b")), max_parallel_steps=1)

    assert {"G": "running", "G/a": "running", "G/b": "pending"} == run.statuses


def test_a_retry_wait_holds_no_slot() -> None:
    """While a failed attempt waits for its next one, another step takes its slot."""
    run = Run(step("A"), step("B"), max_parallel_steps=1)

    run.err("A")

    assert {"A": "retrying", "B": "running"} == run.statuses


def test_a_wait_for_a_person_holds_no_slot() -> None:
    """A step that a person decides about leaves its slot to the others."""
    run = Run(step("A", on_crash="ask"), step("B"), max_parallel_steps=1)

    run.lose_runner()

    assert {"A": "waiting", "B": "running"} == run.statuses


def test_a_blocked_step_holds_no_slot() -> None:
    """A step whose handler is missing leaves its slot to the others."""
    run = Run(step("A"), step("B"), max_parallel_steps=1)

    run.err("A", code="unknown_handler")

    assert {"A": "blocked", "B": "running"} == run.statuses


def test_a_retry_that_is_due_awaits_a_slot_and_goes_before_new_steps() -> None:
    """The next free slot goes to the retry, though other steps were ready before."""
    run = Run(step("A"), step("B"), step("C"), max_parallel_steps=1)
    run.err("A")

    run.tick()
    assert [] == run.scheduled
    run.succeed("B")

    assert [e.StepScheduled(run.now, "A", 2)] == run.made(e.StepScheduled)


# A start that lies ahead.


def test_a_start_that_lies_ahead_waits_for_its_tick() -> None:
    """Until its time the execution is scheduled, and nothing of it starts."""
    run = Run(step("A"), start_at=START + 60)

    assert ("scheduled", START + 60, []) == (run.status, run.wake, run.running)
    assert [] == run.tick(after=59)
    assert ["Ticked", "StepScheduled"] == kinds(run.tick())
    assert ("running", START + 60) == (run.status, run.board.started_at)


def test_a_start_in_the_past_is_now() -> None:
    """A run whose start has passed starts at once."""
    assert "running" == Run(step("A"), start_at=START - 1).status


# Which facts count.


def test_an_unknown_handler_blocks_the_step_until_it_is_registered() -> None:
    """A handler gone missing is no failure: the attempt is made again under its number when the handler is back."""
    run = Run(step("A"))

    run.err("A", "no handler 'work'", code="unknown_handler")
    assert e.StepBlocked(run.now, "A", "handler", "no handler 'work'") == run.only(e.StepBlocked)
    assert [] == run.signal("A", "turn")
    run.signal("A", "handler")

    assert e.StepScheduled(run.now, "A", 1) == run.only(e.StepScheduled)


@pytest.mark.parametrize("fact", [e.StepSucceeded(START, "A", 1), e.StepErred(START, "A", 1, "error", "late")])
def test_a_result_of_an_earlier_attempt_changes_nothing(fact: e.StepSucceeded | e.StepErred) -> None:
    """Only the attempt under way has a result."""
    run = Run(step("A"))
    run.err("A")
    run.tick()

    assert [] == run.feed(fact)
    assert {"A": "running"} == run.statuses


def test_a_second_result_of_an_attempt_changes_nothing() -> None:
    """A step ends exactly once."""
    run = Run(step("A"), step("B"))
    run.succeed("A", "first")

    assert [] == run.feed(e.StepSucceeded(START, "A", 1, "second"))
    assert "first" == run.node("A").data


def test_a_result_of_a_step_that_has_not_started_changes_nothing() -> None:
    """What is not in a handler has no result."""
    run = Run(step("A"), step("B", ["A"]))

    assert [] == run.feed(e.StepSucceeded(START, "B", 0))


@pytest.mark.parametrize(
    "fact",
    [
        e.StepSucceeded(START, "A", 1),
        e.Paused(START),
        e.Resumed(START),
        e.Cancelled(START),
        e.RunnerLost(START),
        e.Ticked(START + 9_999),
    ],
)
def test_nothing_happens_after_the_end(fact: e.Fact) -> None:
    """A finished run takes no fact."""
    run = Run(step("A"))
    run.succeed("A")

    assert [] == run.feed(fact)
    assert "completed" == run.status


@pytest.mark.parametrize("fact", [e.Paused(START), e.Cancelled(START), e.Ticked(START), e.RunnerLost(START)])
def test_nothing_happens_before_the_start(fact: e.Fact) -> None:
    """An execution begins with Started."""
    assert [] == advance(Board(Plan(workflow(step("A")))), fact)


def test_time_never_runs_backwards_within_an_execution() -> None:
    """A fact from a clock that was set back counts as of the latest event."""
    run = Run(step("A"), step("B", ["A"]))

    run.succeed("A", after=10)
    run.succeed("B", after=-500)

    assert [START, START, START + 10, START + 10, START + 10, START + 10] == [event.at for event in run.journal]


def test_a_tick_with_nothing_due_moves_the_time_and_leaves_no_trace() -> None:
    """A tick is journaled only when something follows from it."""
    run = Run(delay("Wait", 60))
    before = state(run.board)

    assert [] == run.tick(after=59)
    assert {**before, "now": START + 59} == state(run.board)


@pytest.mark.parametrize(
    ("fact", "error"),
    [
        (e.Started(START, "other", "wf", 1), InvalidStateError),
        (e.StepSucceeded(START, "Nobody", 1), KeyError),
        (e.StepErred(START, "G/b", 1, "error", "not a task"), KeyError),
        (e.Signalled(START, "Nobody", "handler"), KeyError),
    ],
)
def test_an_illegal_fact_raises_and_changes_nothing(fact: e.Fact, error: type[Exception]) -> None:
    """A second Started or an unknown step leaves the board as it was."""
    run = Run(step("A"), group("G", task("a"), after=["A"]))
    before = state(run.board)

    with pytest.raises(error):
        run.feed(fact)

    assert before == state(run.board)


def test_a_task_of_a_group_that_has_not_started_is_an_unknown_step() -> None:
    """Tasks exist from the moment in which their group expands."""
    run = Run(step("A"), group("G", task("a"), after=["A"]))

    with pytest.raises(KeyError):
        run.feed(e.StepSucceeded(START, "G/a", 1))


def test_a_journal_under_rules_of_a_newer_version_is_refused() -> None:
    """The rule set of an execution is pinned; one that this version does not know is named, and nothing changes."""
    board = Board(Plan(workflow(step("A"))))
    before = state(board)

    with pytest.raises(InvalidStateError) as raised:
        advance(board, e.Started(START, "ex", "wf", 1, rules=99))

    assert ("unknown_rules", "ex") == (raised.value.code, raised.value.where)
    assert before == state(board)


def test_one_definition_runs_many_times_at_once() -> None:
    """Executions share the compiled definition and nothing else."""
    plan = Plan(workflow(step("A", save_as="out"), step("B", ["A"], params={"x": "{context.out}"})))
    boards = [Board(plan), Board(plan)]
    rendered: list[Any] = []

    for number, board in enumerate(boards):
        advance(board, e.Started(START, f"ex{number}", "wf", 2, {"number": number}))
    for number, board in enumerate(boards):
        rendered += advance(board, e.StepSucceeded(START, "A", 1, f"result {number}"))

    assert [{"x": "result 0"}, {"x": "result 1"}] == [
        event.params for event in rendered if isinstance(event, e.StepScheduled)
    ]
    assert [{"number": 0, "out": "result 0"}, {"number": 1, "out": "result 1"}] == [b.context for b in boards]
