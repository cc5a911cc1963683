"""The state of one step, and short names for its statuses."""

from __future__ import annotations

from typing import Any

from syncara.core.model import StepStatus

PENDING, RUNNING, DELAYED = StepStatus.PENDING, StepStatus.RUNNING, StepStatus.DELAYED
RETRYING, WAITING, BLOCKED = StepStatus.RETRYING, StepStatus.WAITING, StepStatus.BLOCKED
COMPLETED, FAILED = StepStatus.COMPLETED, StepStatus.FAILED
SKIPPED, CANCELLED = StepStatus.SKIPPED, StepStatus.CANCELLED

LOST, REFUSED = "lost", "refused"


class Node:
    """The state of one step."""

    __slots__ = (
        "attempts",
        "code",
        "crashes",
        "data",
        "error",
        "finished_at",
        "metadata",
        "next_attempt",
        "open_dependencies",
        "open_tasks",
        "params",
        "reason",
        "settled",
        "signal",
        "started_at",
        "status",
        "wake_at",
    )

    def __init__(self, open_dependencies: int) -> None:
        self.status = PENDING
        self.settled = False
        self.open_dependencies = open_dependencies
        self.open_tasks = 0
        self.attempts = 0
        self.next_attempt = 1
        self.crashes = 0
        """Unclean deaths of the process while this step was in its handler."""
        self.params: dict[str, Any] | None = None
        self.data: Any = None
        self.metadata: dict[str, Any] | None = None
        self.code = ""
        self.error: str | None = None
        self.reason: str | None = None
        self.signal = ""
        self.started_at: float | None = None
        self.finished_at: float | None = None
        self.wake_at: float | None = None
