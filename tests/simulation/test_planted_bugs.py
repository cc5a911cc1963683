"""The simulator is worth what it finds: each of these bugs is planted in the engine, and found within 500 seeds."""
# ruff: noqa: SLF001 - a bug is planted inside

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from syncara.abc import Record
from syncara.core import board, events, graph, machine
from syncara.core.board import Board
from syncara.core.model import ExecutionStatus, StepStatus
from syncara.core.reads import steps_view
from syncara.runtimes import driver, local, resident
from syncara.stores.memory import MemoryStore
from syncara.testing import SimulationFailure, simulate
from syncara.testing.disk import SimulatedStore

SEEDS = 500
Plant = Callable[[pytest.MonkeyPatch], None]
PLANTS: list[tuple[Plant, str]] = []


def caught_as(rule: str) -> Callable[[Plant], Plant]:
    """Register a bug with the words of the rules that it may be caught by."""

    def register(plant: Plant) -> Plant:
        PLANTS.append((plant, rule))
        return plant

    return register


@caught_as("a handler is called only after its StepScheduled is committed")
def act_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """Actions are carried out when they are decided, not when they are durable."""
    feed = local.LocalRuntime.feed

    def hasty(self: Any, resident: Any, *args: Any, **named: Any) -> bool:
        changed = feed(self, resident, *args, **named)
        batch = resident._gathering
        if batch is not None:
            actions, batch.actions = batch.actions, []
            for action in actions:
                self._act(resident, action)
        return changed

    patch.setattr(local.LocalRuntime, "feed", hasty)


@caught_as("every execution ends|starts as soon as a slot is free|when the run is quiet")
def lose_a_follower(patch: pytest.MonkeyPatch) -> None:
    """Of two steps that wait for one, the second is never told that it is over."""
    init = graph.Plan.__init__

    def forgetful(self: Any, *args: Any) -> None:
        init(self, *args)
        self.followers = [followers[:1] for followers in self.followers]

    patch.setattr(graph.Plan, "__init__", forgetful)


@caught_as("an attempt is retried while retries are left")
def retry_once_too_often(patch: pytest.MonkeyPatch) -> None:
    """retry_count=3 makes five attempts."""
    init = graph.Plan.__init__

    def generous(self: Any, *args: Any) -> None:
        init(self, *args)
        self.steps = [msgspec.structs.replace(step, retry_count=step.retry_count + 1) for step in self.steps]

    patch.setattr(graph.Plan, "__init__", generous)


@caught_as("got the context|rendered from the context|the final context")
def keep_the_context_of_a_failed_attempt(patch: pytest.MonkeyPatch) -> None:
    """What a handler changed before it failed is kept in memory."""
    call_of, erred = driver.call_of, driver._erred
    boards: dict[int, Board] = {}

    def remembering(state: Board, event: Any) -> Any:
        call = call_of(state, event)
        boards[id(call.execution)] = state
        return call

    def careless(call: Any, *args: Any, **named: Any) -> Any:
        boards[id(call.execution)]._set_context(*call.execution.changes())
        return erred(call, *args, **named)

    patch.setattr(driver, "call_of", remembering)
    patch.setattr(driver, "_erred", careless)


@caught_as("got the params")
def render_params_again_on_retry(patch: pytest.MonkeyPatch) -> None:
    """Each attempt gets its params from the context of the moment."""
    call_of = driver.call_of

    def fresh(state: Board, event: Any) -> Any:
        call = call_of(state, event)
        template = state.plan.templates[state.plan.index[event.step]]
        if template is not None:
            call.step.params = template.render(state.context, steps_view(state, template.reads))
        return call

    patch.setattr(driver, "call_of", fresh)


@caught_as("pause decides nothing until resume")
def start_after_pause(patch: pytest.MonkeyPatch) -> None:
    """What a running attempt sets free starts, although the run is paused."""
    following = machine._next

    def restless(state: Board, at: float) -> Any:
        paused = state.status is ExecutionStatus.PAUSED
        if paused:
            state.status = ExecutionStatus.RUNNING
        decision = following(state, at)
        if paused:
            state.status = ExecutionStatus.PAUSED
        return decision

    patch.setattr(machine, "_next", restless)


@caught_as("starts as soon as a slot is free|a watcher whose condition is true starts")
def ask_a_watcher_once(patch: pytest.MonkeyPatch) -> None:
    """A watcher is asked at the start, and not again when what it reads changes."""
    patch.setattr(Board, "_touch", lambda self, watchers, key: None)


@caught_as("when all its dependencies have settled")
def any_failed_before_all_settled(patch: pytest.MonkeyPatch) -> None:
    """A step with run_when any_failed starts at the first failure, while other dependencies still run."""
    settle = Board._settle

    def eager(self: Board, i: int, status: Any) -> Any:
        settled = settle(self, i, status)
        for follower in self.plan.followers[i] if status is StepStatus.FAILED else ():
            node = self.nodes[follower]
            assert node is not None
            if self.plan.steps[follower].run_when == "any_failed" and node.open_dependencies > 0:
                node.open_dependencies = -1
                self.ready.append(follower)
        return settled

    patch.setattr(Board, "_settle", eager)


