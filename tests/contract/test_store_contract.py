"""What every Store does, whatever it is made of."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncara.abc import Owner, RunnerInfo, Store
from syncara.core.errors import DatabaseBusy, NotFoundError, StorageError, ValidationError
from syncara.core.model import ExecutionStatus, Step, Workflow
from tests.stores.samples import code, commit, entry, must_commit, step, summary, workflow

OpenStore = Callable[[], Store]


# The runner.


def test_the_first_runner_begins_the_first_epoch(open_store: OpenStore) -> None:
    """A new database has no unclean stop behind it and no execution in it."""
    assert RunnerInfo(epoch=1, clean=True, next_key=1) == open_store().acquire()


def test_a_second_runner_is_refused_by_the_name_of_the_first(store: Store, open_store: OpenStore) -> None:
    """DatabaseBusy carries the pid of the process that runs the database."""
    with pytest.raises(DatabaseBusy) as caught:
        open_store().acquire()

    assert os.getpid() == caught.value.pid


def test_a_runner_is_not_its_own_successor(store: Store) -> None:
    """Acquiring twice without a release between is refused."""
    with pytest.raises(DatabaseBusy):
        store.acquire()


@pytest.mark.parametrize("clean", [True, False])
def test_a_runner_learns_how_the_one_before_it_stopped(store: Store, open_store: OpenStore, clean: bool) -> None:
    """What release() is told is what the next acquire() says; the epoch is a new one."""
    store.release(clean=clean)

    assert RunnerInfo(epoch=2, clean=clean, next_key=1) == open_store().acquire()


def test_a_store_closed_without_a_release_was_not_stopped_cleanly(store: Store, open_store: OpenStore) -> None:
    """Letting go of the database without a word counts as a crash, and does not keep others out."""
    store.close()

    assert RunnerInfo(epoch=2, clean=False, next_key=1) == open_store().acquire()


def test_an_earlier_clean_stop_does_not_hide_a_crash(open_store: OpenStore) -> None:
    """The clean flag goes down when a runner begins, not when it fails."""
    first, second = open_store(), open_store()
    first.acquire()
    first.release(clean=True)
    second.acquire()
    second.close()

    assert not open_store().acquire().clean


def test_a_release_without_being_the_runner_changes_nothing(store: Store, open_store: OpenStore) -> None:
    """Only the runner can put down its office."""
    open_store().release(clean=True)

    assert commit(store, entry(1, 0)) is None


def test_execution_numbers_go_on_after_the_largest(store: Store) -> None:
    """next_key is the first number that was never used."""
    must_commit(store, entry(7, 0), entry(3, 0))
    store.release(clean=True)

    assert store.acquire().next_key == 8


# The journal.


@pytest.mark.parametrize("inline", [True, False])
def test_what_was_acknowledged_can_be_read(store: Store, open_store: OpenStore, inline: bool) -> None:
    """After done(None) every reader sees the entries, byte for byte."""
    first = entry(1, 0, 2)

    assert commit(store, first, inline=inline) is None
    for reader in (store, open_store()):
        assert [first[1:5]] == reader.rows(1)


def test_a_store_that_is_not_the_runner_appends_nothing(open_store: OpenStore) -> None:
    """Without acquire() every append is refused."""
    store = open_store()

    assert code(commit(store, entry(1, 0))) == "not_runner"
    assert [] == store.rows(1)


def test_a_runner_that_was_replaced_appends_nothing(store: Store, open_store: OpenStore) -> None:
    """After another runner has begun, the entries of the first are refused."""
    store.release(clean=True)
    open_store().acquire()

    assert code(commit(store, entry(1, 0))) == "not_runner"
    assert [] == store.rows(1)


def test_an_append_happens_as_a_whole_or_not_at_all(store: Store) -> None:
    """One entry that is there already keeps out all that came with it."""
    must_commit(store, entry(1, 0))

    assert code(commit(store, entry(2, 0), entry(1, 0))) == "conflict"
    assert [] == store.rows(2)
    assert store.summary_at(2) is None


def test_an_append_cannot_contradict_itself(store: Store) -> None:
    """The same entry twice in one append is refused."""
    assert code(commit(store, entry(1, 0), entry(1, 1), entry(1, 1))) == "conflict"
    assert [] == store.rows(1)


@pytest.mark.parametrize("same", [{"id": "run-1"}, {"idempotency_key": "once"}])
def test_two_executions_do_not_share_an_id_or_a_key(store: Store, same: dict[str, str]) -> None:
    """Ids and idempotency keys belong to one execution each."""
    must_commit(store, entry(1, 0, listed=summary(1, idempotency_key="once")))

    assert code(commit(store, entry(2, 0, listed=summary(2, **same)))) == "conflict"


def test_an_empty_append_is_acknowledged(store: Store) -> None:
    """done() is called also when there was nothing to do."""
    assert commit(store) is None


def test_outcomes_come_in_the_order_of_the_appends(store: Store) -> None:
    """A caller hears of its appends in the order in which it made them, inline or not."""
    heard: list[int] = []
    last = threading.Event()
    for seq in range(50):
        store.append([entry(1, seq)], lambda _, seq=seq: heard.append(seq), inline=seq % 3 == 0)  # type: ignore[misc]
    store.append([], lambda _: last.set())

    assert last.wait(30)
    assert list(range(50)) == heard


@pytest.mark.parametrize(
    ("from_seq", "expected"), [(0, [0, 2, 5]), (1, [0, 2, 5]), (2, [2, 5]), (4, [2, 5]), (5, [5]), (6, []), (99, [])]
)
def test_a_journal_can_be_read_from_any_event(store: Store, from_seq: int, expected: list[int]) -> None:
    """rows() begins with the entry that holds event `from_seq`."""
    must_commit(store, entry(1, 0, 2), entry(1, 2, 3), entry(1, 5, 1), entry(2, 0, 9))

    assert expected == [row.seq for row in store.rows(1, from_seq)]


def test_an_unknown_execution_has_an_empty_journal(store: Store) -> None:
    """Reading what is not there is no error."""
    assert [] == store.rows(1)


# Executions.


def test_a_summary_comes_back_as_it_was_written(store: Store) -> None:
    """Every column keeps its value and its type."""
    written = summary(
        1,
        user_id=5,
        chat_id="5",
        message_id=-1.5,
        idempotency_key="once",
        created_at=1.25,
        wake_at=9.5,
        parked=True,
        progress=33.3,
        error="…",
    )
    must_commit(store, entry(1, 0, listed=written))

    for found in (store.summary("run-1"), store.summary_of_key("once"), store.summary_at(1)):
        assert repr(written) == repr(found)


def test_what_is_unknown_has_no_summary(store: Store) -> None:
    """Looking up what is not there gives None."""
    assert store.summary("run-1") is None
    assert store.summary_of_key("once") is None
    assert store.summary_at(1) is None


def test_a_new_summary_replaces_the_old_one(store: Store) -> None:
    """Entries without a summary leave the stored one, others renew it."""
    newer = summary(1, status="failed", finished_at=7.0, progress=50.0, error="no")
    must_commit(store, entry(1, 0))
    must_commit(store, entry(1, 1))
    before = store.summary_at(1)
    must_commit(store, entry(1, 2, listed=newer))

    assert summary(1) == before
    assert newer == store.summary_at(1)


def test_of_two_summaries_in_one_append_the_later_holds(store: Store) -> None:
    """Entries count in their order."""
    must_commit(store, entry(1, 0), *(entry(1, n, listed=summary(1, progress=float(n))) for n in (1, 2, 3)))

    assert summary(1, progress=3.0) == store.summary_at(1)


def test_a_summary_in_hand_is_not_the_stored_one(store: Store) -> None:
    """Changing a summary after it was written or read changes nothing in the store."""
    written = summary(1)
    must_commit(store, entry(1, 0, listed=written))
    written.status = "failed"
    for found in (store.summary_at(1), *store.summaries(), *store.open_summaries()):
        assert found is not None
        found.status = "failed"

    assert summary(1) == store.summary_at(1)


def test_executions_are_listed_newest_first(store: Store) -> None:
    """Limit and offset cut the list."""
    must_commit(store, *(entry(key, 0) for key in range(1, 8)))

    assert [7, 6, 5, 4, 3, 2, 1] == [each.key for each in store.summaries()]
    assert [5, 4] == [each.key for each in store.summaries(limit=2, offset=2)]


def test_executions_are_filtered_by_status_workflow_and_chat(store: Store) -> None:
    """Filters may be combined; a chat's number is not its text, and None asks for those without a chat."""
    store.save_workflow(workflow("other"))
    must_commit(
        store,
        entry(1, 0, listed=summary(1, chat_id=5)),
        entry(2, 0, listed=summary(2, chat_id="5", status="failed")),
        entry(3, 0, listed=summary(3, chat_id=5, status="failed", workflow_id="other")),
        entry(4, 0, listed=summary(4)),
    )

    def keys(**filters: object) -> list[int]:
        return [each.key for each in store.summaries(**filters)]  # type: ignore[arg-type]

    assert [3, 1] == keys(owner=Owner(5))
    assert [2] == keys(owner=Owner("5"))
    assert [4] == keys(owner=Owner(None))
    assert [4, 1] == keys(status="running")
    assert [3, 2] == keys(status="failed")
    assert [3] == keys(status="failed", owner=Owner(5))
    assert [4, 2, 1] == keys(workflow_id="welcome")
    assert [1] == keys(workflow_id="welcome", status="running", owner=Owner(5))


