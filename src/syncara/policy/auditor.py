"""Keeps the audit of a database: what the events of a run mean for it, how it goes on, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from syncara.abc import Record, Store, Unsealed
from syncara.core import events as e
from syncara.core.board import Board
from syncara.policy import audit, effects
from syncara.policy.policy import Id
from syncara.runtimes.driver import idempotency_key

TEXT_CHARS_MAX = 500
"""What is longer of an address is cut off."""
PAGE = 1_000
NEWEST_LOOKED_AT = 20
"""Among how many of the newest records the last entry is looked for: what is no entry is passed over."""


class Auditor:
    """See the Protocol in runtimes/commits.py."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._head = audit.START
        """Of what is committed."""

    def start(self) -> None:
        newest = self._store.records(audit.KIND, limit=NEWEST_LOOKED_AT, newest_first=True)
        self._head = next((audit.head_of(record) for record in newest if audit.is_entry(record)), audit.START)

    def entries(self, board: Board, events: Sequence[e.AnyEvent]) -> list[Unsealed]:
        told = ((event.at, _TOLD[event.__class__](board, event)) for event in events if event.__class__ in _TOLD)
        return [audit.unsealed(at, entry) for at, entry in told if entry is not None]

    def seal(self, told: Sequence[Unsealed]) -> list[Record]:
        head, records = self._head, []
        for each in told:
            records.append(audit.seal(each, head))
            head = audit.head_of(records[-1])
        return records

    def committed(self, records: Sequence[Record]) -> None:
        self._head = audit.head_of(records[-1])


class Audit:
    """The audit of a database, for whoever reads it, also beside the process that writes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def newest(self, limit: int = 100) -> list[audit.Sealed]:
        """The last `limit` entries, in the order of their numbers."""
        records = self._store.records(audit.KIND, limit=limit, newest_first=True)
        return [audit.decode(record) for record in reversed(records)]

    def verify(self, noted: str = "") -> audit.Finding:
        """Read the whole chain; see `audit.verify`."""
        return audit.verify(self._records(), noted)

    def _records(self) -> Iterator[Record]:
        page = self._store.records(audit.KIND, limit=PAGE)
        while page:
            yield from page
            page = self._store.records(audit.KIND, after=page[-1].key, limit=PAGE)


# What events mean.


def _began(board: Board, event: e.StepScheduled) -> audit.Effect | None:
    return _effect(board, event.step, event.attempt, "began")


def _succeeded(board: Board, event: e.StepSucceeded) -> audit.Effect | None:
    return _effect(board, event.step, event.attempt, "succeeded")


def _failed(board: Board, event: e.StepErred) -> audit.Effect | None:
    return _effect(board, event.step, event.attempt, "failed", event.code)


def _effect(board: Board, name: str, attempt: int, outcome: audit.Outcome, code: str = "") -> audit.Effect | None:
    """An attempt at a step; None where nothing leaves the run."""
    i = board.plan.index[name]
    step, node = board.plan.steps[i], board.nodes[i]
    if node is not None and node.params is not None:
        step = msgspec.structs.replace(step, params=node.params)
    planned = effects.effect(step, board.chat_id)
    if planned.kind == "none":
        return None
    return audit.Effect(
        execution_id=board.execution_id,
        chat_id=board.chat_id,
        step=step.name,
        handler=step.handler,
        operation=_cut(planned.operation),
        address=_address(planned, step.params, board.chat_id),
        key=idempotency_key(board, step),
        attempt=attempt,
        outcome=outcome,
        code=_cut(code),
    )


def _address(planned: effects.Effect, params: Mapping[str, Any], chat_id: Any) -> Id | None:
    address = planned.address
    if planned.kind == "web" and isinstance(address, str):
        path = re.split(r"[?#]", params["url"], maxsplit=1)[0].partition("://")[2].partition("/")
        address = address + "".join(path[1:])
    elif planned.operation == "send" and address is None:
        address = chat_id
    if isinstance(address, str):
        return _cut(address)
    return address if type(address) is int else None


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"


def _paused(board: Board, event: e.Paused) -> audit.Steered:
    return audit.Steered(board.execution_id, "paused")


def _resumed(board: Board, event: e.Resumed) -> audit.Steered:
    return audit.Steered(board.execution_id, "resumed")


def _cancelled(board: Board, event: e.Cancelled) -> audit.Steered:
    return audit.Steered(board.execution_id, "cancelled")


def _signalled(board: Board, event: e.Signalled) -> audit.Steered | None:
    """A person's answer; the other signals are the engine's own."""
    return audit.Steered(board.execution_id, "answered", str(event.data)) if event.signal == "on_crash" else None


def _finished(board: Board, event: e.Finished) -> audit.Steered | None:
    """A run whose plan had still not been approved when its time was over."""
    late = board.approve_by is not None and event.at >= board.approve_by
    return audit.Steered(board.execution_id, "expired") if late else None


_TOLD: dict[type[e.Event], Callable[[Board, Any], audit.Entry | None]] = {
    e.StepScheduled: _began,
    e.StepSucceeded: _succeeded,
    e.StepErred: _failed,
    e.Paused: _paused,
    e.Resumed: _resumed,
    e.Cancelled: _cancelled,
    e.Signalled: _signalled,
    e.Finished: _finished,
}
