"""The store in memory stands in for SQLite in tests and simulations, so the two must not drift apart."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.abc import Change, Entry, HideWorkflow, NewSteps, NewWorkflow, Owner, Record, Store
from syncara.core.errors import SyncaraError
from syncara.core.model import FINAL_EXECUTION, ExecutionStatus
from syncara.stores.memory import MemoryStore
from syncara.stores.sqlite import SqliteStore
from tests.stores.samples import code, commit, entry, step, summary, workflow

KEYS = range(1, 4)
Operation = Callable[[Store], object]


def append(store: Store, entries: Sequence[Entry], changes: Sequence[Change]) -> str:
    return code(commit(store, *entries, changes=changes))


def change(store: Store, key: int, status: str) -> str:
    """Give an execution that is open another status."""
    old, rows = store.summary_at(key), store.rows(key)
    if old is None or old.status in FINAL_EXECUTION:
        return "nothing"
    finished_at = float(key) if status in FINAL_EXECUTION else None
    new = msgspec.structs.replace(old, status=status, error=status, finished_at=finished_at)
    return code(commit(store, entry(key, rows[-1].seq + rows[-1].events, listed=new)))


def save(store: Store, name: str, steps: Sequence[str]) -> str:
    return attempt(partial(store.save_workflow, workflow(name, *steps)))


def add(store: Store, name: str, steps: Sequence[str]) -> str:
    return attempt(partial(store.add_steps, name, [step(each) for each in steps]))


def delete(store: Store, name: str) -> bool:
    return store.delete_workflow(name)


def cleanup(store: Store, before: float) -> int:
    return store.cleanup(before)


def start_again(store: Store) -> object:
    store.release(clean=True)
    return store.acquire()


def attempt(call: Callable[[], None]) -> str:
    try:
        call()
    except SyncaraError as error:
        return str(error.problem.code)
    return "done"


def everything(store: Store) -> list[object]:
    """All that a store can be asked."""
    keys = [[store.rows(key, seq) for seq in range(5)] for key in KEYS]
    names = [(store.workflow(n), store.step_count(n), store.pinned(n, 2)) for n in "vw"]
    owners = [
        (
            store.summaries(owner=Owner(chat)),
            store.workflows(owner=Owner(chat)),
            store.workflows(owner=Owner(chat), name="V"),
        )
        for chat in (5, "5", None)
    ]
    records = [store.records(kind, newest_first=kind == "receipt") for kind in ("receipt", "note")]
    filters = [store.summaries(status=status) for status in ExecutionStatus]
    once = [store.summary_of_key(key) for key in ("once", "twice")]
    return [
        keys,
        names,
        owners,
        records,
        filters,
        once,
        store.summaries(),
        list(store.open_summaries()),
        store.workflows(),
    ]


def first_entry(key: int, run: str, name: str, once: str | None, chat: int | str | None) -> Entry:
    return entry(key, 0, 2, listed=summary(key, id=run, workflow_id=name, idempotency_key=once, chat_id=chat))


def new_workflow(name: str, steps: Sequence[str], chat: int | str | None) -> Change:
    return NewWorkflow(workflow(name, *steps, chat_id=chat))


def new_steps(name: str, steps: Sequence[str], after: int) -> Change:
    return NewSteps(name, [step(each) for each in steps], after)


keys = st.sampled_from(KEYS)
names = st.sampled_from("vw")
chats = st.sampled_from([None, 5, "5"])
times = st.sampled_from([1.0, 2.0, 3.0])
steps = st.lists(st.sampled_from("abc"), max_size=3)
changes = st.one_of(
    st.builds(new_workflow, names, steps, chats),
    st.builds(new_steps, names, steps, st.integers(0, 3)),
    st.builds(HideWorkflow, names),
    st.builds(
        Record, st.sampled_from(["receipt", "note"]), st.sampled_from("kl"), times, st.sampled_from([None, b"", b"x"])
    ),
)
first = st.builds(
    first_entry,
    keys,
    st.sampled_from(["run-1", "run-2", "run-3"]),
    names,
    st.sampled_from([None, "once", "twice"]),
    chats,
)
later = st.builds(entry, keys, st.sampled_from([2, 4, 6]), st.integers(1, 2))
operations: st.SearchStrategy[Operation] = st.one_of(
    st.builds(partial, st.just(append), entries=st.lists(first | later, max_size=3), changes=st.just([])),
    st.builds(
        partial, st.just(append), entries=st.lists(first | later, max_size=2), changes=st.lists(changes, max_size=3)
    ),
    st.builds(partial, st.just(change), key=keys, status=st.sampled_from(list(map(str, ExecutionStatus)))),
    st.builds(partial, st.just(save), name=names, steps=steps),
    st.builds(partial, st.just(add), name=names, steps=steps),
    st.builds(partial, st.just(delete), name=names),
    st.builds(partial, st.just(cleanup), before=times),
    st.builds(partial, st.just(start_again)),
)


@settings(max_examples=25)
@given(st.lists(operations, max_size=15))
def test_the_memory_store_answers_as_sqlite_does(todo: list[Operation]) -> None:
    """The same calls get the same answers and errors, and leave the same behind."""
    with tempfile.TemporaryDirectory() as folder:
        stores: list[Store] = [MemoryStore(), SqliteStore(Path(folder) / "x.db", durability="fast")]
        for store in stores:
            store.acquire()
        in_memory, in_file = ([operation(store) for operation in todo] + everything(store) for store in stores)
        for store in stores:
            store.close()

    assert in_file == in_memory
