"""What callers see of an execution: frozen snapshots that share nothing with the engine's state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, ValuesView
from typing import Any

import msgspec

from syncara.core import progress
from syncara.core.board import Board
from syncara.core.events import AnyEvent, StepSlept, StepSucceeded
from syncara.core.model import ExecutionStatus, StepResult, StepStatus
from syncara.core.node import COMPLETED, FAILED


class StepState(msgspec.Struct, frozen=True, gc=False):
    """One step of one execution. Times are Unix seconds."""

    id: str
    name: str
    status: StepStatus
    attempts: int
    result: StepResult | None
    """Of a step that completed or failed."""
    error: str | None
    reason: str | None
    """Why it did not run, or what it waits for."""
    started_at: float | None
    finished_at: float | None
    wake_at: float | None
    """When its delay or retry wait is over."""
    code: str = ""
    """Of a step that failed, did not run or waits: why, as a stable identifier such as `condition_false`."""


class Steps(Mapping[str, StepState]):
    """The steps of an execution in definition order. Iterates names; `[]` takes a name or an id."""

    def __init__(self, states: list[StepState]) -> None:
        self._states = {state.name: state for state in states}
        self._names = {state.id: state.name for state in states}

    def __getitem__(self, key: str) -> StepState:
        return self._states[self._names.get(key, key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._states)

    def __len__(self) -> int:
        return len(self._states)

    def values(self) -> ValuesView[StepState]:
        return self._states.values()

    def __repr__(self) -> str:
        return f"Steps({', '.join(f'{state.name}: {state.status}' for state in self._states.values())})"


class Execution(msgspec.Struct, frozen=True):
    """A committed snapshot of one run. Times are Unix seconds."""

    id: str
    workflow_id: str
    workflow_name: str
    status: ExecutionStatus
    context: dict[str, Any]
    steps: Steps
    error: str | None
    """The first failure; None in a run without one."""
    errors: list[dict[str, Any]]
    """Every failure in order: `{"step", "code", "error"}`."""
    progress: float
    user_id: Any
    chat_id: Any
    message_id: Any
    created_at: float
    started_at: float | None
    finished_at: float | None
    code: str = ""
    """`global_timeout`, `cancelled`, `not_approved`, or the code of the first failure."""
    start_at: float | None = None
    """When a start that lies ahead is due."""


def copy_json(value: Any) -> Any:
    """A JSON value that shares nothing mutable with the original."""
    return msgspec.json.decode(msgspec.json.encode(value)) if isinstance(value, dict | list | tuple) else value


def snapshot(board: Board) -> Execution:
    context = copy_json(board.context)
    return Execution(
        id=board.execution_id,
        workflow_id=board.plan.workflow.id,
        workflow_name=board.plan.workflow.name,
        status=board.status,
        context=context,
        steps=Steps([_state(board, i) for i in progress.ordered(board)]),
        error=board.error,
        errors=_errors(context) if board.errors_seen or board.timed_out else [],
        progress=progress.percent(board),
        user_id=board.user_id,
        chat_id=board.chat_id,
        message_id=board.message_id,
        created_at=board.created_at,
        started_at=board.started_at,
        finished_at=board.finished_at,
        code=board.code,
        start_at=board.start_at,
    )


def _errors(context: dict[str, Any]) -> list[dict[str, Any]]:
    errors = context.get("errors")
    return copy_json(errors) if isinstance(errors, list) else []


def _state(board: Board, i: int) -> StepState:
    step, node = board.plan.steps[i], board.nodes[i]
    assert node is not None
    result = None
    if node.status is COMPLETED:
        result = StepResult(True, copy_json(node.data), metadata=copy_json(node.metadata))
    elif node.status is FAILED:
        result = StepResult(False, error=node.error)
    return StepState(
        id=step.id,
        name=step.name,
        status=node.status,
        attempts=node.attempts,
        result=result,
        error=node.error,
        reason=node.reason,
        code=node.code or "",
        started_at=node.started_at,
        finished_at=node.finished_at,
        wake_at=node.wake_at,
    )


class LogLine(msgspec.Struct, frozen=True):
    """A line of an execution's log. `at` is Unix time; `step` is None for the run as a whole."""

    at: float
    level: str
    step: str | None
    message: str


_LEVELS = {
    "StepErred": "warning",
    "StepFailed": "error",
    "StepBlocked": "warning",
    "StepWaiting": "warning",
    "StepCancelled": "warning",
    "TimedOut": "error",
}
_QUIET = frozenset({"Ticked", "StepExpanded", "StepJoined"})
_WORDS = {"StepWoke": "completed", "StepSucceeded": "completed"}


def log(events: list[AnyEvent], speakers: Collection[str]) -> list[LogLine]:
    """The journal as lines for people. Of `speakers` (log and notification steps) it gives what they said."""
    return [line for event in events if (line := _line(event, speakers)) is not None]


def _line(event: AnyEvent, speakers: Collection[str]) -> LogLine | None:
    kind = type(event).__name__
    if kind in _QUIET:
        return None
    if isinstance(event, StepSlept):
        return LogLine(event.at, "info", event.step, f"delayed for {event.seconds:g} s")
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name not in ("at", "step")}
    data = fields.get("data")
    if isinstance(event, StepSucceeded) and event.step in speakers and isinstance(data, dict):
        level = data.get("level") or data.get("type") or "info"
        return LogLine(event.at, str(level), event.step, str(data.get("message")))
    level = _LEVELS.get(kind, "info")
    if kind == "Finished" and fields["status"] == "failed":
        level = "error"
    text = fields.get("error") or fields.get("reason") or ""
    words = [_WORDS.get(kind) or _words(kind)]
    if "attempt" in fields and kind != "StepSucceeded":
        words.append(f"(attempt {fields['attempt']})")
    if kind == "Finished":
        words.append(str(fields["status"]))
    return LogLine(event.at, level, getattr(event, "step", None), " ".join(words) + (f": {text}" if text else ""))


def _words(kind: str) -> str:
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in kind).strip()
    return spaced.removeprefix("step ")
