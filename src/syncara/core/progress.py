"""How far an execution is: a view of its board."""

from __future__ import annotations

from typing import Any

from syncara.core.board import Board
from syncara.core.events import SKIPPED_BY_CONDITION
from syncara.core.model import GROUP
from syncara.core.node import COMPLETED, DELAYED, RUNNING, SKIPPED


def percent(board: Board) -> float:
    """0 to 100: steps completed or skipped by a condition, over all top-level steps.

    A group counts by its tasks. Steps that failed, or did not run because of a failure, do not count. It never goes
    back.
    """
    if not board.plan.top:
        return 100.0 if board.status.final else 0.0
    return 100.0 * sum(_done(board, i) for i in range(board.plan.top)) / board.plan.top


def _done(board: Board, i: int) -> float:
    node = board.nodes[i]
    if node is None:
        return 0.0
    tasks = board.plan.tasks.get(i)
    if tasks and node.started_at is not None:
        return sum(_done(board, task) for task in tasks) / len(tasks)
    by_condition = node.status is SKIPPED and node.code in SKIPPED_BY_CONDITION
    return 1.0 if node.status is COMPLETED or by_condition else 0.0


def current(board: Board) -> list[str]:
    """The names of the steps under way, in definition order; groups by their tasks."""
    return [
        board.plan.steps[i].name
        for i in ordered(board)
        if (node := board.nodes[i]) is not None
        and (node.status is RUNNING or node.status is DELAYED)
        and board.plan.steps[i].handler != GROUP
    ]


def describe(board: Board) -> dict[str, Any]:
    """The dictionary that `get_execution_progress` returns. Times are Unix seconds, durations seconds."""
    names = current(board)
    latest = board.plan.steps[board.latest].name if board.latest is not None else None
    return {
        "execution_id": board.execution_id,
        "workflow_name": board.plan.workflow.name,
        "status": str(board.status),
        "progress": percent(board),
        "current_step": latest if latest in names else (names[-1] if names else None),
        "current_steps": names,
        "steps": [_step(board, i) for i in ordered(board)],
    }


def _step(board: Board, i: int) -> dict[str, Any]:
    step, node = board.plan.steps[i], board.nodes[i]
    assert node is not None
    time = None
    if node.started_at is not None and node.finished_at is not None:
        time = node.finished_at - node.started_at
    return {
        "id": step.id,
        "name": step.name,
        "status": str(node.status),
        "attempts": node.attempts,
        "reason": node.reason or node.error,
        "started_at": node.started_at,
        "finished_at": node.finished_at,
        "execution_time": time,
    }


def ordered(board: Board) -> list[int]:
    """The steps that exist, in definition order, the tasks of an expanded group right after it."""
    found: list[int] = []
    stack = list(range(board.plan.top - 1, -1, -1))
    while stack:
        i = stack.pop()
        if board.nodes[i] is not None:
            found.append(i)
            stack.extend(reversed(board.plan.tasks.get(i, range(0))))
    return found
