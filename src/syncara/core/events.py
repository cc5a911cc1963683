"""The closed set of events: facts that come from outside, decisions that come out of the machine.

Both enter the journal, in one transaction, before anyone acts on them. `at` is Unix time in seconds and never runs
backwards within an execution. Steps go by name; a task of a group is `Group/Task`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from syncara.core.errors import InvalidStateError
from syncara.core.limits import RULES
from syncara.core.model import Author


class Event(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag=True, gc=False):
    # JSON holds no cycles, so the garbage collector need not look into events.
    at: float


# Facts: what happened.


Covered = bool | dict[str, list[Any]]
"""What of a plan may be done although it needs an approval: all, nothing, or what `Approved.covers` names."""


class Started(Event, frozen=True, omit_defaults=True, gc=False):
    """The execution exists. It pins the first `steps` steps of the workflow and the rule set."""

    execution_id: str
    workflow_id: str
    steps: int
    context: dict[str, Any] = {}
    user_id: Any = None
    chat_id: Any = None
    message_id: Any = None
    start_at: float | None = None
    """Unix time of a start that lies ahead; until then the execution is `scheduled`."""
    rules: int = 1
    author: Author = "developer"
    """Who asked for it, or wrote its definition: what an assistant wrote is held to the policy at every call."""
    approve_by: float | None = None
    """Unix time until which a person must approve; until then it is `awaiting_approval`. None: nobody needs to."""
    approved: bool = False
    """The developer started it: what an assistant's plan may do only with a person's approval has it."""

    def require_known_rules(self) -> None:
        """Raises InvalidStateError for an execution of a rule set that this version does not know."""
        if self.rules != RULES:
            raise InvalidStateError(
                "unknown_rules",
                f"this execution was started under rule set {self.rules}, and this version knows {RULES}",
                where=self.execution_id,
                fix="run it with the version of Syncara that started it, or a newer one",
            )


class StepSucceeded(Event, frozen=True, omit_defaults=True, gc=False):
    step: str
    attempt: int
    data: Any = None
    changes: dict[str, Any] = {}
    """Context keys that the handler set, with their new values."""
    removed: tuple[str, ...] = ()
    """Context keys that the handler deleted."""
    metadata: dict[str, Any] | None = None


class StepErred(Event, frozen=True, omit_defaults=True, gc=False):
    """An attempt failed. Whether the step is tried again is decided by the machine."""

    step: str
    attempt: int
    code: str
    """`error`, `timeout`, `invalid_result`, `result_too_large`, `unknown_handler`, …"""
    error: str
    retryable: bool = True
    retry_after: float | None = None
    """Seconds from this failure that a retry must wait at the least."""


class Paused(Event, frozen=True, omit_defaults=True, gc=False):
    pass


class Resumed(Event, frozen=True, omit_defaults=True, gc=False):
    pass


class Cancelled(Event, frozen=True, omit_defaults=True, gc=False):
    reason: str = ""


class Approved(Event, frozen=True, omit_defaults=True, gc=False):
    """A person who may has approved the plan."""

    user_id: Any = None
    covers: dict[str, list[Any]] = {}
    """The steps that they were asked about, by name, each with what it does in the words of the policy."""


class Signalled(Event, frozen=True, omit_defaults=True, gc=False):
    """Something that a step waited for has arrived."""

    step: str
    signal: str
    """`handler` (it is registered again), `turn` (a suspect may run), `runner` (a process runs the database) or
    `on_crash` (a person's answer)."""
    data: Any = None
    """For `on_crash`: `retry` or `fail`."""


class RunnerLost(Event, frozen=True, omit_defaults=True, gc=False):
    """The process that ran the attempts ended before they did; their outcome is unknown."""

    clean: bool = False
    """True for an orderly stop (SIGTERM, a closed loop), which counts towards no conviction."""


class Ticked(Event, frozen=True, omit_defaults=True, gc=False):
    """Time has passed: something that `next_wake` named may be due."""


# Decisions: what follows.


class StepScheduled(Event, frozen=True, omit_defaults=True, gc=False):
    """An attempt begins: the one event that makes a runtime call a handler."""

    step: str
    attempt: int
    """Counts from 1; a re-run after a crash repeats the number."""
    params: dict[str, Any] | None = None
    """The rendered params, with the first attempt; None when they hold no placeholder."""


class StepExpanded(Event, frozen=True, omit_defaults=True, gc=False):
    """A group began: its tasks are steps of their own from now on."""

    step: str


class StepJoined(Event, frozen=True, omit_defaults=True, gc=False):
    """All tasks of a group have settled well: the group is completed with `{task name: data}`."""

    step: str


class StepSlept(Event, frozen=True, omit_defaults=True, gc=False):
    """A delay began; it is over at `wake_at`, in whatever process."""

    step: str
    seconds: float
    wake_at: float


class StepWoke(Event, frozen=True, omit_defaults=True, gc=False):
    """A delay is over: the step is completed with `{"seconds": …}`."""

    step: str


class StepWaiting(Event, frozen=True, omit_defaults=True, gc=False):
    """The step waits for a person or an event named `signal`, for as long as it takes."""

    step: str
    signal: str
    reason: str


class StepBlocked(Event, frozen=True, omit_defaults=True, gc=False):
    """The step cannot run now through no fault of its own: `handler` is missing, it awaits its `turn` or a `runner`."""

    step: str
    signal: str
    reason: str


class RetryPlanned(Event, frozen=True, omit_defaults=True, gc=False):
    step: str
    attempt: int
    """The number of the attempt to come."""
    wake_at: float


class StepFailed(Event, frozen=True, omit_defaults=True, gc=False):
    """The step has failed for good."""

    step: str
    code: str
    error: str


class StepSkipped(Event, frozen=True, omit_defaults=True, gc=False):
    """The step did not run and will not. Codes are in `SKIPPED_BY_CONDITION` and `SKIPPED_BY_FAILURE`."""

    step: str
    code: str
    reason: str


class StepCancelled(Event, frozen=True, omit_defaults=True, gc=False):
    """The step was under way and was ended: by a cancel, a deadline, or because the run failed meanwhile."""

    step: str
    code: str
    """`run_cancelled`, `run_failed`, `global_timeout` or `recovery_timeout`."""
    reason: str


class TimedOut(Event, frozen=True, omit_defaults=True, gc=False):
    code: str
    """`global_timeout` or `recovery_timeout`."""
    error: str


class Finished(Event, frozen=True, omit_defaults=True, gc=False):
    status: str
    code: str = ""
    """For a failed run, the code of its first failure; `global_timeout` when time ran out first."""
    error: str | None = None


UNKNOWN_HANDLER = "unknown_handler"
"""The code of a StepErred for an attempt that was never made, because its handler is not registered here."""
SKIPPED_BY_CONDITION = frozenset({"condition_false", "condition_error", "never_true", "not_needed"})
"""Its own condition was false, not to be evaluated or never true; or run_when was not met, without any failure."""
SKIPPED_BY_FAILURE = frozenset({"upstream_failed", "run_failed", "run_cancelled", "global_timeout", "recovery_timeout"})

Fact = Started | StepSucceeded | StepErred | Paused | Resumed | Cancelled | Approved | Signalled | RunnerLost | Ticked
Decision = (
    StepScheduled
    | StepExpanded
    | StepJoined
    | StepSlept
    | StepWoke
    | StepWaiting
    | StepBlocked
    | RetryPlanned
    | StepFailed
    | StepSkipped
    | StepCancelled
    | TimedOut
    | Finished
)
AnyEvent = Fact | Decision
FACTS: tuple[type[Event], ...] = Fact.__args__
DECISIONS: tuple[type[Event], ...] = Decision.__args__
