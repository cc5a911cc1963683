"""How large a run has grown, counted as it grows, and whether a success still fits in."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from syncara.core import events as e
from syncara.core import journal
from syncara.core.board import Board
from syncara.core.limits import CONTEXT_BYTES_MAX

_NONE: Any = object()


class Quotas(Protocol):
    """What an author's runs may take, as far as a runtime counts it; None: no limit but the engine's own."""

    @property
    def result_bytes(self) -> int | None:
        """Of one step's result as JSON."""

    @property
    def context_bytes(self) -> int | None:
        """Of a run's context as JSON."""

    @property
    def run_bytes(self) -> int | None:
        """Of a run's journal as JSON: all that it was given, and that came of it."""


class Unlimited:
    """The quotas of a runtime without a policy."""

    result_bytes: int | None = None
    context_bytes: int | None = None
    run_bytes: int | None = None


class Room:
    __slots__ = ("_context", "_context_bytes", "_gathered", "_written")

    def __init__(self, written: int = 0) -> None:
        """`written`: the bytes of the run's journal so far."""
        self._written = written
        self._gathered = 0
        """Of successes that are taken in and not in the journal yet."""
        self._context: dict[str, Any] = {}
        self._context_bytes = 0
        """Of the entries of that context, each with a comma."""

    def wrote(self, size: int) -> None:
        """So much has been added to the journal, with all that was taken in."""
        self._written += size
        self._gathered = 0

    def full(self, board: Board, quotas: Quotas, *, times: int = 1) -> str:
        """What is to be said of a run that is larger than it may be, or more than so many times as large.

        Its context too: the results of a group's tasks come into it together, when each of them was small enough.
        """
        most = quotas.run_bytes
        if most is not None and self._written > most * times:
            return _exceeded("run_bytes", self._written, most)
        most = quotas.context_bytes
        if most is None or (size := 1 + self._entries(board.context)) <= most * times:
            return ""
        return _exceeded("context_bytes", size, most)

    def fitting(self, board: Board, fact: e.StepSucceeded, quotas: Quotas) -> e.StepSucceeded | e.StepErred:
        """The fact, or the failure that it becomes because the run would be larger than it may be."""
        save_as = board.plan.steps[board.plan.index[fact.step]].save_as
        refusal = None
        if save_as is not None or fact.changes:
            refusal = self._context_refusal(board.context, fact, save_as, quotas.context_bytes)
        if refusal is None and quotas.run_bytes is not None:
            size = len(journal.encode([fact]))
            whole = self._written + self._gathered + size
            if whole <= quotas.run_bytes:
                self._gathered += size
                return fact
            refusal = "quota_exceeded", _exceeded("run_bytes", whole, quotas.run_bytes)
        return fact if refusal is None else e.StepErred(fact.at, fact.step, fact.attempt, *refusal, retryable=False)

    def _context_refusal(
        self, context: dict[str, Any], fact: e.StepSucceeded, save_as: str | None, most: int | None
    ) -> tuple[str, str] | None:
        """A code and what is to be said, when the context would be too large."""
        changes = fact.changes if save_as is None else {**fact.changes, save_as: fact.data}
        size = 1 + self._entries(context) + _growth(context, changes, fact.removed)
        if most is not None and size > most:
            return "quota_exceeded", _exceeded("context_bytes", size, most)
        if size <= CONTEXT_BYTES_MAX:
            return None
        if save_as is None:
            return "invalid_result", f"execution.context is {size} bytes as JSON; the limit is {CONTEXT_BYTES_MAX}"
        text = f"saved as '{save_as}' it makes the context {size} bytes as JSON; the limit is {CONTEXT_BYTES_MAX}"
        return "result_too_large", text

    def _entries(self, context: dict[str, Any]) -> int:
        """Bytes of the entries of a context that has come out of the one that was counted last."""
        before = self._context
        if context is not before:
            changed = {key: value for key, value in context.items() if before.get(key, _NONE) is not value}
            self._context_bytes += _growth(before, changed, [key for key in before if key not in context])
            self._context = context
        return self._context_bytes


def _growth(context: dict[str, Any], changes: dict[str, Any], removed: Any) -> int:
    """How many bytes more the entries of a context have after a change."""
    new = sum(_entry(key, value) for key, value in changes.items())
    return new - sum(_entry(key, context[key]) for key in {**changes, **dict.fromkeys(removed)} if key in context)


def _entry(key: str, value: Any) -> int:
    """Bytes of an entry of an object as JSON, with the comma behind it."""
    return len(msgspec.json.encode({key: value})) - 1


def _exceeded(name: str, size: int, most: int) -> str:
    return f"{name} is {size}; the limit is {most} (quotas.{name})"
