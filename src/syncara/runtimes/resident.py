"""An execution in memory, with what of it is not on disk yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from syncara.abc import Addition, Change, Entry, Summary, Unsealed
from syncara.core import events as e
from syncara.core import journal
from syncara.core.board import Board
from syncara.core.graph import Plan
from syncara.core.machine import next_wake
from syncara.core.model import ExecutionStatus
from syncara.core.progress import percent
from syncara.runtimes.driver import Action
from syncara.runtimes.room import Room

_CALLERS = (e.Started, e.Paused, e.Resumed, e.Cancelled, e.Approved)
"""Facts whose caller is told when they could not be written, and asks again; all others are kept."""


class _Batch:
    """Facts, with what followed from them, that go to the disk in one entry."""

    __slots__ = ("actions", "asked", "events", "facts")

    def __init__(self) -> None:
        self.facts: list[e.Fact] = []
        self.events: list[e.AnyEvent] = []
        self.actions: list[Action] = []
        self.asked: list[asyncio.Future[None]] = []


class Resident:
    # fmt: off
    __slots__ = (
        "_gathering", "_writing", "board", "checksum", "idempotency_key", "kept", "key", "listed", "room", "seq",
    )
    # fmt: on

    def __init__(self, key: int, board: Board | None, idempotency_key: str | None = None) -> None:
        self.key = key
        self.board = cast(Board, board)
        """Set before anyone else sees the resident."""
        self.idempotency_key = idempotency_key
        self.seq = 0
        """Events on disk."""
        self.room = Room()
        self.checksum = 0
        self.listed: tuple[ExecutionStatus, bool, float | None] | None = None
        """What the stored summary says: status, parked, wake."""
        self.kept: list[e.Fact] = []
        """Facts that wait for a disk that takes writes."""
        self._gathering: _Batch | None = None
        self._writing: _Batch | None = None

    @property
    def busy(self) -> bool:
        """Whether something of it is on its way to the disk."""
        return self._gathering is not None or self._writing is not None

    def take(
        self, fact: e.Fact, events: list[e.AnyEvent], actions: list[Action], asked: asyncio.Future[None] | None
    ) -> None:
        """Gather what followed from a fact for the next entry."""
        batch = self._gathering
        if batch is None:
            batch = self._gathering = _Batch()
        batch.facts.append(fact)
        batch.events += events
        batch.actions += actions
        if asked is not None:
            batch.asked.append(asked)

    def follow(self, asked: asyncio.Future[None]) -> bool:
        """Tell `asked` when what is on its way to the disk is there; False when nothing is."""
        batch = self._gathering or self._writing
        if batch is None:
            return False
        batch.asked.append(asked)
        return True

    def entry(self) -> Entry:
        """What has gathered, for one transaction; it counts as being written from here on."""
        batch = self._writing = self._gathering or _Batch()
        self._gathering = None
        body = journal.encode(batch.events)
        self.checksum = journal.chain(body, self.checksum)
        self.room.wrote(len(body))
        return Entry(self.key, self.seq, len(batch.events), body, self.checksum, self._summary())

    @property
    def events(self) -> Sequence[e.AnyEvent]:
        """Those of the entry that is being written."""
        return () if self._writing is None else self._writing.events

    def _summary(self) -> Summary | None:
        """The execution's row, when it has changed since it was last written."""
        board = self.board
        parked = board.parked
        wake = next_wake(board) if parked else None
        state = (board.status, parked, wake)
        if state == self.listed:
            return None
        self.listed = state
        return Summary(
            key=self.key,
            id=board.execution_id,
            workflow_id=board.plan.workflow.id,
            workflow_name=board.plan.workflow.name,
            status=str(board.status),
            user_id=board.user_id,
            chat_id=board.chat_id,
            message_id=board.message_id,
            idempotency_key=self.idempotency_key,
            created_at=board.created_at,
            finished_at=board.finished_at,
            wake_at=wake,
            parked=parked,
            progress=percent(board),
            error=board.error,
        )

    def written(self) -> list[Action]:
        """The entry is on disk: tell who asked, and hand out what is to be done."""
        batch, self._writing = self._writing or _Batch(), None
        self.seq += len(batch.events)
        for future in batch.asked:
            if not future.done():
                future.set_result(None)
        return batch.actions

    def refuse(self, error: BaseException) -> None:
        """Nothing of it will be written: callers get the error, what happened outside is kept."""
        batches = [batch for batch in (self._writing, self._gathering) if batch is not None]
        self._writing = self._gathering = None
        for batch in batches:
            self.kept += [fact for fact in batch.facts if not _from_caller(fact)]
            for future in batch.asked:
                if not future.done():
                    future.set_exception(error)


class Group(NamedTuple):
    """What a caller wants in one transaction, and the future of whoever waits for it."""

    starts: Sequence[tuple[e.Started, Plan]]
    facts: Sequence[tuple[str, e.Fact]]
    finish: Callable[[Mapping[str, Board], list[bool]], Sequence[Addition]]
    done: asyncio.Future[None]

    def tell(self, error: BaseException | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class Fed(NamedTuple):
    """A group whose facts are on their boards, and go to the disk as the next transaction."""

    group: Group
    residents: list[Resident]
    additions: Sequence[Addition]

    def parts(self) -> tuple[list[Change], list[Unsealed]]:
        """What is stored as it is, and what is to be chained."""
        changes = [each for each in self.additions if not isinstance(each, Unsealed)]
        return changes, [each for each in self.additions if isinstance(each, Unsealed)]


def _from_caller(fact: e.Fact) -> bool:
    answer = isinstance(fact, e.Signalled) and fact.signal == "on_crash"
    return isinstance(fact, _CALLERS) or answer
