"""Writes what executions gather, one transaction at a time. While one is under way, the next one gathers."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from syncara.abc import Entry, Record, Store, Unsealed
from syncara.core import events as e
from syncara.core.board import Board
from syncara.runtimes.driver import carried_out
from syncara.runtimes.resident import Fed, Group, Resident

logger = logging.getLogger("syncara")


class Auditor(Protocol):
    """Keeps the audit: a chain of records, each written with what it tells of."""

    def start(self) -> None:
        """Find the end of the chain, before the first transaction."""

    def entries(self, board: Board, events: Sequence[e.AnyEvent]) -> list[Unsealed]:
        """What events of an execution that an assistant asked for mean for the audit."""

    def seal(self, told: Sequence[Unsealed]) -> list[Record]:
        """Entries as records that continue the chain. It ends where it did until they are `committed`."""

    def committed(self, records: Sequence[Record]) -> None:
        """The chain ends with these records now."""


class _Transaction(NamedTuple):
    residents: list[Resident]
    group: Group | None
    audit: list[Record]


class Commits:
    def __init__(
        self,
        store: Store,
        auditor: Auditor,
        loop: asyncio.AbstractEventLoop,
        *,
        idle: Callable[[], bool],
        feed: Callable[[Group], Fed | None],
        set_aside: Callable[[Resident, Exception], None],
        over: Callable[[list[Resident], Group | None, BaseException | None], None],
    ) -> None:
        """`idle`: whether nothing else goes on, so that the loop may wait for the disk.

        `feed` takes a group into its executions, when it is its turn; None when something of theirs must be written
        first. What it raises, the group is refused with.

        `over` is called with the executions of each transaction that is committed or has failed, `set_aside` with one
        that cannot be written.
        """
        self._store = store
        self._auditor = auditor
        self._loop = loop
        self._idle = idle
        self._feed = feed
        self._set_aside = set_aside
        self._over = over
        self._context = contextvars.copy_context()
        self._thread = threading.get_ident()
        self._unwritten: dict[int, Resident] = {}
        self._groups: deque[Group] = deque()
        """What is to be written in a transaction of its own, because it may be refused on its own."""
        self._writing = self._due = self._closed = False
        self._written: asyncio.Future[None] | None = None

    def add(self, resident: Resident) -> None:
        """Have written what an execution has gathered."""
        self._unwritten[resident.key] = resident
        self._flush_soon()

    def add_group(self, group: Group) -> None:
        self._groups.append(group)
        self._flush_soon()

    def holds(self, resident: Resident) -> bool:
        """Whether an execution is to be written in a later transaction."""
        return resident.key in self._unwritten

    def drop(self, resident: Resident) -> None:
        self._unwritten.pop(resident.key, None)

    def drop_all(self, reason: Exception | None) -> None:
        """Write nothing more; whoever waits for a group is told the reason, if there is one."""
        for group in self._groups:
            if reason is not None:
                group.tell(reason)
        self._groups.clear()
        self._unwritten.clear()

    def close(self) -> None:
        self._closed = True

    async def finish(self) -> None:
        """Until everything is written."""
        while self._writing or self._unwritten or self._groups:
            self._written = self._loop.create_future()
            self._flush()
            if self._writing:
                await self._written

    def _flush_soon(self) -> None:
        if not self._due and not self._writing and not self._closed:
            self._due = True
            self._loop.call_soon(self._flush, context=self._context)

    def _flush(self) -> None:
        self._due = False
        if self._writing or self._closed:
            return
        fed = self._next_group()
        touched = list(self._unwritten.values()) if fed is None else fed.residents
        batch = [resident for resident in touched if self._unwritten.pop(resident.key, None)]
        if not batch and fed is None:
            return
        self._writing = True
        group = None if fed is None else fed.group
        changes, told = ([], []) if fed is None else fed.parts()
        try:
            entries = self._entries(batch, told, whole=group is not None)
        except Exception as error:  # noqa: BLE001 - it is told to whoever asked for the group
            self._end(_Transaction(touched, group, []), error)
            return
        audit = self._auditor.seal(told) if told else []
        alone = len(batch) <= 1 and self._idle()
        done = partial(self._done, _Transaction(batch if fed is None else fed.residents, group, audit))
        self._store.append(entries, done, inline=alone, changes=[*changes, *audit])

    def _next_group(self) -> Fed | None:
        while self._groups:
            try:
                fed = self._feed(self._groups[0])
            except Exception as error:  # noqa: BLE001 - it is told to whoever asked
                self._groups.popleft().tell(error)
                continue
            if fed is not None:
                self._groups.popleft()
            return fed
        return None

    def _entries(self, batch: list[Resident], told: list[Unsealed], *, whole: bool) -> list[Entry]:
        """The entries of a batch, without those that cannot be written; what they mean for the audit goes to `told`.

        whole: raise where one cannot be written.
        """
        entries = []
        for resident in list(batch):
            try:
                entry = resident.entry()
                if resident.board.author != "developer":
                    told += self._auditor.entries(resident.board, carried_out(resident.events))
                entries.append(entry)
            except Exception as error:  # a fault of the checks before: this execution is set aside, the others go on
                if whole:
                    raise
                logger.exception("execution number %d cannot be written and is set aside", resident.key)
                batch.remove(resident)
                self._set_aside(resident, error)
        return entries

    def _done(self, transaction: _Transaction, error: BaseException | None) -> None:
        if threading.get_ident() == self._thread:
            self._end(transaction, error)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed; the next start finds what was written
            self._loop.call_soon_threadsafe(self._end, transaction, error)

    def _end(self, transaction: _Transaction, error: BaseException | None) -> None:
        if transaction.group is not None:
            transaction.group.tell(error)
        if self._closed:
            return
        self._writing = False
        if error is None and transaction.audit:
            self._auditor.committed(transaction.audit)
        self._over(transaction.residents, transaction.group, error)
        if self._written is not None and not self._written.done():
            self._written.set_result(None)
        if (self._unwritten or self._groups) and not self._due:
            self._flush()
