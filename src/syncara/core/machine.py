"""What follows from a fact: the one place where the engine decides.

`advance` takes a fact into an execution and returns the events to journal: the fact and every decision that follows.
It is pure. `fact.at` is the only clock there is, and the same journal always leads to the same state and decisions,
so recovery, replay and a second runtime need no rules of their own.

Where each rule stands:
    a retry, and its wait                   `_after_error`, `retry_wait`
    an attempt lost in a crash              `_after_loss`
    what starts next, and with what         `_next_start`, `_start`
    the end of the rest when a run fails    `_sweep_one`
    a group's outcome                       `_join`
    the final status                        `_finish`
"""

from __future__ import annotations

import zlib
from heapq import heappop, heappush
from typing import Any, TypeGuard

import msgspec

from syncara.core import events as e
from syncara.core.board import NEVER, NOTHING, Board
from syncara.core.errors import InvalidStateError
from syncara.core.expressions import ConditionFailed
from syncara.core.limits import CRASHES_MAX, SECONDS_MAX
from syncara.core.model import DELAY, GROUP, ExecutionStatus, Step
from syncara.core.node import (
    BLOCKED,
    CANCELLED,
    DELAYED,
    FAILED,
    PENDING,
    REFUSED,
    RETRYING,
    RUNNING,
    SKIPPED,
    WAITING,
    Node,
)
from syncara.core.placeholders import MissingPlaceholder, PlaceholderError
from syncara.core.reads import steps_view

FAILURES_SHOWN = 3
JITTER_MAX = 0.1
"""A retry waits up to this share longer, derived from ids, so that many do not strike at once."""
SUSPECT_CRASHES = CRASHES_MAX - 1
"""From this many unclean deaths on, a step runs again only when it is its turn, alone among the suspects."""


def advance(board: Board, fact: e.Fact) -> list[e.AnyEvent]:
    """Take `fact` into `board`; the fact and the decisions that follow, in order, for one transaction.

    Empty when the fact changes nothing: a late result, a second pause, a tick with nothing due. A fact from a clock
    that ran backwards counts as of the latest event. Raises InvalidStateError for a second Started, KeyError for
    an unknown step; both leave the board as it was.
    """
    if fact.at < board.now:
        fact = msgspec.structs.replace(fact, at=board.now)
    if not _accepted(board, fact):
        return []
    board.apply(fact)
    events: list[e.AnyEvent] = [fact]
    bound = 100 + 20 * len(board.nodes)
    while (decision := _next(board, fact.at)) is not None:
        board.apply(decision)
        events.append(decision)
        if len(events) > bound:  # a fault of the rules, not of the workflow: stop before the journal fills
            raise AssertionError(f"{len(events)} decisions from one {type(fact).__name__}")
    if len(events) == 1 and isinstance(fact, e.Ticked):
        return []
    return events


def next_wake(board: Board) -> float | None:
    """When the next Ticked is due (Unix seconds), or None when only another fact can move the execution."""
    if board.status is ExecutionStatus.SCHEDULED:
        return board.start_at
    if board.status is ExecutionStatus.AWAITING_APPROVAL:
        return board.approve_by
    if board.status is not ExecutionStatus.RUNNING:
        return None
    if board.timers:
        _drop_stale(board)
    wake = board.timers[0][0] if board.timers else NEVER
    if board.held_since is None:
        if not board.recovery_timed_out:
            wake = min(wake, board.recovery_deadline)
        if not board.timed_out:
            wake = min(wake, board.deadline)
    return None if wake == NEVER else wake


def fold(board: Board, events: list[e.AnyEvent]) -> Board:
    """Take journaled events into a fresh board: the state they led to when they were live."""
    for event in events:
        board.apply(event)
    return board


def retry_wait(execution_id: str, step: Step, failed_attempt: int) -> float:
    """Seconds from the failure of attempt n to the next one: backoff, capped, plus 0 to 10 % derived from ids."""
    try:
        wait = step.retry_delay * step.retry_backoff ** (failed_attempt - 1)
    except OverflowError:
        wait = step.max_retry_delay
    wait = min(wait, step.max_retry_delay)
    share = zlib.crc32(f"{execution_id}:{step.id}:{failed_attempt}".encode()) / 0xFFFFFFFF
    return wait * (1 + JITTER_MAX * share)


# Which facts count.


