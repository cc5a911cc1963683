"""What a simulation is made of: workflows, runs, what people do, and what goes wrong. Times are seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from syncara.testing.language import Condition, Param, literal

Outcome = Literal["raise", "refuse", "non_retryable", "unsuccessful", "cancelled", "hang", "not_json", "retry_after"]
"""How an attempt fails: an exception, `StepResult(success=False)` with `retryable=False`, NonRetryableError,
`StepResult(success=False)`, a CancelledError of the handler's own, its timeout, a result that is not JSON, and
`StepResult(success=False, retry_after=...)`."""


@dataclass(frozen=True)
class Write:
    """A change of the handler's context: `set` a key, `nest` a value in a dict, `append` to a list, `drop` a key."""

    verb: Literal["set", "nest", "append", "drop"]
    key: str
    value: Any = None


@dataclass(frozen=True)
class Script:
    """What a handler does, whoever asks."""

    seconds: float = 0.0
    fails: int = 0
    """How many attempts fail before one succeeds."""
    how: Outcome = "raise"
    data: Any = None
    writes: tuple[Write, ...] = ()
    stubborn: bool = False
    """Goes on for a while when it is cancelled, and then returns as if nothing had been."""
    poison: bool = False
    """Kills the process, always."""


@dataclass(frozen=True)
class PlannedStep:
    name: str
    handler: str
    params: Param = field(default_factory=lambda: literal({}))
    dependencies: tuple[str, ...] = ()
    condition: Condition | None = None
    run_when: str = "none_failed"
    on_error: str = "fail"
    on_crash: str = "retry"
    save_as: str | None = None
    timeout: float = 300.0
    retry_count: int = 3
    retry_delay: float = 5.0
    retry_backoff: float = 2.0
    max_retry_delay: float = 300.0
    tasks: tuple[PlannedStep, ...] = ()
    script: Script = Script()

    @property
    def group(self) -> bool:
        return self.handler == "parallel_group"

    @property
    def delay(self) -> bool:
        return self.handler == "delay"

    def definition(self) -> dict[str, Any]:
        """The step as a developer would write it."""
        params = {"tasks": [task.definition() for task in self.tasks]} if self.group else self.params.written
        names = ("name", "handler", "run_when", "on_error", "on_crash", "timeout", "retry_count", "retry_delay")
        found = {name: getattr(self, name) for name in (*names, "retry_backoff", "max_retry_delay")}
        optional = {
            "params": params,
            "dependencies": list(self.dependencies),
            "condition": self.condition.text if self.condition else None,
            "save_as": self.save_as,
        }
        return found | {name: value for name, value in optional.items() if value}


@dataclass(frozen=True)
class PlannedWorkflow:
    name: str
    steps: tuple[PlannedStep, ...]
    added: PlannedStep | None = None
    """A step that somebody appends while runs are open."""
    global_timeout: float = 1800.0
    recovery_timeout: float = 300.0
    max_parallel_steps: int = 5
    auto_retry: bool = True

    def definition(self) -> dict[str, Any]:
        names = ("name", "global_timeout", "recovery_timeout", "max_parallel_steps", "auto_retry")
        return {name: getattr(self, name) for name in names} | {"steps": [step.definition() for step in self.steps]}


@dataclass(frozen=True)
class PlannedRun:
    workflow: int
    context: dict[str, Any]
    ahead: float | None = None
    """Seconds from the request to the start, for a run that is scheduled."""
    approve_within: float | None = None
    """Seconds from the request in which a person must approve it; None: nobody needs to."""


Steering = Literal["pause", "resume", "cancel", "approve"]
Flaw = Literal["stale", "taken", "undefined", "raises"]
"""Why a bundle is refused: its new steps go by a definition that has changed since, the id of its new definition is
taken, it starts what nobody has defined, its caller raises at the last moment."""


@dataclass(frozen=True)
class Bundle:
    """What is asked for in one transaction: runs to start, runs to steer, a definition to change."""

    starts: tuple[int, ...] = ()
    """Numbers of runs; nothing else starts them."""
    steers: tuple[tuple[Steering, int], ...] = ()
    """What is told to which run, in order; a run that does not exist by then is left out."""
    defines: int | None = None
    """The workflow that is made in it."""
    adds_to: int | None = None
    """The workflow that its added step is appended to."""
    flaw: Flaw | None = None
    again: bool = False
    """Once refused, asked for once more, without the flaw."""


@dataclass(frozen=True)
class Operation:
    """Something that a person asks for: at a time, or once a run's journal holds so many events."""

    verb: Literal["execute", "bundle", "add_step", "shift"] | Steering
    run: int = 0
    """The run; for add_step the workflow, for bundle the bundle."""
    at: float = 0.0
    events: int | None = None
    seconds: float = 0.0
    """For shift: how far the wall clock is set."""
    twice: bool = False
    """Asked for twice in a row; for execute with an idempotency key."""


Boundary = Literal[
    "before_commit", "after_commit", "after_acknowledgement", "handler_begins", "handler_works", "handler_ends",
    "clean_stop", "killed_while_stopping",
]  # fmt: skip


@dataclass(frozen=True)
class Ending:
    """How a process ends: at its n-th commit or handler call, or by a stop after some seconds."""

    boundary: Boundary
    nth: int = 1
    seconds: float = 0.0
    downtime: float = 0.0
    """Until the next process."""
    late: float | None = None
    """In the next process the handler `late` is registered so long after the start."""


@dataclass(frozen=True)
class Scenario:
    seed: int
    workflows: tuple[PlannedWorkflow, ...]
    runs: tuple[PlannedRun, ...]
    operations: tuple[Operation, ...]
    endings: tuple[Ending, ...]
    full: tuple[tuple[float, float], ...] = ()
    """When the disk is full."""
    commit_seconds: float = 0.002
    inline: float = 0.5
    """The share of commits, of those that may be, done before `append` returns."""
    bundles: tuple[Bundle, ...] = ()

    @property
    def shifted(self) -> bool:
        return any(operation.verb == "shift" for operation in self.operations)

    @property
    def defined(self) -> list[int]:
        """The workflows that are there from the beginning; bundles make the others."""
        made = {bundle.defines for bundle in self.bundles}
        return [n for n in range(len(self.workflows)) if n not in made]


def every_step(steps: Iterable[PlannedStep], prefix: str = "") -> Iterator[PlannedStep]:
    """Every step, and every task of a group as `Group/Task`."""
    for step in steps:
        yield replace(step, name=prefix + step.name)
        yield from every_step(step.tasks, f"{prefix}{step.name}/")
