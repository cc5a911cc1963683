"""Replay equals live: the journal alone leads to the same state and to the same next decisions."""

from __future__ import annotations

from hypothesis import given, settings

from syncara.core import journal
from syncara.core.board import Board
from syncara.core.events import DECISIONS, FACTS, AnyEvent, Fact, Resumed, RunnerLost, StepSucceeded
from syncara.core.machine import advance, fold, next_wake
from tests.core.build import START, Run, journaled_state, state, step
from tests.core.strategies import Walk, walks


@settings(max_examples=150)
@given(walks())
def test_a_replayed_execution_is_the_live_one_at_every_moment(walk: Walk) -> None:
    """After any facts, the folded journal gives the same board, the same wake, and the same decisions from then on."""
    live, written = Board(walk.plan), list[AnyEvent]()
    for fact in walk.facts:
        replayed = fold(Board(walk.plan), written)
        events = advance(live, fact)

        assert events == advance(replayed, fact)
        assert journaled_state(live) == journaled_state(replayed)
        if events:
            assert (live.now, next_wake(live)) == (replayed.now, next_wake(replayed))
        written += events


@settings(max_examples=50)
@given(walks())
def test_a_journal_that_was_stored_leads_to_the_same_state(walk: Walk) -> None:
    """Nothing of an execution is lost between the events and their bytes."""
    body = journal.encode(walk.journal)
    stored = journal.decode([(0, len(walk.journal), body, journal.chain(body, 0))])

    assert walk.journal == stored
    assert state(fold(Board(walk.plan), walk.journal)) == state(fold(Board(walk.plan), stored))


@settings(max_examples=50)
@given(walks())
def test_every_transaction_is_a_fact_and_what_follows_from_it(walk: Walk) -> None:
    """Each begins with the fact that came, goes on with decisions alone, and time never runs backwards."""
    board, latest = Board(walk.plan), 0.0
    for fact in walk.facts:
        events = advance(board, fact)
        if events:
            assert isinstance(events[0], FACTS)
            assert all(isinstance(event, DECISIONS) for event in events[1:])
            assert {events[0].at} == {event.at for event in events}
            assert latest <= events[0].at
            latest = events[0].at


def assert_next_alike(run: Run, fact: Fact) -> None:
    """The same fact leads the live board and a replayed one to the same decisions."""
    replayed = run.replayed()

    assert run.feed(fact) == advance(replayed, fact)


def test_watchers_start_in_the_same_order_after_a_replay() -> None:
    """The order in which their keys changed decides, not how often they were asked before."""
    run = Run(
        step("A"),
        step("V", condition="context.get('v')"),
        step("W", condition="context.get('w')"),
    )

    assert_next_alike(run, StepSucceeded(START, "A", 1, None, {"w": 1, "v": 1}))


def test_lost_attempts_are_made_again_in_the_same_order_after_a_replay() -> None:
    """The order of their latest start decides, also after an earlier loss."""
    run = Run(step("A", retry_delay=0), step("B"))
    run.lose_runner(clean=True)
    run.err("A")
    assert ["B", "A"] == run.running

    assert_next_alike(run, RunnerLost(START, clean=True))


def test_signalled_attempts_are_made_again_in_the_same_order_after_a_replay() -> None:
    """The order of the latest signals decides, also after earlier ones."""
    run = Run(step("A"), step("B"))
    for order in ("AB", "BA"):
        for name in "AB":
            run.err(name, code="unknown_handler")
        if order == "BA":
            run.pause()
        for name in order:
            run.signal(name, "handler")

    assert_next_alike(run, Resumed(START))


def test_an_execution_can_be_taken_up_between_any_two_facts() -> None:
    """A run that is folded anew after each fact ends like one that was never interrupted."""
    run = Run(step("A"), step("B", ["A"]), step("C", ["B"]))
    board = run.board

    for name in "ABC":
        run.board = run.replayed()
        assert board is not run.board
        run.succeed(name)

    assert "completed" == run.status