def _accepted(board: Board, fact: e.Fact) -> bool:
    if isinstance(fact, e.Started):
        fact.require_known_rules()
        if board.execution_id:
            raise InvalidStateError("already_started", "an execution starts once", where=board.execution_id)
        return True
    if board.finished_at is not None or not board.execution_id:
        return False
    if isinstance(fact, _OUTCOMES):
        node = board.node(fact.step)
        return node.status is RUNNING and node.attempts == fact.attempt
    if isinstance(fact, e.Signalled):
        node = board.node(fact.step)
        if fact.signal == "turn" and (board.paused or board.slots_free <= 0):
            return False  # a turn that cannot be used at once would still be out when the process dies
        return (node.status is WAITING or node.status is BLOCKED) and node.signal == fact.signal
    if isinstance(fact, e.Resumed):
        return board.paused
    if isinstance(fact, e.RunnerLost):
        return bool(board.running)
    if isinstance(fact, e.Approved):
        return board.approve_by is not None and fact.at < board.approve_by
    return isinstance(fact, e.Cancelled) or not board.paused  # Paused, Ticked


_OUTCOMES = (e.StepSucceeded, e.StepErred)


# What follows, one decision at a time, the most urgent first.


def _next(board: Board, at: float) -> e.Decision | None:
    if board.status is not ExecutionStatus.RUNNING:
        return None
    # Each rule is asked only where there is something for it to look at: most facts concern one or two of them.
    if (at >= board.deadline or at >= board.recovery_deadline) and (decision := _time_out(board, at)):
        return decision
    if board.sweep is not NOTHING and (decision := _sweep_one(board, at)):
        return decision
    if board.owed and (decision := _after_attempt(board, at)):
        return decision
    if board.joins and (decision := _join(board, at)):
        return decision
    if board.timers and (decision := _wake(board, at)):
        return decision
    if board.leftover is not NOTHING and (decision := _skip_leftover(board, at)):
        return decision
    if board.prompt and (decision := _without_slot(board, at)):
        return decision
    if (board.ready or board.again or board.due) and (decision := _next_start(board, at)):
        return decision
    if board.dirty and (decision := _ask_watchers(board, at)):
        return decision
    return _quiet(board, at) or _finish(board, at)


def _time_out(board: Board, at: float) -> e.Decision | None:
    if board.cancelled is not None or board.held_since is not None or not board.open:
        return None
    if at >= board.deadline and not board.timed_out:
        seconds = board.plan.workflow.global_timeout
        return e.TimedOut(at, "global_timeout", f"the run took longer than its global_timeout of {seconds:g} s")
    if at >= board.recovery_deadline and not board.recovery_timed_out:
        seconds = board.plan.workflow.recovery_timeout
        return e.TimedOut(at, "recovery_timeout", f"recovery took longer than its recovery_timeout of {seconds:g} s")
    return None


def _after_attempt(board: Board, at: float) -> e.Decision | None:
    """What becomes of an attempt that failed, or that was lost."""
    for i, owed in board.owed.items():
        if isinstance(owed, e.StepErred):
            return _after_error(board, i, owed, at)
        return _after_loss(board, i, owed, at)
    return None


def _after_error(board: Board, i: int, erred: e.StepErred, at: float) -> e.Decision:
    """A failed attempt is tried again, blocked until its handler is back, or the step has failed."""
    step = board.plan.steps[i]
    if erred.code == e.UNKNOWN_HANDLER:
        if _no_room(board, i):
            return e.StepCancelled(at, step.name, *_sweep_reason(board, i))
        return e.StepBlocked(at, step.name, "handler", erred.error)
    may_retry = erred.retryable and not _no_room(board, i)
    retries = step.retry_count if board.plan.workflow.auto_retry else 0
    if not may_retry or erred.attempt > retries:
        return e.StepFailed(at, step.name, erred.code, erred.error)
    wait = max(retry_wait(board.execution_id, step, erred.attempt), erred.retry_after or 0)
    return e.RetryPlanned(at, step.name, erred.attempt + 1, erred.at + wait)


def _no_room(board: Board, i: int) -> bool:
    """In a failing run only recovery steps retry, wait or are blocked."""
    return board.failing and not board.plan.recovery[i]


def _after_loss(board: Board, i: int, owed: object, at: float) -> e.Decision | None:
    """An attempt whose process ended under it: its outcome is unknown."""
    node, step = board.nodes[i], board.plan.steps[i]
    if node is None:
        return None
    if owed is REFUSED:
        text = "the process ended during an attempt, and it was decided not to run it again"
        return e.StepFailed(at, step.name, "crashed", text)
    if node.crashes >= CRASHES_MAX:
        text = f"the process died {node.crashes} times while this step was running"
        return e.StepFailed(at, step.name, "poison", text)
    if step.on_crash == "fail":
        return e.StepFailed(at, step.name, "crashed", "the process ended during an attempt, and on_crash is 'fail'")
    if _no_room(board, i) and (step.on_crash == "ask" or node.crashes >= SUSPECT_CRASHES):
        return e.StepCancelled(at, step.name, *_sweep_reason(board, i))
    if step.on_crash == "ask":
        reason = "the process ended during an attempt; a person decides whether it runs again"
        return e.StepWaiting(at, step.name, "on_crash", reason)
    if node.crashes >= SUSPECT_CRASHES:
        return _await_turn(board, i, node, at)
    return e.StepScheduled(at, step.name, node.next_attempt)


