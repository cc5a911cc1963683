"""The state of one step, and short names for its statuses."""

from __future__ import annotations

from typing import Any

import msgspec

from syncara.core.model import StepStatus

PENDING, RUNNING, DELAYED = StepStatus.PENDING, StepStatus.RUNNING, StepStatus.DELAYED
RETRYING, WAITING, BLOCKED = StepStatus.RETRYING, StepStatus.WAITING, StepStatus.BLOCKED
COMPLETED, FAILED = StepStatus.COMPLETED, StepStatus.FAILED
SKIPPED, CANCELLED = StepStatus.SKIPPED, StepStatus.CANCELLED

LOST, REFUSED = "lost", "refused"


class Node(msgspec.Struct, gc=False):
    """The state of one step."""

    open_dependencies: int
    status: StepStatus = PENDING
    settled: bool = False
    open_tasks: int = 0
    attempts: int = 0
    next_attempt: int = 1
    crashes: int = 0
    """Unclean deaths of the process while this step was in its handler."""
    params: dict[str, Any] | None = None
    data: Any = None
    metadata: dict[str, Any] | None = None
    code: str = ""
    error: str | None = None
    reason: str | None = None
    signal: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    wake_at: float | None = None
