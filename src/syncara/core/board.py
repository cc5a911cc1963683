"""The state of one execution, and what each event does to it.

Everything that changes an execution is `Board.apply`: live, in recovery and in replay alike. It is indexed so that an
event costs the same in a workflow of ten steps and of 100,000: counters of open dependencies, queues of what is ready,
a heap of timers. What follows from the state is decided in machine.py, never here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from heapq import heappush
from itertools import chain
from typing import Any

from syncara.core import events as e
from syncara.core.graph import Plan
from syncara.core.limits import ERRORS_KEPT_MAX
from syncara.core.model import GROUP, Author, ExecutionStatus, StepStatus
from syncara.core.node import (
    BLOCKED,
    CANCELLED,
    COMPLETED,
    DELAYED,
    FAILED,
    LOST,
    PENDING,
    REFUSED,
    RETRYING,
    RUNNING,
    SKIPPED,
    WAITING,
    Node,
)
from syncara.core.run_when import run_when

NOTHING: Iterator[Any] = iter(())
NEVER = float("inf")


class Board:
    """One execution. Read it freely; only `apply` changes it."""

    # fmt: off
    __slots__ = (
        "again", "approve_by", "author", "cancelled", "chat_id", "code", "context", "covers", "created_at",
        "deadline", "delayed", "dirty", "due", "error", "error_tolerated", "errors_seen", "execution_id", "failing",
        "finished_at", "held_since", "joins", "latest", "leftover", "message_id", "nodes", "now", "open", "owed",
        "plan", "prompt", "ready", "recovery_deadline", "recovery_timed_out", "retrying", "running", "start_at",
        "started_at", "status", "sweep", "timed_out", "timers", "user_id", "waiting",
    )
    # fmt: on

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.nodes: list[Node | None] = [Node(len(d)) for d in plan.dependencies[: plan.top]]
        """By index; a task's place is None until its group has expanded."""
        self.nodes += [None] * (len(plan.steps) - plan.top)
        self.execution_id = ""
        self.status = ExecutionStatus.SCHEDULED
        self.now = 0.0
        self.context: dict[str, Any] = {}
        """Replaced on each change and never mutated, so whoever holds it holds a snapshot."""
        self.user_id: Any = None
        self.chat_id: Any = None
        self.message_id: Any = None
        self.created_at = 0.0
        self.start_at: float | None = None
        self.author: Author = "developer"
        self.approve_by: float | None = None
        """Until when a person must approve; None once it is approved, or where nobody needs to."""
        self.covers: e.Covered = False
        self.started_at: float | None = None
        self.finished_at: float | None = None
        self.code = ""
        self.error: str | None = None
        self.open = plan.top
        """Top-level steps that have not settled."""
        self.running: dict[int, None] = {}
        """Attempts in a handler, in the order of their start."""
        self.delayed = self.retrying = self.waiting = 0
        self.timers: list[tuple[float, int]] = []
        """A heap of wake times of delays and retry waits; entries of steps that went on are stale."""
        self.latest: int | None = None

        # What the machine has to look at, in order. An entry of a step that has gone on since does not count.
        self.prompt: deque[int] = deque()
        """Dependencies settled; needs no slot to be decided: groups, and steps whose run_when is not met."""
        self.ready: deque[int] = deque()
        """Dependencies settled and run_when met; needs a slot."""
        self.due: list[tuple[float, int]] = []
        """A heap of retry waits that are over and need a slot."""
        self.owed: dict[int, object] = {}
        """Steps whose attempt calls for a decision: its StepErred, LOST, or REFUSED (by a person who was asked)."""
        self.again: dict[int, None] = {}
        """Steps whose attempt is to be made again under its number; needs a slot."""
        self.joins: list[int] = []
        self.sweep: Iterator[int] = NOTHING
        """Steps to be ended because the run fails, is cancelled or is out of time."""
        self.leftover: Iterator[tuple[int, str, str]] = NOTHING
        """Watchers to be skipped together, because the run went quiet: each with its code and reason."""
        self.dirty: dict[int, None] = dict.fromkeys(plan.watchers)
        """Watchers to ask, because something that they read has changed, the latest change last."""

        self.cancelled: str | None = None
        """The reason given, once a cancel has been taken."""
        self.failing = False
        self.error_tolerated = False
        """Whether `error` is that of a failure that left the run going; one that did not takes its place."""
        self.errors_seen = False
        """Whether any step has failed, a tolerated failure included."""
        self.deadline = float("inf")
        self.timed_out = False
        self.recovery_deadline = float("inf")
        self.recovery_timed_out = False
        self.held_since: float | None = None
        """Since when the deadlines stand still; None while they run."""

    # Reading.

    def node(self, name: str) -> Node:
        """The state of a step that has one. Raises KeyError for an unknown name or a task not yet expanded."""
        return self._find(name)[1]

    @property
    def paused(self) -> bool:
        return self.status is ExecutionStatus.PAUSED

    @property
    def slots_free(self) -> int:
        return self.plan.workflow.max_parallel_steps - len(self.running) - self.delayed

    @property
    def parked(self) -> bool:
        """Nothing is under way but timers, a start that lies ahead, or a pause without running attempts."""
        return not self.running and not self.waiting and self.status in _OPEN

    def _find(self, name: str) -> tuple[int, Node]:
        i = self.plan.index[name]
        node = self.nodes[i]
        if node is None:
            raise KeyError(name)
        return i, node

    # Changing.

    def apply(self, event: e.Event) -> None:
        """Take an event into the state. Raises KeyError for an event that is not of this execution's plan."""
        at = self.now = event.at
        _APPLY[event.__class__](self, event)
        # The deadlines stand still while paused, and while nothing but a person or an event is waited for.
        ticking = self.status is not ExecutionStatus.PAUSED and (
            not self.waiting or bool(self.running or self.delayed or self.retrying)
        )
        if ticking is not (self.held_since is None):
            self._hold(at, ticking)

    def _hold(self, at: float, ticking: bool) -> None:
        if not ticking:
            self.held_since = at
        elif self.held_since is not None:
            self.deadline += at - self.held_since
            self.recovery_deadline += at - self.held_since
            self.held_since = None

    def _move(self, i: int, node: Node, status: StepStatus) -> None:
        old = node.status
        if old is DELAYED:
            self.delayed -= 1
        elif old is RETRYING:
            self.retrying -= 1
        elif old is WAITING or old is BLOCKED:
            self.waiting -= 1
        elif old is RUNNING:
            self.running.pop(i, None)
        if status is DELAYED:
            self.delayed += 1
        elif status is RETRYING:
            self.retrying += 1
        elif status is WAITING or status is BLOCKED:
            self.waiting += 1
        node.status = status
        node.wake_at = None
        if self.owed:
            self.owed.pop(i, None)
        if self.again:
            self.again.pop(i, None)
        watchers = self.plan.watchers_of_steps
        if watchers:
            self._touch(watchers, self.plan.steps[i].name)

    def _touch(self, watchers: dict[str | None, list[int]], key: str) -> None:
        for i in (*watchers.get(key, ()), *watchers.get(None, ())):
            node = self.nodes[i]
            if node is not None and node.status is PENDING:
                self.dirty.pop(i, None)
                self.dirty[i] = None

    def _settle(self, i: int, status: StepStatus) -> Node:
        node = self.nodes[i]
        assert node is not None
        self._move(i, node, status)
        node.settled = True
        node.finished_at = self.now
        parent = self.plan.parents[i]
        if parent >= 0:
            group = self.nodes[parent]
            assert group is not None
            group.open_tasks -= 1
            if group.open_tasks == 0:
                self.joins.append(parent)
            return node
        self.open -= 1
        for follower in self.plan.followers[i]:
            waiting = self.nodes[follower]
            assert waiting is not None
            waiting.open_dependencies -= 1
            if waiting.open_dependencies == 0:
                self._dependencies_settled(follower, waiting)
        return node

    def _dependencies_settled(self, i: int, node: Node) -> None:
        if node.settled:
            return
        met, code = run_when(self.plan, self.nodes, i)
        if not met:
            node.code = code
            self.prompt.append(i)
        elif self.plan.steps[i].handler == GROUP:
            self.prompt.append(i)
        else:
            self.ready.append(i)

    def _begin(self, at: float) -> None:
        self.status = ExecutionStatus.RUNNING
        self.started_at = at
        self.deadline = at + self.plan.workflow.global_timeout
        self.held_since = None
        for i, dependencies in enumerate(self.plan.dependencies[: self.plan.top]):
            node = self.nodes[i]
            if not dependencies and self.plan.conditions[i] is None and node is not None:
                self._dependencies_settled(i, node)

    def _set_context(self, changes: dict[str, Any], removed: Collection[str] = ()) -> None:
        kept = {key: value for key, value in self.context.items() if key not in removed} if removed else self.context
        self.context = {**kept, **changes}
        watchers = self.plan.watchers_of_context
        if watchers:
            for key in (*changes, *removed):
                self._touch(watchers, key)

    # Facts.

    def _started(self, event: e.Started) -> None:
        event.require_known_rules()
        self.execution_id = event.execution_id
        self.context = event.context
        self.user_id, self.chat_id, self.message_id = event.user_id, event.chat_id, event.message_id
        self.created_at = event.at
        self.start_at, self.author = event.start_at, event.author
        self.approve_by, self.covers = event.approve_by, event.approved
        self._due(event)

    def _due(self, event: e.Event) -> None:
        """Begin, unless that lies ahead or must be approved; end when the approval has not come in time."""
        if self.approve_by is not None and event.at >= self.approve_by:
            self._cancel(NOT_APPROVED)
        elif self.approve_by is not None:
            self.status = ExecutionStatus.AWAITING_APPROVAL
        elif self.start_at is None or self.start_at <= event.at:
            self._begin(event.at)
        else:
            self.status = ExecutionStatus.SCHEDULED

    def _succeeded(self, event: e.StepSucceeded) -> None:
        i = self.plan.index[event.step]
        node = self._settle(i, COMPLETED)
        node.metadata = event.metadata
        self._complete(i, node, event.data, event.changes, event.removed)

    def _complete(
        self, i: int, node: Node, data: Any, changes: dict[str, Any] | None = None, removed: tuple[str, ...] = ()
    ) -> None:
        node.data = data
        node.code, node.error = "", None
        save_as = self.plan.steps[i].save_as
        if save_as:
            changes = {**(changes or {}), save_as: data}
        if changes or removed:
            self._set_context(changes or {}, removed)

    def _erred(self, event: e.StepErred) -> None:
        i, node = self._find(event.step)
        self._move(i, node, RETRYING)
        node.code, node.error = event.code, event.error
        self.owed[i] = event

    def _paused(self, event: e.Paused) -> None:
        self.status = ExecutionStatus.PAUSED

    def _resumed(self, event: e.Resumed) -> None:
        self.status = ExecutionStatus.RUNNING
        if self.started_at is None:
            self._due(event)

    def _approved(self, event: e.Approved) -> None:
        self.approve_by, self.covers = None, event.covers
        if not self.paused:
            self._due(event)

    def _cancelled(self, event: e.Cancelled) -> None:
        self._cancel(event.reason)

    def _cancel(self, reason: str) -> None:
        self.cancelled = reason
        self.status = ExecutionStatus.RUNNING
        self.sweep = iter(self._unsettled())

    def _signalled(self, event: e.Signalled) -> None:
        i, node = self._find(event.step)
        self._move(i, node, RETRYING)
        node.reason = None
        if event.data == "fail":
            self.owed[i] = REFUSED
        else:
            self.again[i] = None

    def _runner_lost(self, event: e.RunnerLost) -> None:
        for i in list(self.running):
            node = self.nodes[i]
            assert node is not None
            self._move(i, node, RETRYING)
            node.crashes += not event.clean
            self.owed[i] = LOST

    def _ticked(self, event: e.Event) -> None:
        if self.status in _AHEAD:
            self._due(event)

    # Decisions.

    def _under_way(self, name: str, status: StepStatus) -> tuple[int, Node]:
        i, node = self._find(name)
        self._move(i, node, status)
        if node.started_at is None:
            node.started_at = self.now
        self.latest = i
        if self.failing and self.plan.recovery[i]:
            self._start_recovery_clock()
        return i, node

    def _start_recovery_clock(self) -> None:
        if self.recovery_deadline == float("inf"):
            self.recovery_deadline = self.now + self.plan.workflow.recovery_timeout

    def _scheduled(self, event: e.StepScheduled) -> None:
        i, node = self._under_way(event.step, RUNNING)
        self.running[i] = None
        node.attempts = node.next_attempt = event.attempt
        if event.params is not None:
            node.params = event.params

    def _expanded(self, event: e.StepExpanded) -> None:
        i, node = self._under_way(event.step, RUNNING)
        tasks = self.plan.tasks[i]
        node.attempts = 1
        node.open_tasks = len(tasks)
        for task in tasks:
            child = self.nodes[task] = Node(0)
            self._dependencies_settled(task, child)

    def _joined(self, event: e.StepJoined) -> None:
        i = self.plan.index[event.step]
        node = self._settle(i, COMPLETED)
        prefix = len(self.plan.steps[i].name) + 1
        data = {}
        for task in self.plan.tasks[i]:
            child = self.nodes[task]
            data[self.plan.steps[task].name[prefix:]] = child.data if child is not None else None
        self._complete(i, node, data)

    def _slept(self, event: e.StepSlept) -> None:
        i, node = self._under_way(event.step, DELAYED)
        node.attempts = 1
        node.params = {"seconds": event.seconds}
        node.wake_at = event.wake_at
        heappush(self.timers, (event.wake_at, i))

    def _woke(self, event: e.StepWoke) -> None:
        i = self.plan.index[event.step]
        node = self._settle(i, COMPLETED)
        self._complete(i, node, node.params)

    def _waits(self, event: e.StepWaiting | e.StepBlocked) -> None:
        i, node = self._find(event.step)
        self._move(i, node, WAITING if isinstance(event, e.StepWaiting) else BLOCKED)
        node.signal = node.code = event.signal
        node.reason = event.reason

    def _retry_planned(self, event: e.RetryPlanned) -> None:
        i, node = self._find(event.step)
        self._move(i, node, RETRYING)
        node.wake_at = event.wake_at
        node.next_attempt = event.attempt
        heappush(self.timers, (event.wake_at, i))

    def _failed(self, event: e.StepFailed) -> None:
        i, node = self._find(event.step)
        node.code, node.error = event.code, event.error
        self.errors_seen = True
        self._settle(i, FAILED)
        self._note_error(event.step, event.code, event.error)
        harmless = bool(self.plan.tolerated[i])
        if self.error is None or (self.error_tolerated and not harmless and not self.failing):
            self.code, self.error = event.code, f"step '{event.step}' failed: {event.error}"
            self.error_tolerated = harmless
        if self.plan.steps[i].on_error == "fail" and self.plan.parents[i] < 0 and not self.failing:
            self._fail()

    def _note_error(self, step: str | None, code: str, error: str) -> None:
        """Tell the context, for conditions and for recovery; `step` is None when the run itself failed."""
        before = self.context.get("errors")
        errors = [*(before if isinstance(before, list) else ()), {"step": step, "code": code, "error": error}]
        kept = errors[-ERRORS_KEPT_MAX:]
        self._set_context({"error_occurred": True, "failed_step": step, "last_error": error, "errors": kept})

    def _fail(self) -> None:
        """From here on only recovery steps start; the machine ends the rest."""
        self.failing = True
        left = self._unsettled()
        self.sweep = chain(self.sweep, [i for i in left if not self.plan.recovery[i]])
        for i in left:
            node = self.nodes[i]
            if node is not None and node.status is not PENDING and self.plan.recovery[i]:
                self._start_recovery_clock()

    def _unsettled(self) -> list[int]:
        return [i for i, node in enumerate(self.nodes) if node is not None and not node.settled]

    def _skipped(self, event: e.StepSkipped) -> None:
        self._ended(event, SKIPPED)

    def _step_cancelled(self, event: e.StepCancelled) -> None:
        self._ended(event, CANCELLED)

    def _ended(self, event: e.StepSkipped | e.StepCancelled, status: StepStatus) -> None:
        i, node = self._find(event.step)
        node.code, node.reason = event.code, event.reason
        self._settle(i, status)

    def _timed_out(self, event: e.TimedOut) -> None:
        if event.code == "recovery_timeout":
            self.recovery_timed_out = True
            self.sweep = chain(self.sweep, [i for i in self._unsettled() if self.plan.recovery[i]])
            return
        self.timed_out = True
        if not self.failing:
            self.code = event.code
            self.error = event.error
            self._note_error(None, event.code, self.error)
        self._fail()

    def _finished(self, event: e.Finished) -> None:
        self.status = ExecutionStatus(event.status)
        self.code, self.error = event.code, event.error
        self.finished_at = event.at


