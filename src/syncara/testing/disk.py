"""A store whose commits take virtual time, fail while the disk is full, and can be the last thing a process does."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from syncara.abc import Change, Done, Entry
from syncara.core.errors import StorageError
from syncara.stores.memory import MemoryDisk, MemoryStore
from syncara.testing.clock import FakeClock
from syncara.testing.plan import Ending, Scenario


@dataclass
class Transaction:
    """What one entry added to a run's journal."""

    process: int
    """The number of the process that wrote it, from 0."""
    committed_at: float
    """Seconds on the loop's clock."""
    now: float
    """Unix time of the commit."""
    commit: int
    """The number of the commit that wrote it, over all runs."""
    events: list[dict[str, Any]]


@dataclass
class Journal:
    """The committed journal of one run, as the disk saw it happen."""

    transactions: list[Transaction] = field(default_factory=list)
    committed: int = 0
    """Events on the disk."""
    acknowledged: int = 0
    """Events of which the engine has been told that they are on the disk."""
    checksum: int = 0
    finished: bool = False


class Commit(NamedTuple):
    """What one call of `append` wrote beside the journals."""

    at: float
    """Seconds on the loop's clock."""
    changes: Sequence[Change]


class Process:
    """One life of the process: it dies at its ending's boundary and takes nothing with it but the disk."""

    def __init__(self, number: int, ending: Ending | None, clock: FakeClock) -> None:
        self.number = number
        self.ending = ending
        self.clock = clock
        self.began = clock.elapsed
        self.ended = float("inf")
        self.dead = False
        self.clean = False
        self.died_of = ""
        self._counts: dict[str, int] = {}

    def reach(self, boundary: str) -> bool:
        """Whether the process dies here."""
        if self.dead:
            return True
        count = self._counts[boundary] = self._counts.get(boundary, 0) + 1
        if self.ending is not None and self.ending.boundary == boundary and self.ending.nth <= count:
            self.die(boundary)
        return self.dead

    def die(self, of: str) -> None:
        if not self.dead:
            self.dead = True
            self.died_of = of
            self.ended = self.clock.elapsed


class _Append(NamedTuple):
    entries: Sequence[Entry]
    done: Done
    changes: Sequence[Change]


class SimulatedStore:
    """A Store over a memory disk that outlives it. What is not `append` or `release` goes straight to the disk."""

    def __init__(
        self, disk: MemoryDisk, process: Process, scenario: Scenario, journals: dict[str, Journal], inline: Any
    ) -> None:
        self._store = MemoryStore(disk)
        self._process = process
        self._scenario = scenario
        self._journals = journals
        self._inline = inline
        """Says whether a commit that may be made inline is."""
        self._ids: dict[int, str] = {}
        self._queue: list[_Append] = []
        self._busy = False
        self.on_commit: Any = None
        self.commits: list[Commit] = []
        """Every commit in order, those of earlier processes included where they are given."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def abandon(self) -> None:
        """What the death of a process is to a disk."""
        self._store.close()

    def release(self, *, clean: bool) -> None:
        if clean and self._process.reach("killed_while_stopping"):
            return
        if not self._process.dead:
            self._store.release(clean=clean)

    def append(
        self, entries: Sequence[Entry], done: Done, *, inline: bool = False, changes: Sequence[Change] = ()
    ) -> None:
        if self._process.dead:
            return
        item = _Append(entries, done, changes)
        if inline and not self._busy and self._inline():
            self._end([item])
            return
        self._queue.append(item)
        if not self._busy:
            self._begin()

    def _begin(self) -> None:
        """Start a commit of all that is queued; what comes meanwhile goes into the next."""
        batch, self._queue = self._queue, []
        self._busy = True
        asyncio.get_running_loop().call_later(self._scenario.commit_seconds, self._end, batch)

    def _end(self, batch: list[_Append]) -> None:
        self._busy = True
        self._commit(batch)
        self._busy = False
        if self._queue:
            self._begin()

    def _commit(self, batch: list[_Append]) -> None:
        process = self._process
        if process.reach("before_commit"):
            return
        elapsed = process.clock.elapsed
        if any(begin <= elapsed < end for begin, end in self._scenario.full):
            for item in batch:
                item.done(StorageError("disk_full", "no space is left on the disk", where="the simulated disk"))
            return
        errors = [self._write(item) for item in batch]
        if process.reach("after_commit"):
            return
        for item, error in zip(batch, errors, strict=True):
            if error is None:
                self._acknowledge(item.entries)
            item.done(error)
        if not process.reach("after_acknowledgement") and self.on_commit is not None:
            self.on_commit()

    def _write(self, item: _Append) -> BaseException | None:
        """Returns why a change was refused. What no engine may ask for is raised."""
        errors: list[BaseException | None] = []
        self._store.append(item.entries, errors.append, changes=item.changes)
        (error,) = errors
        if error is None:
            for entry in item.entries:
                self._record(entry)
            self.commits.append(Commit(self._process.clock.elapsed, item.changes))
        elif not item.changes:
            raise error
        return error

    def _acknowledge(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            journal = self._journals[self._id(entry)]
            journal.acknowledged = max(journal.acknowledged, entry.seq + entry.events)

    def _record(self, entry: Entry) -> None:
        journal = self._journals.setdefault(self._id(entry), Journal())
        assert entry.seq == journal.committed, "an execution's events count from 0 without a gap"
        journal.checksum = zlib.crc32(entry.body, journal.checksum)
        assert entry.checksum == journal.checksum, "each entry's checksum continues the one before"
        events = msgspec.json.decode(entry.body)
        clock = self._process.clock
        commit = len(self.commits)
        journal.transactions.append(Transaction(self._process.number, clock.elapsed, clock.now(), commit, events))
        journal.committed += entry.events
        journal.finished = bool(events) and events[-1]["event"] == "Finished"

    def _id(self, entry: Entry) -> str:
        if entry.key not in self._ids:
            summary = entry.summary or self._store.summary_at(entry.key)
            assert summary is not None, "the first entry of an execution carries its summary"
            self._ids[entry.key] = summary.id
        return self._ids[entry.key]
