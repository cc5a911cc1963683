"""Compiled definitions, kept so that each is read, checked and compiled once for many executions."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from syncara.abc import Store
from syncara.core.errors import NotFoundError, Problem, ValidationError, nearest
from syncara.core.graph import Plan
from syncara.core.model import Workflow

KEPT = 256
"""How many compiled definitions are kept."""

Key = tuple[str, int]
"""A definition's id, and how many of its steps: it only ever grows, so what is kept stays true."""


class _Kept(NamedTuple):
    plan: Plan
    version: int | None = None
    """Of the handlers with which nothing was wrong; None: nobody has looked."""


class Plans:
    def __init__(
        self, store: Store, problems: Callable[[Workflow], list[Problem]], handlers_version: Callable[[], int]
    ) -> None:
        """`problems`: all that keeps a definition from running, which may be other ones with other handlers."""
        self._store = store
        self._problems = problems
        self._handlers_version = handlers_version
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._counts: dict[str, int | None] = {}
        """How many steps definitions have, as read in this turn of the loop: a crowd of starts asks once."""
        self._counted_on: asyncio.AbstractEventLoop | None = None

    def get(self, workflow_id: str, steps: int) -> Plan:
        """The definition as its first `steps` steps, deleted or not. From any thread. Raises NotFoundError."""
        key = (workflow_id, steps)
        with self._lock:
            return self._keep(key, self._kept.get(key) or _Kept(Plan(self._read(key))))

    def runnable(self, workflow_id: str) -> Plan:
        """The definition as it is now. Raises NotFoundError; ValidationError with all that keeps it from running."""
        steps = self._step_count(workflow_id)
        if steps is None:
            raise no_workflow(self._store, workflow_id)
        key, version = (workflow_id, steps), self._handlers_version()
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or kept.version != version:
            workflow = self._read(key) if kept is None else kept.plan.workflow
            if problems := self._problems(workflow):
                raise ValidationError(problems)
            kept = _Kept(Plan(workflow) if kept is None else kept.plan, version)
        with self._lock:
            return self._keep(key, kept)

    def changed(self, workflow_id: str) -> None:
        """Steps were added to a definition, or it was deleted."""
        self._counts.pop(workflow_id, None)

    def _keep(self, key: Key, kept: _Kept) -> Plan:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return kept.plan

    def _read(self, key: Key) -> Workflow:
        workflow = self._store.pinned(*key)
        if workflow is None:
            raise no_workflow(self._store, key[0])
        return workflow

    def _step_count(self, workflow_id: str) -> int | None:
        loop = asyncio.get_running_loop()
        if self._counted_on is not loop:
            self._forget_counts()
            self._counted_on = loop
            loop.call_soon(self._forget_counts)
        if workflow_id not in self._counts:
            self._counts[workflow_id] = self._store.step_count(workflow_id)
        return self._counts[workflow_id]

    def _forget_counts(self) -> None:
        self._counts.clear()
        self._counted_on = None


def no_workflow(store: Store, workflow_id: object) -> NotFoundError:
    """The error for an unknown workflow id, with the nearest of the latest ones."""
    latest = [workflow.id for workflow in store.workflows(limit=50)]
    fix = nearest(str(workflow_id), latest) or "list_workflows() shows the ids"
    return NotFoundError("not_found", f"there is no workflow '{workflow_id}'", "workflow_id", fix)
