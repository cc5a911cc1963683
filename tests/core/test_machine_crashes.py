"""Attempts whose process ended under them: made again, failed, asked about, suspected, convicted."""

from __future__ import annotations

from typing import Any

import pytest

from syncara.core import events as e
from tests.core.build import START, Run, delay, group, kinds, step, task


def test_a_lost_attempt_is_made_again_under_its_number() -> None:
    """A crash re-run repeats the attempt number."""
    run = Run(step("A"), step("B"))
    run.err("A")
    run.tick()

    run.lose_runner()

    assert [e.StepScheduled(run.now, "B", 1), e.StepScheduled(run.now, "A", 2)] == run.made(e.StepScheduled)


def test_a_crash_uses_up_no_retry() -> None:
    """After a crash re-run all retries are left."""
    run = Run(step("A", retry_count=1))
    run.lose_runner()

    run.err("A")
    assert 2 == run.only(e.RetryPlanned).attempt
    run.tick()
    run.err("A")

    assert "failed" == run.statuses["A"]


def test_a_crash_re_run_gets_the_same_params() -> None:
    """They were rendered when the step first started, and are not rendered again."""
    run = Run(step("A", params={"x": "{context.x}"}), step("B"), context={"x": 1})
    run.succeed("B", changes={"x": 2})

    run.lose_runner()

    assert e.StepScheduled(START, "A", 1) == run.only(e.StepScheduled)
    assert {"x": 1} == run.node("A").params


def test_a_step_that_has_ended_is_not_made_again() -> None:
    """Only what was in a handler is lost; delays, retry waits and groups go on from the journal."""
    run = Run(step("A"), delay("B", 60), step("C"), group("G", task("a")))
    run.succeed("A")
    run.err("C")

    run.lose_runner()

    assert ["G/a"] == run.scheduled
    assert {"A": "completed", "B": "delayed", "C": "retrying", "G": "running", "G/a": "running"} == run.statuses


def test_a_lost_runner_without_attempts_changes_nothing() -> None:
    """A run that only waited lost nothing."""
    assert [] == Run(delay("A", 60)).lose_runner()


def test_a_result_from_the_lost_process_counts_for_the_re_run() -> None:
    """A re-run has the number of the lost attempt, so the first result of that number ends the step, once."""
    run = Run(step("A"))
    run.lose_runner()

    run.succeed("A", 1)

    assert "completed" == run.status


# on_crash.


@pytest.mark.parametrize("clean", [True, False])
def test_on_crash_fail_fails_the_step_without_a_retry(clean: bool) -> None:
    """The outcome is unknown, and the step says not to try: also after an orderly stop."""
    run = Run(step("A", on_crash="fail", retry_count=3))

    run.lose_runner(clean=clean)

    assert ("crashed", "failed") == (run.only(e.StepFailed).code, run.status)


@pytest.mark.parametrize("clean", [True, False])
def test_on_crash_ask_waits_for_a_person(clean: bool) -> None:
    """The step waits as long as it takes, also after an orderly stop."""
    run = Run(step("A", on_crash="ask"))

    run.lose_runner(clean=clean)

    waiting = run.only(e.StepWaiting)
    assert ("A", "on_crash", "waiting") == (waiting.step, waiting.signal, run.statuses["A"])
    assert waiting.reason == run.node("A").reason


def test_the_answer_retry_makes_the_attempt_again() -> None:
    """Under its number, and the reason for waiting is gone."""
    run = Run(step("A", on_crash="ask"))
    run.lose_runner()

    run.signal("A", "on_crash", "retry")

    assert e.StepScheduled(START, "A", 1) == run.only(e.StepScheduled)
    assert None is run.node("A").reason


def test_the_answer_fail_fails_the_step() -> None:
    """The refusal is a final failure with the code crashed."""
    run = Run(step("A", on_crash="ask"))
    run.lose_runner()

    run.signal("A", "on_crash", "fail")

    assert ("crashed", "failed") == (run.only(e.StepFailed).code, run.status)


def test_a_second_answer_changes_nothing() -> None:
    """The first one counts."""
    run = Run(step("A", on_crash="ask"))
    run.lose_runner()
    run.signal("A", "on_crash", "retry")

    assert [] == run.signal("A", "on_crash", "fail")


def test_an_answered_step_waits_for_a_slot() -> None:
    """It gave its slot away while it waited, and goes before new steps when one is free."""
    run = Run(step("A", on_crash="ask"), step("B"), step("C"), max_parallel_steps=1)
    run.lose_runner()
    assert ["B"] == run.running

    run.signal("A", "on_crash", "retry")
    assert [] == run.scheduled
    run.succeed("B")

    assert ["A"] == run.scheduled


# Poison.


def crash_times(run: Run, count: int, *, clean: bool = False) -> None:
    """Let the process die, giving each suspect its turn in between."""
    for _ in range(count):
        for step_, status in run.statuses.items():
            if status == "blocked":
                run.signal(step_, "turn")
        run.lose_runner(clean=clean)


