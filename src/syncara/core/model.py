"""What a workflow is: the definition that users write and every execution keeps."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

RunWhen = Literal["none_failed", "all_succeeded", "any_succeeded", "all_settled", "any_failed"]
OnError = Literal["fail", "continue"]
OnCrash = Literal["retry", "fail", "ask"]
Author = Literal["developer", "ai"]
"""Who wrote a definition: the developer is trusted, an assistant is not."""

DELAY = "delay"
GROUP = "parallel_group"
CONDITION_CHECK = "condition_check"
CORE_HANDLERS = frozenset({DELAY, GROUP})
"""Handlers that the machine carries out by itself: a wake time in the journal, and real sub-steps."""


class ExecutionStatus(StrEnum):
    SCHEDULED = "scheduled"
    AWAITING_APPROVAL = "awaiting_approval"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in FINAL_EXECUTION


class StepStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DELAYED = "delayed"
    RETRYING = "retrying"
    WAITING = "waiting"
    BLOCKED = "blocked"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in FINAL_STEP


FINAL_EXECUTION = frozenset(
    {
        ExecutionStatus.COMPLETED,
        ExecutionStatus.COMPLETED_WITH_ERRORS,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELLED,
    }
)
FINAL_STEP = frozenset({StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED})


class Step(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One step of a workflow. Times are seconds."""

    id: str
    name: str
    """Unique within the workflow; events, progress and answers use it."""
    handler: str
    params: dict[str, Any] = {}
    dependencies: tuple[str, ...] = ()
    """Ids or names of steps that must settle first; forward references are allowed."""
    timeout: float = 300
    """Seconds one attempt may spend in its handler; delays, waits and groups have none."""
    retry_count: int = 3
    """Retries after the first attempt: 3 means at most 4 attempts."""
    retry_delay: float = 5
    """Seconds from a failure to the first retry."""
    condition: str | None = None
    """When false the step is skipped. Without dependencies the step is a watcher: asked again on each change."""
    retry_backoff: float = 2.0
    """Each further retry waits this many times longer."""
    max_retry_delay: float = 300
    run_when: RunWhen = "none_failed"
    on_error: OnError = "fail"
    save_as: str | None = None
    """The context key that takes the step's result."""
    on_crash: OnCrash = "retry"
    """What happens to an attempt whose outcome is unknown because the process ended under it."""


class Workflow(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A definition: steps in a directed acyclic graph. Steps are only ever appended."""

    id: str
    name: str
    description: str = ""
    global_timeout: float = 1800
    """Seconds from the start, not counting time paused or spent only waiting for a person or an event."""
    max_parallel_steps: int = 5
    """How many attempts and delays may be under way at once in one execution."""
    auto_retry: bool = True
    """False sets every step's retry_count to 0."""
    metadata: dict[str, Any] = {}
    recovery_timeout: float = 300
    """Seconds for recovery steps once the run is failing."""
    created_at: float = 0.0
    """Unix time."""
    chat_id: Any = None
    """The chat that it belongs to; None: made by the program."""
    author: Author = "developer"
    steps: tuple[Step, ...] = ()


class StepResult(msgspec.Struct, frozen=True, gc=False):
    """What a handler may return. Any other value `v` counts as StepResult(success=True, data=v)."""

    success: bool
    data: Any = None
    error: str | None = None
    retryable: bool = True
    """False: fail at once, whatever retry_count says."""
    metadata: dict[str, Any] | None = None
    retry_after: float | None = None
    """Seconds that a retry must wait at the least (an HTTP Retry-After, say)."""
