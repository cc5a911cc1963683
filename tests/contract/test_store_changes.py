"""What every Store does with changes that come together with events, with records, and with what is cleaned up."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

import pytest

from syncara.abc import Change, HideWorkflow, NewSteps, NewWorkflow, Owner, Record, Store
from syncara.core.errors import NotFoundError, StorageError, ValidationError
from syncara.core.model import Workflow
from tests.stores.samples import WAIT_S, code, commit, entry, must_commit, step, summary, workflow

OpenStore = Callable[[], Store]
NOTE = Record("note", "a", 1.0, b"first")


# Changes.


@pytest.mark.parametrize("inline", [True, False])
def test_a_definition_and_its_first_run_are_one_transaction(store: Store, open_store: OpenStore, inline: bool) -> None:
    """Changes are made before the entries are written, in their order, and every reader sees all of it."""
    changes: list[Change] = [NewWorkflow(workflow("w", "a")), NewSteps("w", [step("b")], after=1), NOTE]
    first = entry(1, 0, listed=summary(1, workflow_id="w"))

    assert commit(store, first, inline=inline, changes=changes) is None
    for reader in (store, open_store()):
        assert workflow("w", "a", "b") == reader.workflow("w")
        assert [first[1:5]] == reader.rows(1)
        assert NOTE == reader.record("note", "a")


@pytest.mark.parametrize("inline", [True, False])
def test_changes_need_no_entries(store: Store, inline: bool) -> None:
    """append([], done, changes=...) writes them."""
    assert commit(store, inline=inline, changes=[NewWorkflow(workflow("w", "a"))]) is None
    assert commit(store, inline=inline, changes=[HideWorkflow("w"), NOTE]) is None

    assert store.workflow("w") is None
    assert workflow("w", "a") == store.pinned("w", 1)
    assert NOTE == store.record("note", "a")


@pytest.mark.parametrize("inline", [True, False])
def test_changes_beside_a_single_row_are_written_too(store: Store, inline: bool) -> None:
    """An entry without a summary is the cheapest there is; what comes with it is not forgotten."""
    must_commit(store, entry(1, 0))

    assert commit(store, entry(1, 1), inline=inline, changes=[NOTE]) is None
    assert NOTE == store.record("note", "a")
    assert [0, 1] == [row.seq for row in store.rows(1)]


REFUSED = {
    "an id in use": (StorageError, "duplicate", [NewWorkflow(workflow("w", "x"))]),
    "the id of one deleted": (StorageError, "duplicate", [HideWorkflow("w"), NewWorkflow(workflow("w"))]),
    "two steps of a name": (ValidationError, "duplicate_step", [NewWorkflow(workflow("v", "a", "a"))]),
    "a name in use": (ValidationError, "duplicate_step", [NewSteps("w", [step("a")], after=1)]),
    "a name used just before": (
        ValidationError,
        "duplicate_step",
        [NewSteps("w", [step("b")], after=1), NewSteps("w", [step("b")], after=2)],
    ),
    "steps for another state": (StorageError, "conflict", [NewSteps("w", [step("b")], after=0)]),
    "steps for nothing": (NotFoundError, "unknown_workflow", [NewSteps("v", [step("a")], after=0)]),
    "nothing to hide": (NotFoundError, "unknown_workflow", [HideWorkflow("v")]),
    "hidden twice": (NotFoundError, "unknown_workflow", [HideWorkflow("w"), HideWorkflow("w")]),
}


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize(("kind", "expected", "changes"), REFUSED.values(), ids=list(REFUSED))
def test_a_change_that_cannot_be_made_refuses_all_that_came_with_it(
    store: Store, kind: type[Exception], expected: str, changes: Sequence[Change], inline: bool
) -> None:
    """Its own error comes back, and neither entries nor the changes before it are written."""
    store.save_workflow(workflow("w", "a"))
    error = commit(store, entry(1, 0), inline=inline, changes=[NewWorkflow(workflow("u")), NOTE, *changes])

    assert (kind, expected) == (type(error), code(error))
    assert [workflow("w")] == store.workflows()
    assert workflow("w", "a") == store.workflow("w")
    assert store.record("note", "a") is None
    assert [] == store.rows(1)
    assert [] == store.summaries()


def test_an_entry_that_cannot_be_written_refuses_the_changes_that_came_with_it(store: Store) -> None:
    """All or nothing holds in both directions."""
    must_commit(store, entry(1, 0))

    assert code(commit(store, entry(1, 0), changes=[NewWorkflow(workflow("w")), NOTE])) == "conflict"
    assert [] == store.workflows()
    assert store.record("note", "a") is None


def test_a_refused_change_disturbs_nothing_else_that_is_queued(store: Store) -> None:
    """Appends made one after the other fail alone, and each is told its own outcome."""
    outcomes: queue.SimpleQueue[str] = queue.SimpleQueue()

    def append(key: int, *changes: Change) -> None:
        store.append([entry(key, 0)], lambda error: outcomes.put(code(error)), changes=changes)

    append(1, NewWorkflow(workflow("v")))
    append(2, NewWorkflow(workflow("v")))
    append(3)
    append(4, NewSteps("v", [step("a")], after=0))
    append(5, HideWorkflow("w"))
    append(6, NewSteps("v", [step("b")], after=1))

    assert ["None", "duplicate", "None", "None", "unknown_workflow", "None"] == [
        outcomes.get(timeout=WAIT_S) for _ in range(6)
    ]
    assert workflow("v", "a", "b") == store.workflow("v")
    assert [6, 4, 3, 1] == [each.key for each in store.summaries()]


@pytest.mark.parametrize("inline", [True, False])
def test_changes_of_a_runner_that_was_replaced_are_refused(store: Store, open_store: OpenStore, inline: bool) -> None:
    """The epoch guards them as it guards the entries."""
    store.release(clean=True)
    open_store().acquire()

    assert code(commit(store, inline=inline, changes=[NOTE])) == "not_runner"
    assert store.record("note", "a") is None


# Owners.


def test_a_definition_keeps_its_chat_and_its_author(store: Store) -> None:
    """Both ways of writing it store them."""
    written = [Workflow(id="v", name="V", chat_id="5", author="ai"), Workflow(id="w", name="W", chat_id=5)]
    store.save_workflow(written[0])
    must_commit(store, changes=[NewWorkflow(written[1])])

    assert written == [store.workflow("v"), store.workflow("w")]


def test_each_chat_lists_its_own_definitions(store: Store) -> None:
    """Newest first; a chat's number is not its text, None asks for those without a chat, and deleted ones are gone."""
    for number, chat in enumerate([5, "5", None, 5, 7, None, 5]):
        store.save_workflow(workflow(f"w{number}", "a", chat_id=chat))
    store.delete_workflow("w6")

    def ids(owner: Owner | None, limit: int = 100, offset: int = 0) -> list[str]:
        return [each.id for each in store.workflows(limit, offset, owner)]

    assert ["w3", "w0"] == ids(Owner(5))
    assert ["w0"] == ids(Owner(5), limit=1, offset=1)
    assert ["w1"] == ids(Owner("5"))
    assert ["w5", "w2"] == ids(Owner(None))
    assert [] == ids(Owner(8))
    assert ["w5", "w4", "w3", "w2", "w1", "w0"] == ids(None)