def test_after_two_unclean_deaths_a_step_waits_for_its_turn() -> None:
    """Suspects run one at a time, so the step is blocked until it is told that it may."""
    run = Run(step("A"))

    crash_times(run, 2)

    blocked = run.only(e.StepBlocked)
    assert ("A", "turn", "blocked") == (blocked.step, blocked.signal, run.statuses["A"])
    run.signal("A", "turn")
    assert e.StepScheduled(START, "A", 1) == run.only(e.StepScheduled)


def test_a_turn_that_cannot_be_used_at_once_is_not_taken() -> None:
    """While paused or without a free slot a suspect stays blocked: no two turns may be out when the process dies."""
    run = Run(step("A"), step("B"), max_parallel_steps=1)
    crash_times(run, 2)
    assert {"A": "blocked", "B": "running"} == run.statuses

    assert [] == run.signal("A", "turn")
    run.pause()
    run.succeed("B")
    assert [] == run.signal("A", "turn")
    run.resume()

    assert ["Signalled", "StepScheduled"] == kinds(run.signal("A", "turn"))


def test_the_third_unclean_death_convicts_the_step_that_was_running() -> None:
    """The suspect whose turn it was fails as poison; the one that waited does not."""
    run = Run(step("Guilty"), step("Innocent"))
    crash_times(run, 2)
    assert {"Guilty": "blocked", "Innocent": "blocked"} == run.statuses

    run.signal("Innocent", "turn")
    run.succeed("Innocent")
    run.signal("Guilty", "turn")
    run.lose_runner()

    assert ("Guilty", "poison") == (run.only(e.StepFailed).step, run.only(e.StepFailed).code)
    assert {"Guilty": "failed", "Innocent": "completed"} == run.statuses


def test_poison_is_not_retried() -> None:
    """The conviction is final, whatever retries are left."""
    run = Run(step("A", retry_count=3))

    crash_times(run, 3)

    assert ("failed", "poison") == (run.status, run.board.code)


def test_a_suspect_that_does_its_work_is_free() -> None:
    """Two crashes are no conviction."""
    run = Run(step("A"))
    crash_times(run, 2)

    run.signal("A", "turn")
    run.succeed("A")

    assert "completed" == run.status


@pytest.mark.parametrize("kills", [0, 1])
def test_an_orderly_stop_is_no_crash(kills: int) -> None:
    """SIGTERM and a closed loop count towards no conviction, however often they come."""
    run = Run(step("A"))
    crash_times(run, kills)

    crash_times(run, 10, clean=True)

    assert (["A"], kills) == (run.scheduled, run.node("A").crashes)


def test_crashes_count_per_step() -> None:
    """A step that was not in a handler when the process died is not suspected."""
    run = Run(step("A"), step("B"), step("C", ["B"]))
    run.lose_runner()
    run.succeed("B")

    run.lose_runner()

    assert {"A": "blocked", "B": "completed", "C": "running"} == run.statuses


def test_a_retry_of_a_suspect_remains_suspect() -> None:
    """Crashes belong to the step, so they are counted over all its attempts."""
    run = Run(step("A"))
    run.lose_runner()
    run.err("A")
    run.tick()

    run.lose_runner()

    assert "blocked" == run.statuses["A"]


def test_a_retry_of_a_suspect_waits_for_a_turn_of_its_own() -> None:
    """A turn is for one attempt; the next one runs alone too."""
    run = Run(step("A"))
    crash_times(run, 2)
    run.signal("A", "turn")

    run.err("A")
    run.tick()
    assert ("A", "turn") == (run.only(e.StepBlocked).step, run.only(e.StepBlocked).signal)
    run.signal("A", "turn")

    assert e.StepScheduled(run.now, "A", 2) == run.only(e.StepScheduled)


@pytest.mark.parametrize("answer", ["retry", None])
def test_a_step_that_asks_is_convicted_like_any_other(answer: Any) -> None:
    """on_crash=ask does not protect a step that killed the process three times."""
    run = Run(step("A", on_crash="ask"))
    for _ in range(2):
        run.lose_runner()
        run.signal("A", "on_crash", answer)
        if run.statuses["A"] == "blocked":
            run.signal("A", "turn")

    run.lose_runner()

    assert "poison" == run.only(e.StepFailed).code


def test_a_suspect_that_a_person_lets_run_waits_for_its_turn_too() -> None:
    """After two unclean deaths every suspect runs alone, so that the third convicts the guilty."""
    run = Run(step("A", on_crash="ask"))
    run.lose_runner()
    run.signal("A", "on_crash", "retry")
    run.lose_runner()

    run.signal("A", "on_crash", "retry")

    assert ("A", "turn") == (run.only(e.StepBlocked).step, run.only(e.StepBlocked).signal)


def test_a_loss_is_journaled_with_what_follows() -> None:
    """The fact and its decisions are one transaction."""
    run = Run(step("A"), step("B"))

    assert ["RunnerLost", "StepScheduled", "StepScheduled"] == kinds(run.lose_runner())
