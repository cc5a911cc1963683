"""The store in memory: the contract of abc.Store within one process, for tests and simulations."""

from __future__ import annotations

import os
import threading
from bisect import insort
from collections import ChainMap
from collections.abc import Hashable, Iterator, Mapping, MutableMapping, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from syncara.abc import (
    Change,
    Done,
    Entry,
    HideWorkflow,
    NewSteps,
    NewWorkflow,
    Owner,
    Record,
    Row,
    RunnerInfo,
    Summary,
)
from syncara.core.errors import DatabaseBusy, NotFoundError, SyncaraError
from syncara.core.model import FINAL_EXECUTION, Step, Workflow
from syncara.stores.definitions import id_in_use, other_steps, refuse_duplicates, unknown_workflow
from syncara.stores.faults import closed, conflict, not_runner

WHERE = "memory"

_copy = msgspec.structs.replace


class _Definition(NamedTuple):
    workflow: Workflow
    deleted: bool = False

    def first(self, steps: int) -> Workflow:
        return _copy(self.workflow, steps=self.workflow.steps[:steps])


class MemoryDisk:
    """What outlives a MemoryStore: a second one over the same disk finds what the first one committed."""

    def __init__(self) -> None:
        self.mutex = threading.RLock()
        self.runner: MemoryStore | None = None
        self.epoch = 0
        self.clean = True
        self.definitions: dict[str, _Definition] = {}
        self.records: dict[tuple[str, str], Record] = {}
        """By kind and key."""
        self.next_key = 1
        self.summaries: dict[int, Summary] = {}
        self.keys: dict[str, int] = {}
        """Execution numbers by execution id."""
        self.idempotency_keys: dict[str, int] = {}
        """Execution numbers by idempotency key."""
        self.rows: dict[int, list[Row]] = {}
        self.taken: set[Hashable] = set()
        """What no second entry may have."""


