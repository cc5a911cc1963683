"""Runs: how one stands, in full, as a bar and in one line; how it ended; and lists of them."""

from __future__ import annotations

from collections.abc import Sequence

from syncara.answers import reasons
from syncara.answers.fit import LEAD_CHARS, NAME_CHARS, ROWS_MAX, fitted
from syncara.answers.model import Answer, AnyPart, Bar, Code, Icon, Line, Message, Strong, Text, message
from syncara.answers.text import cut, moment, percent, span
from syncara.answers.tree import DOT, Tree
from syncara.core.model import ExecutionStatus, StepStatus, Workflow
from syncara.core.views import Execution


def status(execution: Execution, now: float, workflow: Workflow | None = None, awaited: Sequence[Line] = ()) -> Answer:
    """A run with its steps as they stand at Unix time `now`; with its definition, also what they wait for.

    `awaited`: the approval that it waits for (`approval_awaited`).
    """
    tree = Tree(execution, workflow, now)
    head = (Line((*title(execution), *_took(execution, now))), Line((*_done(execution), DOT, Code(execution.id))))
    seen = len(tree.steps) <= ROWS_MAX and reasons.culprit(execution, execution.error) is not None
    return fitted(head, tree.steps, tree.row, (*awaited, *(() if seen else failure(execution))), around=tree.in_focus())


def progress(execution: Execution) -> Answer:
    """How far a run is, and what is under way."""
    tree = Tree(execution)
    head = (Line(title(execution)), Line(_done(execution)))
    return fitted(head, tree.under_way(), tree.sentence, failure(execution))


def status_line(execution: Execution) -> Answer:
    """A run in a few words, for the middle of a sentence."""
    return Answer((Line((*title(execution), *_running(execution))),))


def announcement(execution: Execution) -> Answer:
    """One line for a chat, when a run has ended, or waits for somebody."""
    return Answer((Line((*_outcome(execution), *_took(execution, None))),))


def execution_list(executions: Sequence[Execution], page: int, more: bool) -> Answer:
    """A page of runs; `more`: there is another one."""
    if not executions:
        return Answer((Line((message("list.no_runs"),)),))
    tail = (Line((message("list.more", page=page + 1),)),) if more else ()
    return fitted((Line((message("list.runs", page=page),)),), executions, _listed, tail)


def _listed(execution: Execution) -> Line:
    name = Strong(cut(execution.workflow_name, NAME_CHARS))
    parts = (Icon(execution.status), name, DOT, message(f"run.{execution.status}"), DOT)
    since = _start(execution) or Text(moment(execution.created_at))
    why = None if execution.steps else reasons.run_failed(execution)  # only one that cannot be read has no steps
    unreadable = () if why is None else (DOT, why)
    return Line((*parts, Text(percent(execution.progress)), DOT, since, DOT, Code(execution.id), *unreadable), 0)


def title(execution: Execution) -> tuple[AnyPart, ...]:
    """The beginning of an answer about a run: its name and status, and when a start that lies ahead is due."""
    name = Strong(cut(execution.workflow_name, LEAD_CHARS))
    start = _start(execution)
    return (
        Icon(execution.status),
        name,
        DOT,
        message(f"run.{execution.status}"),
        *(() if start is None else (DOT, start)),
    )


def _start(execution: Execution) -> Message | None:
    ahead = execution.status in (ExecutionStatus.SCHEDULED, ExecutionStatus.PAUSED) and execution.started_at is None
    if execution.start_at is None or not ahead:
        return None
    return message("approval.starts", moment=Text(moment(execution.start_at)))


def _done(execution: Execution) -> tuple[AnyPart, ...]:
    return Bar(execution.progress), Text(percent(execution.progress))


def _took(execution: Execution, now: float | None) -> tuple[AnyPart, ...]:
    until = execution.finished_at or now
    if execution.started_at is None or until is None:
        return ()
    return DOT, Text(span(until - execution.started_at))


def _running(execution: Execution) -> tuple[AnyPart, ...]:
    """The share done of a run that goes on, and what it is at."""
    if execution.status.final or execution.started_at is None:
        return ()
    shown: tuple[AnyPart, ...] = (DOT, Text(percent(execution.progress)))
    if under_way := Tree(execution).under_way():
        shown += (DOT, message("now_at", steps=Text(reasons.names(under_way))))
    return shown


def failure(execution: Execution) -> tuple[Line, ...]:
    """Why the run failed or was cancelled, as the last line of an answer."""
    why = reasons.run_failed(execution)
    icon = "cancelled" if execution.status is ExecutionStatus.CANCELLED else "failed"
    return () if why is None else (Line((Icon(icon), why)),)


def _outcome(execution: Execution) -> tuple[Icon, Message]:
    name = Strong(cut(execution.workflow_name, LEAD_CHARS))
    why = reasons.run_failed(execution)
    if execution.status.final and why is not None:
        return Icon(execution.status), message(f"end.{execution.status}_because", name=name, why=why)
    waiting = [step for step in execution.steps.values() if step.status is StepStatus.WAITING]
    if execution.status is ExecutionStatus.RUNNING and waiting:
        steps = Strong(reasons.names(waiting))
        return Icon("waiting"), message("end.waiting", name=name, steps=steps, why=reasons.waits(waiting[-1]))
    return Icon(execution.status), message(f"end.{execution.status}", name=name)