def test_definitions_are_found_by_their_exact_name(store: Store) -> None:
    """Newest first, without steps; case and every character count, other chats' and deleted ones are not found."""
    for number, (name, chat) in enumerate(
        [("Tea", 5), ("tea", 5), ("Tea", "5"), ("Tea", 5), ("Tea ", 5), ("Tea", None), ("Tea", 5), ("Tea\0", 5)]
    ):
        store.save_workflow(Workflow(id=f"w{number}", name=name, chat_id=chat, steps=(step("a"),)))
    must_commit(store, changes=[NewWorkflow(Workflow(id="w8", name="Tea", chat_id=5)), HideWorkflow("w6")])

    def ids(owner: Owner | None, name: str, limit: int = 100, offset: int = 0) -> list[str]:
        return [each.id for each in store.workflows(limit, offset, owner, name=name)]

    assert ["w8", "w3", "w0"] == ids(Owner(5), "Tea")
    assert ["w3"] == ids(Owner(5), "Tea", limit=1, offset=1)
    assert [Workflow(id="w1", name="tea", chat_id=5)] == store.workflows(owner=Owner(5), name="tea")
    assert ["w4"] == ids(Owner(5), "Tea ")
    assert ["w7"] == ids(Owner(5), "Tea\0")
    assert ["w5"] == ids(Owner(None), "Tea")
    assert [] == ids(Owner(7), "Tea")
    assert ["w8", "w5", "w3", "w2", "w0"] == ids(None, "Tea")