def _await_turn(board: Board, i: int, node: Node, at: float) -> e.StepBlocked:
    reason = f"the process died {node.crashes} times while this step was running; suspects run one at a time"
    return e.StepBlocked(at, board.plan.steps[i].name, "turn", reason)


def _sweep_one(board: Board, at: float) -> e.Decision | None:
    """End what a cancel, a failure or a deadline leaves no room for. After a failure, running attempts may finish."""
    for i in board.sweep:
        node, step = board.nodes[i], board.plan.steps[i]
        if node is None or node.settled:
            continue
        code, reason = _sweep_reason(board, i)
        if node.status is PENDING:
            return e.StepSkipped(at, step.name, code, reason)
        if code == "run_cancelled":
            return e.StepCancelled(at, step.name, code, reason)
        if step.handler == GROUP or (node.status is RUNNING and code == "run_failed"):
            continue  # a group ends with its tasks
        if (i in board.owed or i in board.again) and code == "run_failed":
            continue  # an attempt that erred fails by itself; one that was lost may finish like any other
        return e.StepCancelled(at, step.name, code, reason)
    return None


def _sweep_reason(board: Board, i: int) -> tuple[str, str]:
    if board.cancelled is not None:
        return "run_cancelled", "the run was cancelled" + (f": {board.cancelled}" if board.cancelled else "")
    if board.recovery_timed_out and board.plan.recovery[i]:
        return "recovery_timeout", f"recovery took longer than {board.plan.workflow.recovery_timeout:g} s"
    if board.timed_out:
        return "global_timeout", f"the run took longer than {board.plan.workflow.global_timeout:g} s"
    return "run_failed", f"the run failed before: {board.error}"


def _join(board: Board, at: float) -> e.Decision | None:
    """A group whose tasks have all settled completes, or fails once, or ends as its tasks were ended."""
    while board.joins:
        i = board.joins.pop(0)
        group, step = board.nodes[i], board.plan.steps[i]
        if group is None or group.settled:
            continue
        failed: list[str] = []
        ended: Node | None = None
        for task in board.plan.tasks[i]:
            node = board.nodes[task]
            if node is None:
                continue
            if node.status is FAILED and board.plan.steps[task].on_error == "fail":
                failed.append(f"{board.plan.steps[task].name}: {node.error}")
            elif node.status is CANCELLED or (node.status is SKIPPED and node.code in e.SKIPPED_BY_FAILURE):
                ended = ended or node
        if failed:
            more = len(failed) - FAILURES_SHOWN
            shown = "; ".join(failed[:FAILURES_SHOWN]) + (f"; and {more} more" if more > 0 else "")
            return e.StepFailed(at, step.name, "group_failed", f"{len(failed)} task(s) failed: {shown}")
        if ended is not None:
            return e.StepCancelled(at, step.name, ended.code, ended.reason or "")
        return e.StepJoined(at, step.name)
    return None


def _wake(board: Board, at: float) -> e.Decision | None:
    """A delay that is over completes; a retry wait that is over awaits a slot."""
    while board.timers and board.timers[0][0] <= at:
        wake_at, i = heappop(board.timers)
        node = board.nodes[i]
        if node is None or node.wake_at != wake_at:
            continue
        if node.status is DELAYED:
            return e.StepWoke(at, board.plan.steps[i].name)
        if node.status is RETRYING:
            heappush(board.due, (wake_at, i))
    return None


def _without_slot(board: Board, at: float) -> e.Decision | None:
    """What needs no slot: groups, and steps whose run_when is not met."""
    while board.prompt:
        i = board.prompt.popleft()
        node = board.nodes[i]
        if node is not None and node.status is PENDING:
            if node.code:
                return e.StepSkipped(at, board.plan.steps[i].name, node.code, _unmet(board, i))
            return _start(board, i, node, at)
    return None


def _next_start(board: Board, at: float) -> e.Decision | None:
    """The next attempt, where a slot is free: one to be repeated, then retries, then new steps."""
    if board.slots_free <= 0:
        return None
    for i in board.again:
        node = board.nodes[i]
        if node is not None:
            return _repeat(board, i, node, at, has_turn=node.signal == "turn")
    while board.due:
        wake_at, i = heappop(board.due)
        node = board.nodes[i]
        if node is not None and node.status is RETRYING and node.wake_at == wake_at:
            return _repeat(board, i, node, at, has_turn=False)
    while board.ready:
        i = board.ready.popleft()
        node = board.nodes[i]
        if node is not None and node.status is PENDING:
            return _start(board, i, node, at)
    return None