@caught_as("a handler is called only after its StepScheduled is committed")
def run_a_finished_step_again(patch: pytest.MonkeyPatch) -> None:
    """After a crash, steps that had completed are called once more."""
    drive = driver.drive

    def forgetful(state: Board, fact: Any) -> Any:
        decided, actions = drive(state, fact)
        if isinstance(fact, events.RunnerLost):
            for step, node in zip(state.plan.steps, state.nodes, strict=True):
                if node is not None and node.status is StepStatus.COMPLETED and step.handler in ("work", "late"):
                    actions.append(driver.call_of(state, events.StepScheduled(fact.at, step.name, node.attempts)))
        return decided, actions

    patch.setattr(local, "drive", forgetful)


@caught_as("the key is the same for every attempt")
def put_the_attempt_into_the_key(patch: pytest.MonkeyPatch) -> None:
    """A retry has another idempotency key than the first attempt."""
    call_of = driver.call_of

    def numbered(state: Board, event: Any) -> Any:
        call = call_of(state, event)
        call.execution.idempotency_key += f":{event.attempt}"
        return call

    patch.setattr(driver, "call_of", numbered)


@caught_as("an approval counts once")
def begin_at_every_approval(patch: pytest.MonkeyPatch) -> None:
    """A second approval begins a run that was approved before."""
    accepted = machine._accepted

    def generous(state: Board, fact: Any) -> bool:
        return accepted(state, fact) or (isinstance(fact, events.Approved) and state.finished_at is None)

    patch.setattr(machine, "_accepted", generous)


@caught_as("an approval that comes too late is none")
def approve_at_any_time(patch: pytest.MonkeyPatch) -> None:
    """An approval counts although its time is over."""
    accepted = machine._accepted

    def patient(state: Board, fact: Any) -> bool:
        late = isinstance(fact, events.Approved) and state.approve_by is not None and state.finished_at is None
        return late or accepted(state, fact)

    patch.setattr(machine, "_accepted", patient)


@caught_as("every execution ends|what is due goes on in time")
def wait_for_an_approval_forever(patch: pytest.MonkeyPatch) -> None:
    """Nothing happens when the time to approve is over, because no timer is set for it."""

    def forgetful(state: Board) -> float | None:
        return None if state.status is ExecutionStatus.AWAITING_APPROVAL else machine.next_wake(state)

    patch.setattr(local, "next_wake", forgetful)
    patch.setattr(resident, "next_wake", forgetful)


@caught_as("nothing is decided before the approval|the run ends cancelled, not")
def start_on_time_without_approval(patch: pytest.MonkeyPatch) -> None:
    """A start that lay ahead begins when it is due, approved or not."""
    due = Board._due

    def punctual(self: Board, event: Any) -> None:
        if self.start_at is not None and self.start_at <= event.at:
            self.approve_by = None
        due(self, event)

    patch.setattr(Board, "_due", punctual)


@caught_as("pause decides nothing until resume")
def begin_at_an_approval_while_paused(patch: pytest.MonkeyPatch) -> None:
    """An approval begins a run that is paused."""

    def hasty(self: Board, event: Any) -> None:
        self.approve_by = None
        self._due(event)

    approved: type[events.Event] = events.Approved
    patch.setitem(board._APPLY, approved, hasty)


@caught_as("a bundle is one transaction|of a bundle all is there or nothing")
def write_a_bundle_in_two_transactions(patch: pytest.MonkeyPatch) -> None:
    """Changes of definitions are written after the events that belong to them."""
    append = SimulatedStore.append

    def apart(self: Any, entries: Any, done: Any, *, inline: bool = False, changes: Any = ()) -> None:
        if entries and changes:
            append(self, entries, lambda error: None, inline=inline)
            append(self, (), done, changes=changes)
        else:
            append(self, entries, done, inline=inline, changes=changes)

    patch.setattr(SimulatedStore, "append", apart)


@caught_as("a bundle that was refused did not happen|of a bundle all is there or nothing")
def write_the_records_of_what_is_refused(patch: pytest.MonkeyPatch) -> None:
    """Records are written before it is known whether the rest can be."""
    append = MemoryStore._append

    def hasty(self: Any, entries: Any, changes: Any) -> None:
        for change in changes:
            if isinstance(change, Record):
                self._put(change)
        append(self, entries, changes)

    patch.setattr(MemoryStore, "_append", hasty)


@caught_as("each (pause|resume|cancel|approve) that returned True happened, and no other")
def replay_what_was_refused(patch: pytest.MonkeyPatch) -> None:
    """What a caller was told has not happened is kept, and happens later."""
    patch.setattr(resident, "_from_caller", lambda fact: isinstance(fact, events.Started))


@caught_as("every execution ends|was never told")
def tell_nobody_of_a_refusal(patch: pytest.MonkeyPatch) -> None:
    """Whoever asked for a bundle that is refused waits forever."""
    tell = resident.Group.tell

    def discreet(self: Any, error: Any) -> None:
        if error is None:
            tell(self, error)

    patch.setattr(resident.Group, "tell", discreet)


@pytest.mark.parametrize(("plant", "rule"), PLANTS, ids=[plant.__name__ for plant, _ in PLANTS])
def test_planted_bug_is_found(plant: Plant, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the engine makes a simulation fail, and for the right reason."""
    plant(monkeypatch)
    failure = first_failure()
    assert failure is not None
    assert re.search(rule, failure.message), failure.message


def first_failure() -> SimulationFailure | None:
    for seed in range(SEEDS):
        try:
            simulate(seed)
        except SimulationFailure as failure:
            return failure
    return None