# Records.


def test_a_record_is_replaced_by_the_next_of_its_kind_and_key(store: Store) -> None:
    """Kind and key name it together; time and body are those of the last."""
    other = Record("approval", "a", 5.0, b"\x00\xff")
    must_commit(store, changes=[NOTE, other, Record("note", "a", 2.5, b"")])

    assert Record("note", "a", 2.5, b"") == store.record("note", "a")
    assert other == store.record("approval", "a")
    assert store.record("note", "b") is None


def test_a_record_without_a_body_deletes(store: Store) -> None:
    """Deleting what is not there is no error."""
    gone = Record("note", "a", 2.0, None)
    must_commit(store, changes=[gone, NOTE])
    must_commit(store, changes=[gone, gone])

    assert store.record("note", "a") is None
    assert [] == store.records("note")


def test_records_are_listed_by_key(store: Store) -> None:
    """Beyond `after`, at most `limit` of them, from the first or from the last."""
    must_commit(store, changes=[Record("note", key, 1.0, b"") for key in ("10", "é", "9", "a")])
    must_commit(store, changes=[Record("notes", "5", 1.0, b"")])

    def keys(**page: object) -> list[str]:
        return [record.key for record in store.records("note", **page)]  # type: ignore[arg-type]

    assert ["10", "9", "a", "é"] == keys()
    assert ["9", "a"] == keys(after="10", limit=2)
    assert ["é", "a", "9", "10"] == keys(newest_first=True)
    assert ["é"] == keys(limit=1, newest_first=True)
    assert [] == keys(after="é")


# What is cleaned up.


def finish(store: Store, key: int, workflow_id: str, at: float) -> None:
    """An execution from its start to its end."""
    listed = summary(key, workflow_id=workflow_id)
    ended = summary(key, workflow_id=workflow_id, status="completed", finished_at=at)
    must_commit(store, entry(key, 0, listed=listed), entry(key, 1, listed=ended))


def test_a_number_is_not_used_again_when_its_execution_was_cleaned_up(store: Store, open_store: OpenStore) -> None:
    """Whoever deletes the newest executions leaves word of their numbers to the next runner."""
    for key in (1, 2, 3):
        finish(store, key, "welcome", at=5.0)
    other = open_store()

    assert other.cleanup(before=6.0) == 3
    other.close()
    store.release(clean=True)
    assert store.acquire().next_key == 4
    store.release(clean=True)
    assert open_store().acquire().next_key == 4


def test_old_receipts_are_cleaned_up(store: Store) -> None:
    """Those from before the time go, however many they are; records of another kind stay."""
    old = [Record(kind, f"{number:04}", 5.0, b"") for number in range(1_234) for kind in ("receipt", "approval")]
    kept = [Record("receipt", "younger", 6.0, b""), Record("audit", "old", 5.0, b"")]
    must_commit(store, changes=[*old, *kept])

    assert store.cleanup(before=6.0) == 0
    assert kept == [*store.records("receipt"), *store.records("audit")]


def test_a_definition_stays_as_long_as_an_execution_needs_it(store: Store) -> None:
    """Deleted ones go with their last execution; others stay."""
    for name in ("needed", "unneeded", "kept"):
        store.save_workflow(workflow(name, "a"))
    finish(store, 1, "needed", at=9.0)
    finish(store, 2, "unneeded", at=5.0)
    finish(store, 3, "kept", at=5.0)
    store.delete_workflow("needed")
    store.delete_workflow("unneeded")

    assert store.cleanup(before=6.0) == 2
    assert workflow("needed", "a") == store.pinned("needed", 1)
    assert store.pinned("unneeded", 1) is None
    assert workflow("kept", "a") == store.workflow("kept")


@pytest.mark.parametrize("inline", [True, False])
def test_an_execution_does_not_start_without_its_definition(store: Store, open_store: OpenStore, inline: bool) -> None:
    """A start is refused when its definition was deleted and cleaned up while the start was on its way."""
    store.save_workflow(workflow("w", "a"))
    late = entry(1, 0, listed=summary(1, workflow_id="w"))
    store.delete_workflow("w")
    open_store().cleanup(before=0.0)
    error = commit(store, late, inline=inline)

    assert ("unknown_workflow", "workflow 'w'") == (code(error), getattr(error, "where", ""))
    assert isinstance(error, NotFoundError)
    assert [] == store.rows(1)
    assert store.summary_at(1) is None
