"""The oracle's own reading of a journal: what each event does to a run. It shares nothing with the engine.

It takes every event as it comes; whether the event was right is for oracle.py to say. Events are decoded JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from syncara.testing.coverage import Coverage
from syncara.testing.language import Seen
from syncara.testing.plan import PlannedStep, PlannedWorkflow

FINAL = frozenset({"completed", "failed", "skipped", "cancelled"})
POISON_DEATHS = 3
BY_CONDITION = frozenset({"condition_false", "condition_error", "never_true", "not_needed"})


@cache
def method_of(kind: str) -> str:
    """The name of the method for an event: `_step_woke` for StepWoke."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind)


class StepFold:
    """One step of one run."""

    def __init__(self, name: str, plan: PlannedStep, parent: StepFold | None, recovery: bool) -> None:
        self.name = name
        self.plan = plan
        self.parent = parent
        self.recovery = recovery
        """Whether it may start in a run that is failing."""
        self.tasks: list[StepFold] = []
        self.status = "pending"
        self.code = ""
        self.attempt = self.coming = 0
        """The latest attempt, and the one that is made next."""
        self.erred: dict[str, Any] | None = None
        """The failed attempt on which nothing has been decided yet."""
        self.lost = False
        """The process ended under its attempt, and nothing has been decided yet."""
        self.deaths = self.deaths_of_attempt = 0
        """Unclean deaths of the process under it; under the attempt that is under way."""
        self.signal = ""
        self.signalled: dict[str, Any] | None = None
        self.wake_at = 0.0
        self.seconds = 0.0
        self.data: Any = None
        self.first: dict[str, Any] | None = None
        """Its first StepScheduled."""
        self.wanted: Any = None
        """What its params render to, as the oracle sees it at the first start."""

    @property
    def settled(self) -> bool:
        return self.status in FINAL

    @property
    def watcher(self) -> bool:
        return self.plan.condition is not None and not self.plan.dependencies and self.parent is None

    @property
    def in_handler(self) -> bool:
        return self.status == "running" and not self.plan.group and not self.lost and self.erred is None

    @property
    def suspect(self) -> bool:
        """One more death under this attempt would convict it."""
        return self.deaths_of_attempt >= POISON_DEATHS - 1

    @property
    def undecided(self) -> bool:
        """Something has happened to it on which nothing has been decided yet, as while the run is paused."""
        return self.lost or self.erred is not None or self.signalled is not None

    @property
    def failed_for_followers(self) -> bool:
        """Counts as failed for none_failed, all_succeeded and any_succeeded."""
        if self.status == "failed":
            return self.plan.on_error == "fail"
        return self.status == "cancelled" or (self.status == "skipped" and self.code not in BY_CONDITION)

    @property
    def completed_for_followers(self) -> bool:
        return self.status == "completed" or (self.status == "failed" and self.plan.on_error == "continue")

    @property
    def tolerated(self) -> bool:
        """Its failure leaves the run going: it, or a group around it, says continue."""
        return self.plan.on_error == "continue" or (self.parent is not None and self.parent.tolerated)

    @property
    def done(self) -> float:
        """Its share of the progress, 0 to 1."""
        if self.tasks and self.status not in ("pending", "skipped"):
            return sum(task.done for task in self.tasks) / len(self.tasks)
        return float(self.status == "completed" or (self.status == "skipped" and self.code in BY_CONDITION))


class Snapshot(NamedTuple):
    """A run as it was after a transaction."""

    events: int
    status: str
    progress: float
    steps: dict[str, str]
    undecided: frozenset[str]