def test_open_executions_are_those_at_no_final_status(store: Store) -> None:
    """They come oldest first, and an execution that ends is one no longer."""
    statuses = [str(status) for status in ExecutionStatus]
    must_commit(store, *(entry(key, 0, listed=summary(key, status=status)) for key, status in enumerate(statuses, 1)))
    must_commit(store, entry(1, 1, listed=summary(1, status="cancelled")))

    expected = [status for status in statuses[1:] if not ExecutionStatus(status).final]
    assert expected == [each.status for each in store.open_summaries()]


def test_any_number_of_open_executions_is_found(store: Store) -> None:
    """A restart misses none, however many there are."""
    must_commit(store, *(entry(key, 0) for key in range(2_345, 0, -1)))

    assert list(range(1, 2_346)) == [each.key for each in store.open_summaries()]


# Definitions.


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Cs: lone surrogates are not text.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
STEPS = st.builds(
    step,
    st.text("ab é:{}'\"\n", min_size=1, max_size=8),
    params=st.dictionaries(st.sampled_from("xyz"), JSON, max_size=3),
    dependencies=st.lists(st.sampled_from("pq")).map(tuple),
    timeout=st.floats(0, 1e9),
    retry_count=st.integers(0, 1000),
    condition=st.none() | st.just("context.x > 1"),
    on_error=st.sampled_from(["fail", "continue"]),
    save_as=st.none() | st.just("users"),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=5, unique_by=lambda each: each.name), cut=st.integers(0, 5), metadata=JSON)
