"""Committed snapshots of executions, for any thread and any process.

A reader folds the journal as it is on disk, never the runtime's memory, which may be ahead of it. What was folded is
kept, so the next look at the same execution reads only what is new.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from syncara import arguments
from syncara.abc import Store
from syncara.core import journal
from syncara.core.board import Board
from syncara.core.errors import NotFoundError, nearest
from syncara.core.graph import Plan
from syncara.core.machine import fold

T = TypeVar("T")

KEPT = 64
"""How many executions' folded journals are kept."""


class _Kept:
    def __init__(self, key: int) -> None:
        self.key = key
        self.board: Board | None = None
        self.seq = 0
        self.checksum = 0


class Readers:
    def __init__(self, store: Store, plans: Callable[[str, int], Plan]) -> None:
        self._store = store
        self._plans = plans
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, execution_id: str, look: Callable[[Board], T]) -> T:
        """`look` at the committed board; it must take a copy of what it needs. Raises NotFoundError, DamagedError."""
        arguments.text("execution_id", execution_id)
        with self._lock:
            kept = self._kept.get(execution_id) or _Kept(self.key(execution_id))
            self._refresh(kept)
            self._kept[execution_id] = kept
            self._kept.move_to_end(execution_id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            if kept.board is None:
                raise journal.damaged("the journal is empty")
            return look(kept.board)

    def forget(self) -> None:
        """Keep nothing: executions have been deleted."""
        with self._lock:
            self._kept.clear()

    def key(self, execution_id: str) -> int:
        summary = self._store.summary(arguments.text("execution_id", execution_id))
        if summary is None:
            raise not_found(self._store, execution_id)
        return summary.key

    def _refresh(self, kept: _Kept) -> None:
        rows = self._store.rows(kept.key, kept.seq)
        if not rows:
            return
        events = journal.decode(rows, kept.seq, kept.checksum)
        board = kept.board
        if board is None:
            started = journal.first(events)
            board = Board(self._plans(started.workflow_id, started.steps))
        kept.board = fold(board, events)
        kept.seq += len(events)
        kept.checksum = rows[-1].checksum


def not_found(store: Store, execution_id: str) -> NotFoundError:
    """The error for an unknown execution id, with the nearest of the latest ones."""
    latest = [summary.id for summary in store.summaries(limit=50)]
    fix = nearest(str(execution_id), latest) or "list_executions() shows the ids"
    return NotFoundError("not_found", f"there is no execution '{execution_id}'", "execution_id", fix)