def _repeat(board: Board, i: int, node: Node, at: float, *, has_turn: bool) -> e.Decision:
    if node.crashes >= SUSPECT_CRASHES and not has_turn:
        if _no_room(board, i):
            return e.StepCancelled(at, board.plan.steps[i].name, *_sweep_reason(board, i))
        return _await_turn(board, i, node, at)
    return e.StepScheduled(at, board.plan.steps[i].name, node.next_attempt)


def _unmet(board: Board, i: int) -> str:
    step = board.plan.steps[i]
    states = []
    for dependency in board.plan.dependencies[i][:5]:
        node = board.nodes[dependency]
        states.append(f"'{board.plan.steps[dependency].name}' is {node.status if node else PENDING}")
    return f"run_when is {step.run_when}, but " + ", ".join(states)


def _ask_watchers(board: Board, at: float) -> e.Decision | None:
    """Start a watcher whose condition has become true. One that is false is asked again after the next change."""
    asked = board.dirty if board.slots_free > 0 else board.plan.group_watchers  # a group needs no slot
    for i in [i for i in asked if i in board.dirty]:
        node = board.nodes[i]
        del board.dirty[i]
        if node is not None and node.status is PENDING and _judge(board, i)[0]:
            return _carry_out(board, i, at)
    return None


def _quiet(board: Board, at: float) -> e.Decision | None:
    """Nothing is under way or can start: the watchers left are skipped, and what that settles may still run."""
    if board.running or board.delayed or board.retrying or board.waiting:
        return None
    leftover = []
    for i in board.plan.watchers:
        node = board.nodes[i]
        if node is not None and node.status is PENDING:
            verdict, reason = _judge(board, i)
            leftover.append((i, "never_true" if verdict is False else "condition_error", reason))
    board.leftover = iter(leftover)
    return _skip_leftover(board, at)


def _skip_leftover(board: Board, at: float) -> e.Decision | None:
    for i, code, reason in board.leftover:
        return e.StepSkipped(at, board.plan.steps[i].name, code, reason)
    return None


def _finish(board: Board, at: float) -> e.Decision | None:
    if board.open:
        return None
    if board.cancelled is not None:
        expired = board.approve_by is not None and at >= board.approve_by
        code = "not_approved" if expired else "cancelled"
        return e.Finished(at, ExecutionStatus.CANCELLED, code, board.cancelled or None)
    if board.failing:
        return e.Finished(at, ExecutionStatus.FAILED, board.code, board.error)
    if board.errors_seen:
        return e.Finished(at, ExecutionStatus.COMPLETED_WITH_ERRORS, board.code, board.error)
    return e.Finished(at, ExecutionStatus.COMPLETED)


# Starting a step.


def _judge(board: Board, i: int) -> tuple[bool | None, str]:
    """The step's condition: true, false, or None when it cannot be evaluated; and why."""
    condition = board.plan.conditions[i]
    if condition is None:
        return True, ""
    try:
        met = condition(board.context, steps_view(board, condition.reads))
    except ConditionFailed as error:
        return None, f"the condition could not be evaluated: {error}: {condition.text}"
    return met, "" if met else f"the condition is false: {condition.text}"


def _start(board: Board, i: int, node: Node, at: float) -> e.Decision:
    verdict, reason = _judge(board, i)
    if not verdict:
        code = "condition_false" if verdict is False else "condition_error"
        return e.StepSkipped(at, board.plan.steps[i].name, code, reason)
    return _carry_out(board, i, at)


def _carry_out(board: Board, i: int, at: float) -> e.Decision:
    step, template = board.plan.steps[i], board.plan.templates[i]
    params: dict[str, Any] | None = None
    if step.handler == GROUP:
        return e.StepExpanded(at, step.name)
    if template is not None:
        try:
            params = template.render(board.context, steps_view(board, template.reads))
        except (MissingPlaceholder, PlaceholderError) as error:
            return e.StepFailed(at, step.name, error.code, error.message)
    if step.handler != DELAY:
        return e.StepScheduled(at, step.name, 1, params)
    seconds = (step.params if params is None else params).get("seconds")
    if not is_seconds(seconds):
        text = f"delay needs seconds as a number from 0 to {SECONDS_MAX}, and got {seconds!r}"
        return e.StepFailed(at, step.name, "invalid_params", text[:500])
    return e.StepSlept(at, step.name, seconds, at + seconds)


def is_seconds(value: object) -> TypeGuard[float]:
    """Whether a value can be the length of a delay."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= SECONDS_MAX


def _drop_stale(board: Board) -> None:
    timers = board.timers
    while timers:
        wake_at, i = timers[0]
        node = board.nodes[i]
        if node is not None and node.wake_at == wake_at and (node.status is DELAYED or node.status is RETRYING):
            if node.status is DELAYED or wake_at > board.now:
                return
            heappush(board.due, (wake_at, i))
        heappop(timers)
