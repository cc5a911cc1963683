"""Durable multi-step workflows for chat bots and agents, on one SQLite file."""

from syncara.abc import Asker, Documents, Messenger, Notifier, Store
from syncara.app import MultiStepProcessor, configure, multi_step_processor
from syncara.core.errors import (
    ApprovalError,
    ConditionError,
    DamagedError,
    DatabaseBusy,
    InvalidStateError,
    NonRetryableError,
    NotFoundError,
    Problem,
    StorageError,
    SyncaraError,
    ValidationError,
)
from syncara.core.model import ExecutionStatus, Step, StepResult, StepStatus, Workflow
from syncara.core.views import Execution, LogLine, StepState
from syncara.policy.approval import Approval
from syncara.policy.policy import Policy
from syncara.shortcodes.outcome import Outcome, Reply

__all__ = [
    "Approval",
    "ApprovalError",
    "Asker",
    "ConditionError",
    "DamagedError",
    "DatabaseBusy",
    "Documents",
    "Execution",
    "ExecutionStatus",
    "InvalidStateError",
    "LogLine",
    "Messenger",
    "MultiStepProcessor",
    "NonRetryableError",
    "NotFoundError",
    "Notifier",
    "Outcome",
    "Policy",
    "Problem",
    "Reply",
    "Step",
    "StepResult",
    "StepState",
    "StepStatus",
    "StorageError",
    "Store",
    "SyncaraError",
    "ValidationError",
    "Workflow",
    "configure",
    "multi_step_processor",
]
