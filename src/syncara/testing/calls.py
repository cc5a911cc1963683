"""Checks of the handler calls of one run against its journal."""

from __future__ import annotations

from typing import Any

from syncara.testing.disk import Transaction
from syncara.testing.evidence import Evidence
from syncara.testing.fold import RunFold
from syncara.testing.rules import TINY, need
from syncara.testing.script import Call

SLACK_SECONDS = 2.0
"""How much longer than its timeout an attempt may take, for commits and for noticing."""
WRITTEN_SECONDS = 15.0
"""How soon after it is known, and the disk has space, a result must be on the disk."""


def check_calls(evidence: Evidence, execution_id: str, fold: RunFold) -> None:
    """Raises Violation."""
    calls = [call for call in evidence.calls if call.execution_id == execution_id]
    events = [(t, e) for t in evidence.journals[execution_id].transactions for e in t.events]
    claimed: dict[int, Call] = {}
    first: dict[str, Call] = {}
    for call in calls:
        number = _schedule_of(call, fold)
        need(number is not None, f"{_name(call)}: a handler is called only after its StepScheduled is committed")
        assert number is not None
        need(number not in claimed, f"{_name(call)}: one StepScheduled makes one call")
        claimed[number] = call
        need(events[number][0].process == call.process, f"{_name(call)}: a lost attempt is scheduled before it is made")
        _given(call, number, first.setdefault(call.step, call), fold)
        _kept(call, number, fold, events, evidence)
        _took_its_time(call, number, fold, events, evidence)
    for number, step, _ in fold.schedules:
        over = fold.over.get(number)
        if over is not None:
            _outcome(claimed.get(number), step, events[over], evidence, fold)


def _name(call: Call) -> str:
    return f"{call.step!r} attempt {call.attempt}"


def _schedule_of(call: Call, fold: RunFold) -> int | None:
    """The StepScheduled, committed before the call and not over by then, that the call answers."""
    for number, step, attempt in reversed(fold.schedules):
        if step == call.step and number < call.seen:
            over = fold.over.get(number)
            return number if attempt == call.attempt and (over is None or over >= call.seen) else None
    return None


def _given(call: Call, number: int, first: Call, fold: RunFold) -> None:
    """Key and params are the same at every attempt; the context is what was committed when the attempt started."""
    need(call.key == first.key, f"{_name(call)}: the key is the same for every attempt")
    need(call.step_id == first.step_id, f"{_name(call)}: a step keeps its id")
    wanted = fold.steps[call.step].wanted
    need(call.params == wanted, f"{_name(call)}: got the params {call.params}, not {wanted}")
    contexts = fold.contexts[number : call.seen]
    need(call.context in contexts, f"{_name(call)}: got the context {call.context}, committed was {contexts[0]}")


def _kept(
    call: Call, number: int, fold: RunFold, events: list[tuple[Transaction, dict[str, Any]]], evidence: Evidence
) -> None:
    """What is known is written, by a clean stop too: no attempt that had ended is made again."""
    if call.ended is None or call.outcome == "cancelled" or call.cancelled_at is not None:
        return
    process, full = evidence.processes[call.process], evidence.scenario.full
    written = max(call.ended, full[0][1] if full else 0.0) + WRITTEN_SECONDS
    if process.ended > written or (process.clean and not full):
        over = fold.over.get(number)
        need(over is not None and events[over][0].process == call.process, f"{_name(call)}: its result is kept")


def _took_its_time(
    call: Call, number: int, fold: RunFold, events: list[tuple[Transaction, dict[str, Any]]], evidence: Evidence
) -> None:
    """No attempt outlives its timeout; what was cancelled was told so."""
    timeout = fold.steps[call.step].plan.timeout
    died = evidence.processes[call.process].ended
    stopped = min(call.ended if call.ended is not None else died, call.cancelled_at or float("inf"))
    if not evidence.scenario.full:
        need(stopped - call.began <= timeout + SLACK_SECONDS, f"{_name(call)}: the step timeout ends an attempt")
    over = fold.over.get(number)
    if over is not None and events[over][1]["event"] == "StepCancelled":
        transaction = events[over][0]
        soon = transaction.committed_at + SLACK_SECONDS
        told = call.cancelled_at is not None or call.ended is not None or died <= soon
        need(told, f"{_name(call)}: a cancelled attempt's handler is cancelled")


def _outcome(
    call: Call | None, step: str, over: tuple[Transaction, dict[str, Any]], evidence: Evidence, fold: RunFold
) -> None:
    """The journal says of an attempt what its handler did."""
    event = over[1]
    if event["event"] == "StepSucceeded":
        need(call is not None and call.outcome == "success", f"{step!r}: a step succeeds when its handler does")
        assert call is not None
        need(event.get("data") == call.data, f"{_name(call)}: the result is what the handler returned")
        _changes(call, event)
    elif event["event"] == "StepErred":
        _erred(call, step, event, fold, over[0], evidence)


def _changes(call: Call, event: dict[str, Any]) -> None:
    """Of the context, what the handler changed: no key more with another value, no key less."""
    changes, removed = event.get("changes", {}), event.get("removed", [])
    changed = {k: v for k, v in call.after.items() if k not in call.context or call.context[k] != v}
    kept = all(k in changes and changes[k] == v for k, v in changed.items())
    true = all(k in call.after and call.after[k] == v for k, v in changes.items())
    need(kept and true, f"{_name(call)}: changed {changed}, not {changes}")
    gone = call.context.keys() - call.after.keys()
    need(gone == set(removed), f"{_name(call)}: removed {gone}, not {removed}")


def _erred(
    call: Call | None, step: str, event: dict[str, Any], fold: RunFold, transaction: Transaction, evidence: Evidence
) -> None:
    code = event["code"]
    if code == "unknown_handler":
        plan, process = fold.steps[step].plan, evidence.processes[transaction.process]
        when = [at for number, at in evidence.registered if number == process.number]
        missing = plan.handler == "late" and (not when or transaction.committed_at <= when[0] + SLACK_SECONDS)
        need(call is None and missing, f"{step!r}: its handler was there")
        return
    need(call is not None, f"{step!r}: an attempt fails when its handler does")
    assert call is not None
    if code == "timeout":
        timeout = fold.steps[step].plan.timeout
        ended = call.cancelled_at if call.cancelled_at is not None else call.ended
        need(ended is not None and ended - call.began >= timeout - TINY, f"{_name(call)}: it had its time")
        need(event.get("retryable", True) is True, f"{_name(call)}: a timeout is tried again")
        return
    need(call.outcome == "error", f"{_name(call)}: an attempt fails when its handler does")
    need(event.get("retryable", True) == call.retryable, f"{_name(call)}: whether trying again helps is kept")
    need(event.get("retry_after") == call.retry_after, f"{_name(call)}: the wait that the handler asked for is kept")
    if code == "error":
        need(call.error in event["error"], f"{_name(call)}: a failure says what its handler said")
