"""Entries, summaries and definitions to store, and a way to wait for a commit."""

from __future__ import annotations

import json
import queue
import random
from collections.abc import Sequence
from typing import Any

import msgspec

from syncara.abc import Change, Entry, Store, Summary
from syncara.core.journal import chain
from syncara.core.model import Step, Workflow

WAIT_S = 30
"""Long enough that only a commit that never comes runs into it."""


def summary(key: int, **changes: Any) -> Summary:
    base = Summary(key=key, id=f"run-{key}", workflow_id="welcome", workflow_name="Welcome", status="running")
    return msgspec.structs.replace(base, **changes)


def entry(key: int, seq: int, count: int = 1, *, listed: Summary | None = None, size: int = 0) -> Entry:
    """An entry of `count` events; the first of an execution brings a summary. `size` pads the body to so many bytes."""
    body = json.dumps([{"event": "Ticked", "at": 1.0, "n": seq + n} for n in range(count)]).encode()
    if seq == 0 and listed is None:
        listed = summary(key)
    body += random.Random(seq).randbytes(max(0, size - len(body)))  # what cannot be compressed
    return Entry(key, seq, count, body, chain(body, 0), listed)


def commit(store: Store, *entries: Entry, inline: bool = False, changes: Sequence[Change] = ()) -> BaseException | None:
    """Append all of it in one transaction; returns the error, None when it is durable."""
    outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    store.append(entries, outcomes.put, inline=inline, changes=changes)
    return outcomes.get(timeout=WAIT_S)


def must_commit(store: Store, *entries: Entry, changes: Sequence[Change] = ()) -> None:
    error = commit(store, *entries, changes=changes)
    if error is not None:
        raise error


def code(error: BaseException | None) -> str:
    """The code of one of our errors, for comparing."""
    return str(getattr(error, "code", error))


def step(name: str, **fields: Any) -> Step:
    return Step(id=f"id of {name}", name=name, handler="log", **fields)


def workflow(workflow_id: str, *names: str, **fields: Any) -> Workflow:
    return Workflow(id=workflow_id, name=workflow_id.title(), steps=tuple(map(step, names)), **fields)


def define_welcome(store: Store) -> None:
    """Define the workflow of `summary`. It is hidden, so that no list shows it."""
    store.save_workflow(workflow("welcome"))
    store.delete_workflow("welcome")