class MemoryStore:
    """A Store that commits at once: `append` calls `done` before it returns.

    `close` without `release` is what the death of a process is: the disk keeps what was committed, and the next runner
    is told that the stop was not clean.
    """

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self._disk = disk or MemoryDisk()
        self._closed = False

    def acquire(self) -> RunnerInfo:
        disk = self._open()
        with disk.mutex:
            if disk.runner is not None:
                raise DatabaseBusy(WHERE, os.getpid())
            disk.runner = self
            disk.epoch += 1
            clean, disk.clean = disk.clean, False
            return RunnerInfo(disk.epoch, clean, disk.next_key)

    def release(self, *, clean: bool) -> None:
        with self._disk.mutex:
            if self._disk.runner is self:
                self._disk.runner = None
                self._disk.clean = clean

    def append(
        self, entries: Sequence[Entry], done: Done, *, inline: bool = False, changes: Sequence[Change] = ()
    ) -> None:
        error = None
        try:
            with self._disk.mutex:
                self._append(entries, changes)
        except SyncaraError as refused:
            error = refused
        done(error)

    def put(self, record: Record) -> None:
        with self._open().mutex:
            self._put(record)

    def save_workflow(self, workflow: Workflow) -> None:
        with self._open().mutex:
            _define(self._disk.definitions, NewWorkflow(workflow))

    def add_steps(self, workflow_id: str, steps: Sequence[Step]) -> None:
        with self._open().mutex:
            _define(self._disk.definitions, NewSteps(workflow_id, steps, after=self.step_count(workflow_id) or 0))

    def delete_workflow(self, workflow_id: str) -> bool:
        with self._open().mutex:
            try:
                _define(self._disk.definitions, HideWorkflow(workflow_id))
            except NotFoundError:
                return False
            return True

    def workflow(self, workflow_id: str) -> Workflow | None:
        definition = self._open().definitions.get(workflow_id)
        return None if definition is None or definition.deleted else definition.workflow

    def step_count(self, workflow_id: str) -> int | None:
        workflow = self.workflow(workflow_id)
        return None if workflow is None else len(workflow.steps)

    def pinned(self, workflow_id: str, steps: int) -> Workflow | None:
        definition = self._open().definitions.get(workflow_id)
        return None if definition is None else definition.first(steps)

    def workflows(
        self, limit: int = 100, offset: int = 0, owner: Owner | None = None, *, name: str | None = None
    ) -> list[Workflow]:
        disk = self._open()
        with disk.mutex:
            found = (
                each.first(0)
                for each in reversed(disk.definitions.values())
                if not each.deleted
                and owner in (None, Owner(each.workflow.chat_id))
                and name in (None, each.workflow.name)
            )
            return list(islice(found, offset, offset + limit))

    def summary(self, execution_id: str) -> Summary | None:
        return self._summary(self._open().keys.get(execution_id))

    def summary_of_key(self, idempotency_key: str) -> Summary | None:
        return self._summary(self._open().idempotency_keys.get(idempotency_key))

    def summary_at(self, key: int) -> Summary | None:
        return self._summary(key)

    def summaries(
        self,
        *,
        status: str | None = None,
        workflow_id: str | None = None,
        owner: Owner | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Summary]:
        disk = self._open()
        with disk.mutex:
            found = (
                _copy(summary)
                for _, summary in sorted(disk.summaries.items(), reverse=True)
                if status in (None, summary.status)
                and workflow_id in (None, summary.workflow_id)
                and owner in (None, Owner(summary.chat_id))
            )
            return list(islice(found, offset, offset + limit))

    def open_summaries(self) -> Iterator[Summary]:
        disk = self._open()
        with disk.mutex:
            found = [_copy(summary) for summary in disk.summaries.values() if summary.status not in FINAL_EXECUTION]
        return iter(sorted(found, key=lambda summary: summary.key))

    def rows(self, key: int, from_seq: int = 0) -> list[Row]:
        disk = self._open()
        with disk.mutex:
            return [row for row in disk.rows.get(key, ()) if row.seq + row.events > from_seq]

    def cleanup(self, before: float) -> int:
        disk = self._open()
        with disk.mutex:
            old = [s for s in disk.summaries.values() if s.finished_at is not None and s.finished_at < before]
            for summary in old:
                for row in disk.rows.pop(summary.key, ()):
                    disk.taken.discard((summary.key, row.seq))
                disk.taken -= {("id", summary.id), ("idempotency_key", summary.idempotency_key)}
                disk.idempotency_keys.pop(summary.idempotency_key or "", None)
                del disk.summaries[summary.key], disk.keys[summary.id]
            used = {summary.workflow_id for summary in disk.summaries.values()}
            for workflow_id in [i for i, each in disk.definitions.items() if each.deleted and i not in used]:
                del disk.definitions[workflow_id]
            for record in list(disk.records.values()):
                if record.kind in ("receipt", "approval") and record.at < before:
                    del disk.records[record.kind, record.key]
            return len(old)

    def record(self, kind: str, key: str) -> Record | None:
        return self._open().records.get((kind, key))

    def records(self, kind: str, *, after: str = "", limit: int = 1000, newest_first: bool = False) -> list[Record]:
        disk = self._open()
        with disk.mutex:
            keys = sorted((key for of, key in disk.records if of == kind and key > after), reverse=newest_first)
            return [disk.records[kind, key] for key in keys[:limit]]

    def close(self) -> None:
        self._closed = True
        with self._disk.mutex:
            if self._disk.runner is self:
                self._disk.runner = None

    def _open(self) -> MemoryDisk:
        if self._closed:
            raise closed(WHERE)
        return self._disk

    def _summary(self, key: int | None) -> Summary | None:
        # Structs can be changed by whoever holds them, so the disk's own copy never leaves it.
        found = None if key is None else self._open().summaries.get(key)
        return None if found is None else _copy(found)

    def _append(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None:
        disk = self._open()
        if disk.runner is not self:
            raise not_runner(WHERE)
        definitions = ChainMap[str, _Definition]({}, disk.definitions)
        for change in changes:
            if not isinstance(change, Record):
                _define(definitions, change)
        for entry in entries:
            if entry.seq == 0 and entry.summary is not None and entry.summary.workflow_id not in definitions:
                raise unknown_workflow(entry.summary.workflow_id)
        marks = [mark for entry in entries for mark in _marks(entry)]
        if len(marks) > len(set(marks)) or not disk.taken.isdisjoint(marks):
            raise conflict("an entry, an execution id or an idempotency key is there already", WHERE)
        # From here on nothing is refused.
        disk.definitions.update(definitions.maps[0])
        for change in changes:
            if isinstance(change, Record):
                self._put(change)
        for entry in entries:
            self._store(entry)

    def _put(self, record: Record) -> None:
        if record.body is None:
            self._disk.records.pop((record.kind, record.key), None)
        else:
            self._disk.records[record.kind, record.key] = record

    def _store(self, entry: Entry) -> None:
        disk, summary = self._disk, entry.summary
        disk.taken.update(_marks(entry))
        insort(disk.rows.setdefault(entry.key, []), Row(entry.seq, entry.events, entry.body, entry.checksum))
        if summary is not None:
            disk.next_key = max(disk.next_key, entry.key + 1)
            disk.summaries[entry.key] = _copy(summary)
            disk.keys[summary.id] = entry.key
            if summary.idempotency_key is not None:
                disk.idempotency_keys[summary.idempotency_key] = entry.key


def _marks(entry: Entry) -> Iterator[Hashable]:
    """What makes `entry` unlike every other."""
    yield entry.key, entry.seq
    if entry.seq == 0 and entry.summary is not None:
        yield "id", entry.summary.id
        if entry.summary.idempotency_key is not None:
            yield "idempotency_key", entry.summary.idempotency_key


def _define(definitions: MutableMapping[str, _Definition], change: NewWorkflow | NewSteps | HideWorkflow) -> None:
    match change:
        case NewWorkflow(workflow):
            refuse_duplicates(workflow.steps)
            if workflow.id in definitions:
                raise id_in_use(workflow.id, WHERE)
            definitions[workflow.id] = _Definition(workflow)
        case NewSteps(workflow_id, steps, after):
            workflow = _visible(definitions, workflow_id)
            there = workflow.steps
            if len(there) != after:
                raise other_steps(workflow_id, after, len(there))
            refuse_duplicates(steps, {step.name for step in there}, {step.id for step in there})
            definitions[workflow_id] = _Definition(_copy(workflow, steps=(*there, *steps)))
        case HideWorkflow(workflow_id):
            definitions[workflow_id] = _Definition(_visible(definitions, workflow_id), deleted=True)


def _visible(definitions: Mapping[str, _Definition], workflow_id: str) -> Workflow:
    definition = definitions.get(workflow_id)
    if definition is None or definition.deleted:
        raise unknown_workflow(workflow_id)
    return definition.workflow