_AHEAD = frozenset({ExecutionStatus.SCHEDULED, ExecutionStatus.AWAITING_APPROVAL})
_OPEN = _AHEAD | {ExecutionStatus.RUNNING, ExecutionStatus.PAUSED}
NOT_APPROVED = "nobody approved it in time"


_APPLY: dict[type[e.Event], Callable[[Board, Any], None]] = {
    e.Started: Board._started,
    e.StepSucceeded: Board._succeeded,
    e.StepErred: Board._erred,
    e.Paused: Board._paused,
    e.Resumed: Board._resumed,
    e.Cancelled: Board._cancelled,
    e.Approved: Board._approved,
    e.Signalled: Board._signalled,
    e.RunnerLost: Board._runner_lost,
    e.Ticked: Board._ticked,
    e.StepScheduled: Board._scheduled,
    e.StepExpanded: Board._expanded,
    e.StepJoined: Board._joined,
    e.StepSlept: Board._slept,
    e.StepWoke: Board._woke,
    e.StepWaiting: Board._waits,
    e.StepBlocked: Board._waits,
    e.RetryPlanned: Board._retry_planned,
    e.StepFailed: Board._failed,
    e.StepSkipped: Board._skipped,
    e.StepCancelled: Board._step_cancelled,
    e.TimedOut: Board._timed_out,
    e.Finished: Board._finished,
}