def test_a_definition_comes_back_as_it_was_saved(
    store: Store, numbers: list[int], steps: list[Step], cut: int, metadata: object
) -> None:
    """Whatever a workflow holds, saved at once or step by step, workflow() returns it."""
    numbers.append(len(numbers))
    written = Workflow(id=f"w{len(numbers)}", name="W", metadata={"m": metadata}, steps=tuple(steps[:cut]))
    store.save_workflow(written)
    store.add_steps(written.id, steps[cut:])

    assert Workflow(id=written.id, name="W", metadata={"m": metadata}, steps=tuple(steps)) == store.workflow(written.id)


@pytest.fixture
def numbers() -> list[int]:
    """Counts the examples of a property, which share a store."""
    return []


def test_an_unknown_workflow_is_none(store: Store) -> None:
    """Looking for a definition that is not there is no error."""
    assert store.workflow("w") is None
    assert store.step_count("w") is None
    assert store.pinned("w", 1) is None
    assert not store.delete_workflow("w")


def test_a_workflow_id_is_used_once(store: Store) -> None:
    """A second definition of an id is refused, and the first stays as it was, also when it was deleted."""
    store.save_workflow(workflow("w", "a"))
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            store.save_workflow(workflow("w", "b"))
        assert caught.value.code == "duplicate"
        assert workflow("w", "a") == store.pinned("w", 9)
        store.delete_workflow("w")


def test_steps_are_appended_in_their_order(store: Store) -> None:
    """Later steps follow earlier ones, and step_count counts them."""
    store.save_workflow(workflow("w", "a"))
    store.add_steps("w", [step("c"), step("b")])
    store.add_steps("w", [step("d")])

    assert workflow("w", "a", "c", "b", "d") == store.workflow("w")
    assert store.step_count("w") == 4


def test_every_name_and_id_in_use_is_reported(store: Store) -> None:
    """One ValidationError names all the steps that cannot be added; then none is."""
    store.save_workflow(workflow("w", "a", "b"))
    other_id = Step(id="new", name="a", handler="log")
    other_name = Step(id="id of b", name="new", handler="log")

    with pytest.raises(ValidationError) as caught:
        store.add_steps("w", [step("c"), other_id, other_name, step("c")])

    found = {(problem.code, problem.where) for problem in caught.value.problems}
    assert {("duplicate_step", f"step '{name}'") for name in ("a", "new", "c")} == found
    assert store.step_count("w") == 2


