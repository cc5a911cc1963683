"""All that the oracle goes by: what was asked for, what readers were shown, what the disk holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from syncara.abc import Change
from syncara.testing.clock import FakeClock
from syncara.testing.disk import Commit, Journal, Process
from syncara.testing.plan import Bundle, Scenario
from syncara.testing.script import Call

DISK_FULL = ("disk_full", "storage_stalled")
"""What the API may say while the disk is full."""


@dataclass
class Request:
    """One call of the API. `answer` stays None when the process ended first; `refused` stands for an error."""

    verb: str
    execution_id: str
    process: int
    began: float
    now: float
    """Unix time at the call."""
    seen_before: int
    run: int = 0
    seen_after: int = 0
    answer: Any = None
    code: str = ""
    """Of the error."""
    ended: float = float("inf")


@dataclass
class Asked:
    """One bundle that was asked for. `answer` stays None when the process ended first."""

    bundle: Bundle
    key: str
    """Of the record that is written with it, whatever else is."""
    process: int
    began: float
    starts: dict[str, int]
    """The executions that it starts, with the planned run of each."""
    changes: list[Change]
    facts: list[Request] = field(default_factory=list)
    answer: str | None = None
    """`written`, or the code of the error."""
    ended: float = float("inf")
    changed: list[bool] = field(default_factory=list)
    """What `finish` was told of each fact."""


@dataclass
class Sample:
    """What a reader was shown, and what it had to lie between: events acknowledged and events on the disk."""

    execution_id: str
    acknowledged: int
    committed: int
    progress: dict[str, Any]


@dataclass
class Evidence:
    scenario: Scenario
    clock: FakeClock
    processes: list[Process] = field(default_factory=list)
    journals: dict[str, Journal] = field(default_factory=dict)
    commits: list[Commit] = field(default_factory=list)
    """Every transaction in order."""
    calls: list[Call] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    registered: list[tuple[int, float]] = field(default_factory=list)
    """When the handler `late` was registered: process and time."""
    added: dict[int, float] = field(default_factory=dict)
    """When a step was added to a workflow."""
    finals: dict[str, Any] = field(default_factory=dict)
    """The last snapshot of each execution."""
    listed: dict[str, str] = field(default_factory=dict)
    """The status that each execution is listed under, in the end."""
    records: set[str] = field(default_factory=set)
    """The keys of the bundles' records, in the end."""
    defined: dict[str, set[str]] = field(default_factory=dict)
    """The ids of the steps of each definition, in the end."""
    waited: list[tuple[str, str]] = field(default_factory=list)
    """Executions whose `wait` returned, with the status it gave."""
    surprises: list[str] = field(default_factory=list)
