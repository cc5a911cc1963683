"""The runtime of one process: asyncio, one journal, group commit.

Facts go into boards at once; what they decided is written once per turn of the loop, all executions together, and acted
on when it is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from syncara.abc import Addition, Clock, Handler, RunnerInfo, Store
from syncara.core import events as e
from syncara.core import journal
from syncara.core.board import Board
from syncara.core.errors import DamagedError, InvalidStateError, NotFoundError, Problem, StorageError
from syncara.core.graph import Plan
from syncara.core.limits import RUN_STOP
from syncara.core.machine import fold, next_wake
from syncara.core.model import ExecutionStatus
from syncara.runtimes.audience import Audience
from syncara.runtimes.commits import Auditor, Commits
from syncara.runtimes.driver import Action, Block, Call, Stop, drive, refused, take_in
from syncara.runtimes.hands import Guard, Hands, Outcome
from syncara.runtimes.recovery import Recovery
from syncara.runtimes.resident import Fed, Group, Resident
from syncara.runtimes.room import Quotas, Room, Unlimited
from syncara.runtimes.stalled import Stalled
from syncara.runtimes.timers import Timers

logger = logging.getLogger("syncara")

EVICT_S = 10.0
"""An execution whose next wake is further off than this is kept as a timer alone."""
STOP_GRACE_S = 5.0
"""How long `stop` waits for interrupted handlers to clean up, and for plain functions to return."""

Plans = Callable[[str, int], Plan]
Boards = Mapping[str, Board]
"""The boards of the executions that a transaction touches."""


class LocalRuntime:
    """Gives the core a clock, a journal and hands. Its methods are called on its event loop only."""

    def __init__(
        self,
        store: Store,
        handler: Callable[[str], Handler | None],
        plans: Plans,
        clock: Clock,
        *,
        auditor: Auditor,
        guard: Guard | None = None,
        hands_off: bool = False,
    ) -> None:
        """`hands_off`: take in what callers say, but run no step and take up no execution; the next runner will."""
        self._hands_off = hands_off
        self.store = store
        self.clock = clock
        self._handler, self._guard, self._auditor = handler, guard, auditor
        self._plans = plans
        self.loop: asyncio.AbstractEventLoop | None = None
        self._residents: dict[int, Resident] = {}
        self._keys: dict[str, int] = {}
        """Keys of resident executions by id."""
        self._held: dict[str, Group] = {}
        """Executions of the group that is being written, by id. It may be refused, so what comes meanwhile waits."""
        self._stopping = self._ending = False
        self.audience = Audience()

    # Life.

    @property
    def running(self) -> bool:
        return self.loop is not None and not self._stopping

    def start(self, loop: asyncio.AbstractEventLoop, closing: Callable[[], bool]) -> None:
        """Become the runner and take up every open execution by the normal path. Raises DatabaseBusy."""
        info = self.store.acquire()
        try:
            self._set_up(loop, closing, info)
        except BaseException:
            self.loop = None
            self.store.release(clean=info.clean)
            raise

    def _set_up(self, loop: asyncio.AbstractEventLoop, closing: Callable[[], bool], info: RunnerInfo) -> None:
        self.loop = loop
        self._next_key = info.next_key
        self._stopping = self._ending = False
        self._held = {}
        self._stalled = Stalled(loop, self._restore)
        self._auditor.start()
        self._commits = Commits(
            self.store,
            self._auditor,
            loop,
            idle=lambda: self._hands.busy == 0,
            feed=self._feed_group,
            set_aside=self._set_aside,
            over=self._committed,
        )
        self._hands = Hands(loop, self.clock, self._handler, self._report, closing, self._guard)
        self._wakes: Timers[int] = Timers(loop, self.clock.now, self._wake)
        self._was_clean = info.clean
        self._recovery = Recovery(
            loop, self.clock.now, post=self.post, feed=self.feed, handler=self._handler, clean=info.clean
        )
        if self._hands_off:
            return
        for summary in self.store.open_summaries():
            if not summary.parked:
                self._recovery.add(summary.key)
            elif summary.wake_at is not None:
                self._wakes.set(summary.key, summary.wake_at)
        self._recovery.begin()

    async def stop(self) -> None:
        """Interrupt what runs, write what is known, and stop being the runner. The runs go on at the next start."""
        if self.loop is None or self._ending:
            return
        if not self._stopping:
            self._recovery.finish()
        self._stopping = self._ending = True
        try:
            under_way = self._hands.drop()
            if under_way:
                await asyncio.wait(under_way, timeout=STOP_GRACE_S)
            await self._commits.finish()
            if self._stalled:
                await self._try_once_more()
        finally:  # also when whoever called it gives up, or is one of the handlers that it interrupts
            self._end(clean=True)

    def abandon(self) -> None:
        """Let go after the event loop was closed under us; what was not written is made again at the next start."""
        self._stopping = True
        self._end(clean=True)

    def _end(self, *, clean: bool) -> None:
        self._recovery.close()
        self._wakes.close()
        try:
            self._tell_all()
        finally:
            self._commits.close()
            self.loop = None
            self.store.release(clean=self._was_clean if self._hands_off else clean)

    def _tell_all(self) -> None:
        """Nothing more will be written or run: tell everyone who waits."""
        closed = self.loop is not None and self.loop.is_closed()
        for resident in self._residents.values():
            if not closed:
                resident.refuse(_stopped())
        self._commits.drop_all(None if closed else _stopped())
        self._residents.clear()
        self._keys.clear()
        self._stalled.clear()
        self.audience.leave(closed=closed)

    # What callers ask for.

    async def begin(self, started: e.Started, plan: Plan, idempotency_key: str | None = None) -> None:
        """Start an execution; returns when it is durable."""
        self._require_running()
        await self._ask(self._new(started, plan, idempotency_key), started)

    def _new(self, started: e.Started, plan: Plan, idempotency_key: str | None) -> Resident:
        resident = Resident(self._next_key, Board(plan), idempotency_key)
        self._next_key += 1
        self._adopt(resident, started.execution_id)
        return resident

    async def together(
        self,
        starts: Sequence[tuple[e.Started, Plan]],
        facts: Sequence[tuple[str, e.Fact]],
        finish: Callable[[Boards, list[bool]], Sequence[Addition]],
    ) -> None:
        """Start executions, feed facts and write additions in one transaction; returns when it is durable.

        `finish` is called once all of it is on the boards, with them and with what each fact changed, and returns the
        additions. When it, or a fact, raises, nothing of it happens.
        """
        self._require_running()
        group = Group(starts, facts, finish, asyncio.get_running_loop().create_future())
        self._commits.add_group(group)
        await group.done

    def _feed_group(self, group: Group) -> Fed | None:
        """Take a group in; None when something of its executions must be written first, so that it is alone.

        Nothing of it is left in memory when it raises.
        """
        new = {started.execution_id for started, _ in group.starts}
        found = [self._find(execution_id) for execution_id, _ in group.facts if execution_id not in new]
        steered = {resident.board.execution_id: resident for resident in found if resident is not None}
        touched: dict[str, Resident] = {}
        try:
            for resident in steered.values():
                self._stalled.require_writable(resident)
            self._held = dict.fromkeys(steered, group)
            if any(resident.busy for resident in steered.values()):
                return None
            touched.update(steered)
            for started, plan in group.starts:
                self._held[started.execution_id] = group
                resident = touched[started.execution_id] = self._new(started, plan, None)
                self.feed(resident, started)
            changed = [
                execution_id in touched and self.feed(touched[execution_id], fact) for execution_id, fact in group.facts
            ]
            boards = {execution_id: resident.board for execution_id, resident in touched.items()}
            return Fed(group, list(touched.values()), group.finish(boards, changed))
        except BaseException as error:
            self._held = {}
            self._refused(list(touched.values()), error)
            self._take_kept([resident for resident in steered.values() if resident.key not in self._stalled])
            raise

    async def tell(self, execution_id: str, fact: e.Fact) -> bool:
        """Feed a fact from a caller; True when it changed something, once that is durable. Raises NotFoundError."""
        self._require_running()
        while (group := self._held.get(execution_id)) is not None:
            await asyncio.wait([group.done])
            self._require_running()
        resident = self._find(execution_id)
        return resident is not None and await self._ask(resident, fact)

    def holds(self, execution_id: str) -> bool:
        """Whether the execution is in memory: then its final status is not on disk yet, and `wait` will tell of it."""
        return execution_id in self._keys

    async def wait(self, execution_id: str) -> Board | None:
        """The board of an execution that has ended meanwhile; None when the runtime stops before."""
        return await self.audience.wait(execution_id) if self.running else None

    def handler_registered(self, name: str) -> None:
        """Let the steps go on that were blocked because this handler was missing."""
        self._recovery.handler_registered(name)

    async def _ask(self, resident: Resident, fact: e.Fact) -> bool:
        self._stalled.require_writable(resident)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        changed = self.feed(resident, fact, asked=done)
        if changed or resident.follow(done):
            await done  # nobody is told of a state that is not on disk yet
        else:
            self.settle_down(resident)
        return changed

    def _require_running(self) -> None:
        """Raises InvalidStateError for a call that comes when the engine is stopping, or has stopped."""
        if not self.running:
            raise _stopped()

    def _find(self, execution_id: str) -> Resident | None:
        """The execution, loaded when it is parked; None when it is at a final status."""
        key = self._keys.get(execution_id)
        if key is not None:
            return self.load(key)
        summary = self.store.summary(execution_id)
        if summary is None:
            raise NotFoundError("not_found", f"there is no execution '{execution_id}'", where="execution_id")
        return None if ExecutionStatus(summary.status).final else self.load(summary.key)

    # Residents.

    def load(self, key: int) -> Resident:
        """The resident of an execution, folded from its journal when it is not in memory. Raises DamagedError."""
        resident = self._residents.get(key)
        if resident is None:
            resident = Resident(key, None)
            self._fold(resident)
            self._stalled.read(key)
            self._adopt(resident, resident.board.execution_id)
            if not self._hands_off:
                self._recovery.look_at(resident)
        return resident

    def _fold(self, resident: Resident) -> None:
        rows = self.store.rows(resident.key)
        events = journal.decode(rows)
        started = journal.first(events)
        resident.board = fold(Board(self._plans(started.workflow_id, started.steps)), events)
        resident.seq = len(events)
        resident.checksum = rows[-1].checksum
        resident.room = Room(sum(len(row.body) for row in rows))

    def _adopt(self, resident: Resident, execution_id: str) -> None:
        self._residents[resident.key] = resident
        self._keys[execution_id] = resident.key

    def _forget(self, resident: Resident) -> None:
        self._residents.pop(resident.key, None)
        self._keys.pop(resident.board.execution_id, None)

    def settle_down(self, resident: Resident) -> None:
        """After a commit: set the next wake, and keep no more in memory than that when it is far off."""
        board = resident.board
        if board.status.final and not resident.busy:
            self._wakes.discard(resident.key)
            self._forget(resident)
            return
        wake = next_wake(board)
        if wake is None:
            self._wakes.discard(resident.key)
        else:
            self._wakes.set(resident.key, wake)
        far = wake is None or wake - self.clock.now() > EVICT_S
        if far and board.parked and not resident.busy and resident.key not in self._stalled:
            self._forget(resident)

    # Facts in.

    def feed(self, resident: Resident, fact: e.Fact, asked: asyncio.Future[None] | None = None) -> bool:
        """Take a fact into a board and have what follows written. False when it changes nothing."""
        try:
            if isinstance(fact, e.StepSucceeded):
                fact = resident.room.fitting(resident.board, fact, self._quotas(resident.board))
            events, actions = (take_in if self._hands_off else drive)(resident.board, fact)
        except Exception:
            # The board may be half changed: forget it. The journal is whole, and is read again when it is needed.
            self._commits.drop(resident)
            self._forget(resident)
            raise
        if not events:
            return False
        resident.take(fact, events, actions, asked)
        self._commits.add(resident)
        return True

    def post(self, key: int, fact: e.Fact) -> bool:
        """Take in a fact that nobody waits for; it is kept when the disk takes no writes. False: it changed nothing."""
        if self._stopping or self._hands_off:
            return False
        if key in self._stalled:
            self._stalled.keep(key, fact)
            return True
        try:
            resident = self.load(key)
            if resident.board.execution_id in self._held:
                resident.kept.append(fact)
                return True
            if self.feed(resident, fact):
                return True
            self.settle_down(resident)
        except StorageError as error:
            if isinstance(error, DamagedError):
                logger.exception("execution number %d is set aside", key)
            else:  # the file could not be read just now
                wait = self._stalled.read_again_s(key)
                logger.warning("execution number %d is looked at again in %g s: %s", key, wait, error)
                self._wakes.set(key, self.clock.now() + wait)
        except Exception:  # one damaged execution must not hold up the others
            logger.exception("execution number %d is set aside", key)
        return False

    def _report(self, key: int, outcome: Outcome) -> None:
        self.post(key, outcome)
        self._recovery.attempt_ended(key, outcome.step)

    def _wake(self, key: int) -> None:
        self.post(key, e.Ticked(self.clock.now()))

    # After a commit.

    def _set_aside(self, resident: Resident, error: Exception) -> None:
        resident.refuse(error)
        self._forget(resident)

    def _committed(self, batch: list[Resident], group: Group | None, error: BaseException | None) -> None:
        if group is not None:
            self._held = {}
        if error is not None:
            (self._commit_failed if group is None or _of_the_disk(error) else self._refused)(batch, error)
            return
        self._stalled.written()
        if group is not None:
            self._take_kept(batch)
        for resident in batch:
            self._acknowledge(resident)

    def _take_kept(self, residents: Iterable[Resident]) -> None:
        for resident in residents:
            facts, resident.kept = resident.kept, []
            for fact in facts:
                self.feed(resident, fact)

    def _acknowledge(self, resident: Resident) -> None:
        actions = resident.written()
        if not self._stopping:
            self._carry_out(resident, actions)
        self.audience.committed(resident.board)
        if self._commits.holds(resident):
            return
        final = resident.board.status.final
        self._recovery.committed(resident.key, final=final)
        if final:
            self._wakes.discard(resident.key)
            self._forget(resident)
            self.audience.ended(resident.board)
        else:
            self.settle_down(resident)

    def _carry_out(self, resident: Resident, actions: Iterable[Action]) -> None:
        board, quotas = resident.board, self._quotas(resident.board)
        full = resident.room.full(board, quotas)
        for action in actions:
            if full and isinstance(action, Call):
                self._report(resident.key, refused(action, Problem("quota_exceeded", "", full), self.clock.now()))
            else:
                self._act(resident, action)
        # A run whose steps may fail is still given more and more; one that is being cancelled is given nothing.
        going_on = not board.status.final and board.cancelled is None
        if full and going_on and resident.room.full(board, quotas, times=RUN_STOP):
            self.post(resident.key, e.Cancelled(self.clock.now(), full))

    def _quotas(self, board: Board) -> Quotas:
        return Unlimited() if self._guard is None else self._guard.quotas(board.author, board.chat_id)

    def _act(self, resident: Resident, action: Action) -> None:
        if isinstance(action, Call):
            self._hands.start(resident.key, action)
        elif isinstance(action, Stop):
            self._hands.stop((resident.key, action.step))
            self._recovery.attempt_ended(resident.key, action.step)
        elif isinstance(action, Block):
            self._recovery.blocked(resident, action)

    def _refused(self, batch: Sequence[Resident], error: BaseException) -> None:
        """Nothing of a group happens: its executions are what they were, and take in what came meanwhile."""
        for resident in batch:
            self._commits.drop(resident)
            resident.refuse(error)
            if resident.seq == 0:
                self._wakes.discard(resident.key)
                self._forget(resident)
            else:
                self._restore(resident)

    # A disk that does not take writes.

    def _commit_failed(self, batch: Sequence[Resident], error: BaseException) -> None:
        """Memory ran ahead of the disk: forget what was decided, keep what happened, and tell who asked."""
        for resident in batch:
            self._commits.drop(resident)
            resident.refuse(error)
            if resident.seq == 0:
                self._wakes.discard(resident.key)
                self._forget(resident)
            else:
                self._stalled.add(resident)
        if getattr(error, "code", "") == "not_runner":
            logger.critical("another process runs this database now; this one stops: %s", error)
            self._stopping = True
            self._hands.drop()
            self._tell_all()
            return
        if not self._stopping:
            self._stalled.retry_later(error)

    async def _try_once_more(self) -> None:
        """Before the end: what waits for the disk is written now, or it is lost."""
        self._stalled.retry()
        await self._commits.finish()
        if self._stalled:
            text = "stopped while the database does not take writes; runs of which the last results are lost: %d"
            logger.error(text, len(self._stalled))

    def _restore(self, resident: Resident) -> None:
        """Fold an execution from its journal, and feed it what has happened since."""
        try:
            self._fold(resident)
        except StorageError as error:
            self._commit_failed([resident], error)
            return
        resident.listed = None
        self._take_kept([resident])
        if self._stopping:
            return
        if not self.feed(resident, e.Ticked(self.clock.now())) and not self._commits.holds(resident):
            self.settle_down(resident)


def _of_the_disk(error: BaseException) -> bool:
    """Whether a transaction may be made later; not when what it asks for cannot be."""
    return isinstance(error, StorageError) and error.code not in ("conflict", "duplicate")


def _stopped() -> Exception:
    return InvalidStateError("stopped", "the engine stopped before this was written; nothing of it happened")
