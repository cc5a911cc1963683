"""Counts of what a batch of simulations went through: an event kind or a boundary never hit is a hole in the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

EXPECTED: dict[str, tuple[str, ...]] = {
    "event": (
        "Started", "StepSucceeded", "StepErred", "Paused", "Resumed", "Cancelled", "Approved", "Signalled",
        "RunnerLost", "Ticked", "StepScheduled", "StepExpanded", "StepJoined", "StepSlept", "StepWoke", "StepWaiting",
        "StepBlocked", "RetryPlanned", "StepFailed", "StepSkipped", "StepCancelled", "TimedOut", "Finished",
    ),
    "step": (
        "pending -> running", "pending -> delayed", "pending -> failed", "pending -> skipped",
        "running -> running", "running -> retrying", "running -> waiting", "running -> blocked",
        "running -> completed", "running -> failed", "running -> cancelled",
        "delayed -> completed", "delayed -> cancelled", "retrying -> running", "retrying -> cancelled",
        "waiting -> running", "waiting -> failed", "waiting -> cancelled", "blocked -> running", "blocked -> cancelled",
    ),
    "run": (
        "none -> running", "none -> scheduled", "scheduled -> running", "running -> paused", "paused -> running",
        "running -> completed", "running -> completed_with_errors", "running -> failed", "running -> cancelled",
        "paused -> cancelled", "none -> awaiting_approval", "none -> cancelled", "awaiting_approval -> running",
        "awaiting_approval -> scheduled", "awaiting_approval -> paused", "awaiting_approval -> cancelled",
        "paused -> awaiting_approval",
    ),
    "approval": (
        "in time", "while paused", "before its start", "after its start was due", "by another process", "refused",
        "expired", "expired during a pause",
    ),
    "bundle": (
        "written", "steered", "nothing to steer", "steered twice at once", "refused: conflict", "refused: duplicate",
        "refused: unknown_workflow", "refused: withdrawn", "refused: disk_full", "written, then died",
        "died, then nothing",
    ),
    "skipped": (
        "condition_false", "condition_error", "never_true", "not_needed", "upstream_failed", "run_failed",
        "run_cancelled", "global_timeout", "recovery_timeout",
    ),
    "cancelled": ("run_failed", "run_cancelled", "global_timeout", "recovery_timeout"),
    "failed": (
        "error", "timeout", "invalid_result", "missing_placeholder", "invalid_params", "crashed", "poison",
        "group_failed",
    ),
    "timeout": ("global_timeout", "recovery_timeout"),
    "died": (
        "before_commit", "after_commit", "after_acknowledgement", "handler_begins", "handler_works", "handler_ends",
        "killed_while_stopping", "poison", "soon after a restart",
    ),
    "went on": ("after a clean stop", "after a full disk", "after a jump of the wall clock", "with a late handler"),
    "answer": (
        "execute: id", "execute: refused", "approve: True", "approve: False", "pause: True", "pause: False",
        "resume: True", "resume: False", "cancel: True", "cancel: False", "resolve: True", "the process died first",
    ),
}  # fmt: skip


class Coverage:
    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def count(self, kind: str, what: str) -> None:
        self.counts[kind, what] += 1

    def add(self, others: Iterable[Coverage]) -> None:
        for other in others:
            self.counts.update(other.counts)

    def missing(self) -> list[str]:
        """What was to be hit and never was."""
        return [f"{kind}: {what}" for kind, whats in EXPECTED.items() for what in whats if not self.counts[kind, what]]

    def table(self) -> str:
        """How often each thing was hit, a line each."""
        expected = {(kind, what) for kind, whats in EXPECTED.items() for what in whats}
        order = list(EXPECTED)
        found = sorted(expected | self.counts.keys(), key=lambda pair: (order.index(pair[0]), pair[1]))
        return "\n".join(f"{kind:>10}  {what:<40} {self.counts[kind, what]:>9,}" for kind, what in found)
