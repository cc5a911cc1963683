"""Durable multi-step workflows for chat bots and agents, on one SQLite file."""

from syncara.abc import Documents, Messenger, Notifier, Store
from syncara.app import MultiStepProcessor, configure, multi_step_processor
from syncara.core.errors import (
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

__all__ = [
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
    "Problem",
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