class RunFold:
    """One run."""

    def __init__(self, workflow: PlannedWorkflow, steps: tuple[PlannedStep, ...], coverage: Coverage) -> None:
        self.workflow = workflow
        self.coverage = coverage
        self.steps: dict[str, StepFold] = {}
        self.top: list[StepFold] = []
        recovery = recovery_steps(steps)
        for plan in steps:
            self._add(plan.name, plan, None, plan.name in recovery)
        self.status = "none"
        self.context: dict[str, Any] = {}
        self.contexts: list[dict[str, Any]] = []
        """The context after each event. Values are never changed in place."""
        self.paused = self.cancelled = self.failing = False
        self.timed_out = self.recovery_timed_out = False
        self.out_of_time = False
        """The global timeout is what made the run fail."""
        self.first_failure: dict[str, Any] | None = None
        """The first that did not leave the run going; while there is none, the first of all."""
        self.tolerated = False
        self.at = 0.0
        self.start_at: float | None = None
        """When a run that was scheduled is to start, until it has."""
        self.approve_by: float | None = None
        """Until when somebody must approve it, until somebody has."""
        self.expired = False
        """Nobody has approved it in time."""
        self.active_seconds = 0.0
        """Counted against the global timeout."""
        self.recovery_began = False
        self.recovery_seconds = 0.0
        self.schedules: list[tuple[int, str, int]] = []
        """Every StepScheduled: its number in the journal, step, attempt."""
        self.over: dict[int, int] = {}
        """For each of them, the number of the event that ended the attempt."""
        self._open: dict[str, int] = {}
        self.snapshots: list[Snapshot] = []

    def _add(self, name: str, plan: PlannedStep, parent: StepFold | None, recovery: bool) -> StepFold:
        step = self.steps[name] = StepFold(name, plan, parent, recovery)
        if parent is None:
            self.top.append(step)
        step.tasks = [self._add(f"{name}/{task.name}", task, step, recovery) for task in plan.tasks]
        return step

    # Reading.

    @property
    def slots_free(self) -> int:
        used = sum(step.in_handler or step.status == "delayed" for step in self.steps.values())
        return self.workflow.max_parallel_steps - used

    def seen(self) -> Seen:
        return Seen(
            self.context,
            {name: step.status for name, step in self.steps.items()},
            {name: step.data for name, step in self.steps.items()},
        )

    def dependencies(self, step: StepFold) -> list[StepFold]:
        return [self.steps[name] for name in step.plan.dependencies]

    def exists(self, step: StepFold) -> bool:
        """A task exists once its group has expanded."""
        return step.parent is None or (step.parent.status not in ("pending", "skipped"))

    def within_reach(self, step: StepFold) -> bool:
        """Pending, and all that comes before it has settled."""
        if step.status != "pending":
            return False
        if step.parent is not None:
            return step.parent.status == "running"
        return all(dependency.settled for dependency in self.dependencies(step))

    def unmet(self, step: StepFold) -> str:
        """The code with which run_when, all dependencies settled, skips the step; empty when it is met."""
        before = self.dependencies(step)
        if not before:
            return ""
        completed = [dependency.completed_for_followers for dependency in before]
        failed = [dependency.failed_for_followers for dependency in before]
        met = {
            "none_failed": not any(failed) and any(completed),
            "all_succeeded": all(completed),
            "any_succeeded": any(completed),
            "all_settled": True,
            "any_failed": any(failed) or any(dependency.status == "failed" for dependency in before),
        }[step.plan.run_when]
        if met:
            return ""
        return "upstream_failed" if any(failed) else "not_needed"

    def clock_runs(self) -> bool:
        """Whether time counts against the timeouts: not while paused, nor while only a person or event is awaited."""
        if self.paused:
            return False
        states = {step.status for step in self.steps.values() if not step.plan.group}
        return not states & {"waiting", "blocked"} or bool(states & {"running", "delayed", "retrying"})

    def under_way(self) -> Iterator[StepFold]:
        for step in self.steps.values():
            if step.status not in ("pending", *FINAL):
                yield step

    def progress(self) -> float:
        return 100.0 * sum(step.done for step in self.top) / len(self.top)

    def snapshot(self) -> Snapshot:
        existing = [step for step in self.steps.values() if self.exists(step)]
        return Snapshot(
            len(self.contexts),
            self.status,
            self.progress(),
            {step.name: step.status for step in existing},
            frozenset(step.name for step in existing if step.undecided),
        )

    # Changing.

    def apply(self, event: dict[str, Any]) -> None:
        if self.status == "running" and self.clock_runs():
            self.active_seconds += event["at"] - self.at
            if self.recovery_began:
                self.recovery_seconds += event["at"] - self.at
        self.at = event["at"]
        self.coverage.count("event", event["event"])
        getattr(self, method_of(event["event"]))(event)
        if self.failing and not self.recovery_began:
            self.recovery_began = any(step.recovery for step in self.under_way())
        self.contexts.append(self.context)

    def _run(self, status: str) -> None:
        self.coverage.count("run", f"{self.status} -> {status}")
        self.status = status

    def _move(self, event: dict[str, Any], status: str) -> StepFold:
        step = self.steps[event["step"]]
        self.coverage.count("step", f"{step.status} -> {status}")
        if status in FINAL or step.status == "running":
            self._attempt_over(step)
        step.status = status
        step.lost, step.erred, step.signalled = False, None, None
        step.code = event.get("code", "")
        return step

    def _attempt_over(self, step: StepFold) -> None:
        schedule = self._open.pop(step.name, None)
        if schedule is not None:
            self.over[schedule] = len(self.contexts)

    def _complete(self, step: StepFold, data: Any, changes: dict[str, Any], removed: list[str]) -> None:
        step.data = data
        if step.plan.save_as:
            changes = {**changes, step.plan.save_as: data}
        if changes or removed:
            self.context = {key: value for key, value in self.context.items() if key not in removed} | changes

    def _started(self, event: dict[str, Any]) -> None:
        self.start_at, self.approve_by = event.get("start_at"), event.get("approve_by")
        self.context = event.get("context", {})
        self._begin()

    def _begin(self) -> None:
        """What becomes of a run that has not begun, once it is asked."""
        if self.approve_by is not None:
            self.expired = self.at >= self.approve_by
            self.cancelled = self.cancelled or self.expired
            if not self.expired:
                self._run("awaiting_approval")
            return
        if self.start_at is not None and self.start_at <= self.at:
            self.start_at = None
        self._run("running" if self.start_at is None else "scheduled")

    def _step_scheduled(self, event: dict[str, Any]) -> None:
        step = self._move(event, "running")
        step.attempt = step.coming = event["attempt"]
        step.first = step.first or event
        number = len(self.contexts)
        self.schedules.append((number, step.name, step.attempt))
        self._open[step.name] = number

    def _step_succeeded(self, event: dict[str, Any]) -> None:
        step = self._move(event, "completed")
        self._complete(step, event.get("data"), event.get("changes", {}), event.get("removed", []))

    def _step_erred(self, event: dict[str, Any]) -> None:
        step = self.steps[event["step"]]
        self._attempt_over(step)
        step.erred = event
        step.deaths_of_attempt = 0

    def _runner_lost(self, event: dict[str, Any]) -> None:
        for step in self.steps.values():
            if step.in_handler:
                self._attempt_over(step)
                step.lost = True
                step.deaths += not event.get("clean", False)
                step.deaths_of_attempt += not event.get("clean", False)

    def _paused(self, event: dict[str, Any]) -> None:
        self.paused = True
        self._run("paused")

    def _resumed(self, event: dict[str, Any]) -> None:
        self.paused = False
        self._begin()
        if self.expired:
            self.coverage.count("approval", "expired during a pause")

    def _cancelled(self, event: dict[str, Any]) -> None:
        if self.approve_by is not None:
            self.expired = self.at >= self.approve_by  # nobody was there at the time to say so
            if not self.expired:
                self.coverage.count("approval", "refused")
        self.paused = False
        self.cancelled = True

    def _approved(self, event: dict[str, Any]) -> None:
        when = "while paused" if self.paused else "in time"
        if self.start_at is not None:
            when = "before its start" if self.at < self.start_at else "after its start was due"
        self.coverage.count("approval", when)
        self.approve_by = None
        if not self.paused:
            self._begin()

    def _signalled(self, event: dict[str, Any]) -> None:
        self.steps[event["step"]].signalled = event

    def _ticked(self, event: dict[str, Any]) -> None:
        if self.status in ("scheduled", "awaiting_approval"):
            self._begin()

    def _step_expanded(self, event: dict[str, Any]) -> None:
        self._move(event, "running").attempt = 1

    def _step_joined(self, event: dict[str, Any]) -> None:
        step = self._move(event, "completed")
        self._complete(step, {task.plan.name: task.data for task in step.tasks}, {}, [])

    def _step_slept(self, event: dict[str, Any]) -> None:
        step = self._move(event, "delayed")
        step.attempt, step.seconds, step.wake_at = 1, event["seconds"], event["wake_at"]

    def _step_woke(self, event: dict[str, Any]) -> None:
        step = self._move(event, "completed")
        self._complete(step, {"seconds": step.seconds}, {}, [])

    def _step_waiting(self, event: dict[str, Any]) -> None:
        self._move(event, "waiting").signal = event["signal"]

    def _step_blocked(self, event: dict[str, Any]) -> None:
        self._move(event, "blocked").signal = event["signal"]

    def _retry_planned(self, event: dict[str, Any]) -> None:
        step = self._move(event, "retrying")
        step.wake_at, step.coming = event["wake_at"], event["attempt"]

    def _step_failed(self, event: dict[str, Any]) -> None:
        step = self._move(event, "failed")
        self.coverage.count("failed", event["code"])
        if self.first_failure is None or (self.tolerated and not step.tolerated and not self.failing):
            self.first_failure, self.tolerated = event, step.tolerated
        if step.parent is None and step.plan.on_error == "fail":
            self.failing = True
        self._note_error(step.name, event)

    def _note_error(self, step: str | None, event: dict[str, Any]) -> None:
        failure = {"step": step, "code": event["code"], "error": event["error"]}
        self.context = {
            **self.context,
            "error_occurred": True,
            "failed_step": step,
            "last_error": event["error"],
            "errors": [*self.context.get("errors", []), failure],
        }

    def _step_skipped(self, event: dict[str, Any]) -> None:
        self._move(event, "skipped")
        self.coverage.count("skipped", event["code"])

    def _step_cancelled(self, event: dict[str, Any]) -> None:
        self._move(event, "cancelled")
        self.coverage.count("cancelled", event["code"])

    def _timed_out(self, event: dict[str, Any]) -> None:
        self.coverage.count("timeout", event["code"])
        if event["code"] == "recovery_timeout":
            self.recovery_timed_out = True
            return
        if not self.failing:
            self.out_of_time = True
            self._note_error(None, event)
        self.timed_out = self.failing = True

    def _finished(self, event: dict[str, Any]) -> None:
        if self.expired:
            self.coverage.count("approval", "expired")
        self._run(event["status"])


def recovery_steps(steps: tuple[PlannedStep, ...]) -> set[str]:
    """The top-level steps that may start after a failure."""
    found: set[str] = set()
    while True:
        more = {step.name for step in steps if step.name not in found and _is_recovery(step, found)}
        if not more:
            return found
        found |= more


def _is_recovery(step: PlannedStep, found: set[str]) -> bool:
    if step.run_when in ("any_failed", "all_settled"):
        return True
    if step.dependencies:
        return all(dependency in found for dependency in step.dependencies)
    return step.condition is not None and step.condition.sees_failures