def test_a_definition_with_two_steps_of_one_name_is_refused(store: Store) -> None:
    """The rule holds for the steps that come with a new definition too."""
    with pytest.raises(ValidationError) as caught:
        store.save_workflow(workflow("w", "a", "b", "a"))

    assert {"duplicate_step"} == {problem.code for problem in caught.value.problems}
    assert store.workflow("w") is None


def test_two_workflows_may_have_steps_of_the_same_name(store: Store) -> None:
    """Names and ids of steps belong to their workflow."""
    store.save_workflow(workflow("v", "a"))
    store.save_workflow(workflow("w", "a"))

    assert (1, 1) == (store.step_count("v"), store.step_count("w"))


@pytest.mark.parametrize("deleted", [True, False])
def test_steps_for_no_workflow_are_refused(store: Store, deleted: bool) -> None:
    """NotFoundError names the workflow, whether it never was or is deleted."""
    if deleted:
        store.save_workflow(workflow("w"))
        store.delete_workflow("w")

    with pytest.raises(NotFoundError) as caught:
        store.add_steps("w", [step("a")])
    assert ("unknown_workflow", "workflow 'w'") == (caught.value.code, caught.value.where)


def test_a_deleted_workflow_is_kept_for_those_who_pinned_it(store: Store) -> None:
    """It disappears from every list; its executions keep it."""
    store.save_workflow(workflow("w", "a", "b"))

    assert store.delete_workflow("w")
    assert not store.delete_workflow("w")
    assert store.workflow("w") is None
    assert store.step_count("w") is None
    assert [] == store.workflows()
    assert workflow("w", "a", "b") == store.pinned("w", 2)


def test_a_pinned_definition_does_not_grow(store: Store) -> None:
    """An execution sees the steps that were there when it started."""
    store.save_workflow(workflow("w", "a"))
    store.add_steps("w", [step("b"), step("c")])

    assert workflow("w", "a", "b") == store.pinned("w", 2)


def test_definitions_are_listed_newest_first_without_their_steps(store: Store) -> None:
    """Limit and offset cut the list; a definition keeps its place when it grows."""
    for name in "uvw":
        store.save_workflow(workflow(name, "a", created_at=1.5))
    store.add_steps("u", [step("b")])

    assert [workflow(name, created_at=1.5) for name in "wvu"] == store.workflows()
    assert [workflow("v", created_at=1.5)] == store.workflows(limit=1, offset=1)


def test_definitions_are_written_without_being_the_runner(store: Store, open_store: OpenStore) -> None:
    """A second store defines, deletes and reads beside the runner, and the runner sees it."""
    other = open_store()
    other.save_workflow(workflow("v", "a"))
    other.save_workflow(workflow("w"))
    other.add_steps("v", [step("b")])
    other.delete_workflow("w")

    assert workflow("v", "a", "b") == store.workflow("v")
    assert [workflow("v")] == store.workflows()


# The end.


def test_a_closed_store_says_so(store: Store) -> None:
    """Every later call is refused with the code `closed`; letting go of it again is no error."""
    store.close()
    store.close()
    store.release(clean=True)

    calls: list[Callable[[], object]] = [
        lambda: store.save_workflow(workflow("w")),
        lambda: store.workflow("w"),
        lambda: store.rows(1),
        lambda: store.summary_at(1),
        lambda: list(store.open_summaries()),
        lambda: store.record("note", "a"),
        lambda: store.records("note"),
        store.acquire,
    ]
    for call in calls:
        with pytest.raises(StorageError) as caught:
            call()
        assert caught.value.code == "closed"
    assert code(commit(store, entry(1, 0))) == "closed"


def test_many_threads_read_and_write_at_once(store: Store) -> None:
    """Sync calls from any thread are whole and lose nothing while the runner appends."""
    store.save_workflow(workflow("w"))
    must_commit(store, entry(1, 0))
    failures: list[Exception] = []

    def define(thread: int) -> None:
        try:
            for n in range(20):
                store.add_steps("w", [step(f"{thread}.{n}"), step(f"{thread}.{n}'")])
                steps = store.workflow("w").steps  # type: ignore[union-attr]
                assert len(steps) % 2 == 0
                assert store.summary_at(1) is not None
        except Exception as error:  # noqa: BLE001 (it belongs to the test's thread)
            failures.append(error)

    threads = [threading.Thread(target=define, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for seq in range(1, 100):
        must_commit(store, entry(1, seq, listed=summary(1, progress=float(seq))))
    for thread in threads:
        thread.join()

    assert [] == failures
    assert store.step_count("w") == 160
    assert list(range(100)) == [row.seq for row in store.rows(1)]
