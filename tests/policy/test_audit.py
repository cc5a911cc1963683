"""The chain of the audit, and what each event of a run means for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.abc import Record, Unsealed
from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.graph import Plan
from syncara.core.limits import RULES
from syncara.core.machine import advance
from syncara.core.model import Step
from syncara.policy import audit
from syncara.policy.auditor import TEXT_CHARS_MAX, Auditor
from syncara.stores.memory import MemoryStore
from tests.core.build import group, step, task, workflow

CHAT = -100
ENTRIES: list[audit.Entry] = [
    audit.ReplyTaken("ai", CHAT, 7, "m1", "ab" * 32, ok=True, commands=(audit.Command("MULTISTEP:HELP", ok=True),)),
    audit.PlanJudged("ex_1", "wf_1", "cd" * 32, CHAT, 7, "approve", 'handlers.api_call = "approve" by default'),
    audit.ApprovalAnswered("ap_1", "ex_1", "cd" * 32, "approved", 7),
    audit.AnswerRefused("ap_1", "ex_1", "approve", 8, "used"),
    audit.Effect("ex_1", CHAT, "Get", "api_call", "GET", "example.com/ä", "ex_1:st_1", 1, "failed", "timeout"),
    audit.Steered("ex_1", "answered", "retry"),
]


def chain(*entries: audit.Entry) -> list[Record]:
    records: list[Record] = []
    head = audit.START
    for number, entry in enumerate(entries):
        records.append(audit.seal(audit.unsealed(1_750_000_000.25 + number, entry), head))
        head = audit.head_of(records[-1])
    return records


def broken(records: list[Record], noted: str = "") -> tuple[str, str] | None:
    """The code and the place of the first break."""
    found = audit.verify(records, noted).broken
    return None if found is None else (found.code, found.where)


def body(record: Record) -> bytes:
    assert record.body is not None
    return record.body


def made_anew(record: Record, **changes: Any) -> Record:
    """The record with other content, and the hash that belongs to it."""
    content = json.dumps({**json.loads(body(record)), **changes}, separators=(",", ":"), ensure_ascii=False)
    content = content[: content.rindex(',"hash":')]
    hashed = hashlib.sha256(content.encode()).hexdigest()
    return record._replace(body=f'{content},"hash":"{hashed}"}}'.encode())


# The chain.


def test_a_chain_holds_and_gives_every_entry_back() -> None:
    """Numbers count from 1, each entry has the hash of the one before, and times and content are as they were."""
    records = chain(*ENTRIES)
    read = [audit.decode(record) for record in records]

    assert audit.Finding(6, read[-1].hash, None) == audit.verify(records)
    assert ENTRIES == [sealed.entry for sealed in read]
    assert [1, 2, 3, 4, 5, 6] == [sealed.seq for sealed in read]
    assert ["", *(sealed.hash for sealed in read[:-1])] == [sealed.prev for sealed in read]
    assert [(f"{n:016}", 1_750_000_000.25 + n - 1) for n in range(1, 7)] == [(r.key, r.at) for r in records]
    assert [(record.at, "audit") for record in records] == [
        (sealed.at, record.kind) for sealed, record in zip(read, records, strict=True)
    ]


def test_the_hash_can_be_checked_without_this_program() -> None:
    """It is the SHA-256 of the stored bytes up to the comma before it."""
    for record in chain(*ENTRIES):
        content, _, hashed = body(record).rpartition(b',"hash":"')

        assert hashed == hashlib.sha256(content).hexdigest().encode() + b'"}'


def test_an_empty_chain_holds() -> None:
    """A noted hash is not in it, though."""
    assert audit.Finding(0, "", None) == audit.verify([])
    assert ("head_missing", "the audit") == broken([], "ab" * 32)


def fields(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a JSON value."""
    inside = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    return [*([path] if path else []), *(found for key, each in inside for found in fields(each, (*path, key)))]


FIELDS = [(n, path) for n, record in enumerate(chain(*ENTRIES)) for path in fields(json.loads(body(record)))]


@pytest.mark.parametrize(("number", "path"), FIELDS, ids=[f"{n + 1} {'.'.join(map(str, path))}" for n, path in FIELDS])
def test_a_changed_field_is_found(number: int, path: tuple[Any, ...]) -> None:
    """Whichever it is: the entry is named."""
    records = chain(*ENTRIES)
    changed = json.loads(body(records[number]))
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = "other" if parent[path[-1]] != "other" else ""
    records[number] = records[number]._replace(body=msgspec.json.encode(changed))

    assert ("entry_changed", f"entry {number + 1}") == broken(records)


@given(st.integers(0, 4), st.integers(0), st.integers(1, 255))
def test_a_changed_byte_is_found(number: int, place: int, change: int) -> None:
    """Whichever it is, in the hash too."""
    records = chain(*ENTRIES)
    changed = bytearray(body(records[number]))
    changed[place % len(changed)] ^= change
    records[number] = records[number]._replace(body=bytes(changed))

    assert ("entry_changed", f"entry {number + 1}") == broken(records)


@pytest.mark.parametrize("column", [{"at": 5.0}, {"body": b""}, {"body": b"{}"}, {"body": b'{"seq":1}'}])
def test_what_is_stored_beside_the_content_cannot_be_changed(column: dict[str, Any]) -> None:
    """The record's own time must be the entry's, and there must be content."""
    records = chain(*ENTRIES)
    records[2] = records[2]._replace(**column)

    assert ("entry_changed", "entry 3") == broken(records)


@pytest.mark.parametrize(
    "change", [{"entry": {"kind": "steered", "execution_id": "ex_2", "what": "paused"}}, {"prev": "ab" * 32}]
)
def test_an_entry_made_anew_is_not_followed_by_the_next(change: dict[str, Any]) -> None:
    """With a right hash for other content, it is the place in the chain that is wrong."""
    records = chain(*ENTRIES)
    records[2] = made_anew(records[2], **change)
    found = broken(records)

    assert ("entry_unlinked", "entry 3" if "prev" in change else "entry 4") == found


@pytest.mark.parametrize("change", [{"seq": 4}, {"at": 5.0}, {"seq": "3"}, {"at": None}])
def test_an_entry_made_anew_has_its_number_and_its_time(change: dict[str, Any]) -> None:
    """They cannot be others than the record's."""
    records = chain(*ENTRIES)
    records[2] = made_anew(records[2], **change)

    assert ("entry_changed", "entry 3") == broken(records)


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (lambda records: records[1:], ("entry_missing", "entry 1")),
        (lambda records: records[:2] + records[3:], ("entry_missing", "entry 3")),
        (lambda records: records[:2] + records[4:], ("entry_missing", "entry 3")),
        (lambda records: [*records[:2], records[1], *records[2:]], ("entry_missing", "entry 3")),
        (lambda records: [records[1], records[0], *records[2:]], ("entry_missing", "entry 1")),
        (
            lambda records: [*records[:2], records[2]._replace(key="0000000000000002x"), *records[2:]],
            ("entry_missing", "entry 3"),
        ),
        (lambda records: [*records, Record("audit", "zzz", 1.0, b"{}")], ("entry_missing", "entry 7")),
    ],
    ids=["the first", "one", "two", "one twice", "out of order", "one in between", "one behind"],
)
def test_a_gap_and_what_is_put_in_are_found(
    tamper: Callable[[list[Record]], list[Record]], found: tuple[str, str]
) -> None:
    """The number that should have come is named."""
    assert found == broken(tamper(chain(*ENTRIES)))


def test_entries_that_change_places_are_found() -> None:
    """Each content holds its own number."""
    records = chain(*ENTRIES)
    for one, other in ((0, 4), (1, 2)):
        swapped = list(records)
        swapped[one] = records[one]._replace(at=records[other].at, body=records[other].body)
        swapped[other] = records[other]._replace(at=records[one].at, body=records[one].body)

        assert ("entry_changed", f"entry {one + 1}") == broken(swapped)


def test_only_a_noted_head_shows_what_was_cut_off_at_the_end_or_made_anew() -> None:
    """A chain proves nothing against someone who can write all of it; a hash that is kept elsewhere does."""
    records = chain(*ENTRIES)
    noted = audit.verify(records).head
    anew = chain(*ENTRIES[:3], audit.Steered("ex_1", "paused"), *ENTRIES[4:])

    assert [None, None] == [broken(records[:-1]), broken(anew)]
    assert ("head_missing", "the audit") == broken(records[:-1], noted) == broken(anew, noted)
    assert None is broken([*records, *_more(records)], noted)


def _more(records: list[Record]) -> list[Record]:
    return [audit.seal(audit.unsealed(5.0, ENTRIES[0]), audit.head_of(records[-1]))]


def test_what_is_whole_before_a_break_is_counted() -> None:
    """With the head of that part."""
    records = chain(*ENTRIES)
    whole = audit.head_of(records[2])
    records[3] = records[3]._replace(body=b"")

    assert whole == audit.verify(records)[:2]


@pytest.mark.parametrize(
    "unreadable", [b"", b"\xff", b"[]", b'{"seq":3,"at":1.0,"prev":"","entry":{"kind":"?"},"hash":""}']
)
def test_an_entry_that_cannot_be_read_is_shown_as_such(unreadable: bytes) -> None:
    """The others are shown all the same."""
    read = audit.decode(chain(*ENTRIES)[2]._replace(body=unreadable))

    assert (3, None) == (read.seq, read.entry)


# Where a chain goes on.


@pytest.mark.parametrize("left", range(7))
def test_a_chain_goes_on_where_the_stored_one_ends(left: int) -> None:
    """Whoever starts reads the last entry, and no other."""
    records = chain(*ENTRIES)[:left]
    auditor = Auditor(stored(records))
    auditor.start()

    assert None is broken([*records, *auditor.seal([audit.unsealed(9.0, each) for each in ENTRIES])])


def test_only_what_is_committed_is_followed() -> None:
    """Records that did not come into the store are made again, from the same place."""
    auditor = Auditor(MemoryStore())
    auditor.start()
    lost = auditor.seal([audit.unsealed(1.0, ENTRIES[0]), audit.unsealed(1.0, ENTRIES[1])])
    kept = auditor.seal([audit.unsealed(2.0, ENTRIES[2])])
    auditor.committed(kept)
    after = auditor.seal([audit.unsealed(3.0, ENTRIES[0])])

    assert (["0000000000000001", "0000000000000002"], None) == ([each.key for each in lost], broken([*kept, *after]))


@pytest.mark.parametrize(
    ("tampered", "found"),
    [
        (Record("audit", "0000000000000003", 1.0, b"damaged"), ("entry_changed", "entry 3")),
        (Record("audit", "zzz", 1.0, b"{}"), ("entry_missing", "entry 8")),
    ],
)
def test_a_damaged_end_neither_stops_the_engine_nor_is_written_over(tampered: Record, found: tuple[str, str]) -> None:
    """The chain goes on behind it, and what is wrong stays to be found."""
    records = chain(*ENTRIES)[:3] if tampered.key != "zzz" else chain(*ENTRIES)
    store = stored([*records, tampered])
    auditor = Auditor(store)
    auditor.start()
    more = auditor.seal([audit.unsealed(9.0, ENTRIES[0])])
    store.append([], lambda error: None, changes=more)

    assert [f"{len(records) + 1:016}"] == [record.key for record in more]
    assert found == broken(store.records("audit"))


def stored(records: list[Record]) -> MemoryStore:
    store = MemoryStore()
    store.acquire()
    store.append([], lambda error: None, changes=records)
    return store


# What events mean.

AUDITOR = Auditor(MemoryStore())


def read(told: list[Unsealed]) -> list[audit.Entry]:
    return [msgspec.json.decode(each.body, type=audit.Entry) for each in told]


def begun(*steps: Step, context: dict[str, Any] | None = None) -> tuple[Board, list[e.AnyEvent]]:
    board = Board(Plan(workflow(*steps)))
    started = e.Started(1.0, "ex_1", "wf", len(steps), context or {}, 7, CHAT, "m1", rules=RULES, author="ai")
    return board, advance(board, started)


def effect(handler: str, params: dict[str, Any], context: dict[str, Any] | None = None) -> audit.Effect | None:
    """What the audit says when a step of that handler begins."""
    found = read(AUDITOR.entries(*begun(step("A", handler=handler, params=params), context=context)))
    assert len(found) <= 1
    return found[0] if found and isinstance(found[0], audit.Effect) else None


URL = "https://User.Example.com:8443/a/b%20c?token=secret#there"


@pytest.mark.parametrize(
    ("handler", "params", "operation", "address"),
    [
        ("send_message", {"text": "said"}, "send", CHAT),
        ("send_message", {"text": "said", "chat_id": 5}, "send", 5),
        ("send_message", {"text": "said", "chat_id": "5"}, "send", "5"),
        ("notification", {"message": "said"}, "notify", None),
        ("api_call", {"url": URL}, "GET", "user.example.com:8443/a/b%20c"),
        ("api_call", {"url": "http://x.org", "json": {"said": 1}}, "POST", "x.org"),
        ("api_call", {"url": "http://x.org/#said/?", "method": "delete"}, "DELETE", "x.org/"),
        ("api_call", {"url": "http://x.org?a=said/b"}, "GET", "x.org"),
        ("api_call", {"url": "http://said:said" + "@x.org/"}, "GET", None),
        ("file_operation", {"operation": "write", "file_path": "a/b.txt", "content": "said"}, "write", "a/b.txt"),
        ("database_operation", {"operation": "find", "collection": "c", "query": {"said": 1}}, "find", "c"),
        ("execute_shortcode", {"shortcode": "group:pin_message", "params": "said"}, "", "GROUP:PIN_MESSAGE"),
        ("work", {"said": 1}, "", "work"),
    ],
)
def test_an_effect_names_its_address_and_nothing_that_was_said(
    handler: str, params: dict[str, Any], operation: str, address: int | str | None
) -> None:
    """Chat, host and path without query, file, collection, shortcode or custom handler."""
    found = effect(handler, params)

    expected = audit.Effect("ex_1", CHAT, "A", handler, operation, address, "ex_1:id of A", 1, "began")
    assert expected == found
    assert b"said" not in msgspec.json.encode(found)


def test_an_address_is_the_one_that_the_call_goes_to() -> None:
    """Of params with placeholders, what they were filled in with; text that is very long is cut."""
    found = effect("file_operation", {"operation": "read", "file_path": "{context.x}"}, {"x": "a\u202e.txt"})
    long = effect("file_operation", {"operation": "read", "file_path": "x" * 10_000})

    assert found is not None
    assert long is not None
    assert ("a\u202e.txt", "x" * (TEXT_CHARS_MAX - 1) + "…") == (found.address, long.address)


@pytest.mark.parametrize(
    ("handler", "params"),
    [
        ("log", {"message": "x"}),
        ("delay", {"seconds": 1}),
        ("set_context", {"key": "a", "value": 1}),
        ("get_context", {"key": "a"}),
        ("condition_check", {"condition": "1"}),
    ],
)
def test_what_stays_in_the_run_is_no_effect(handler: str, params: dict[str, Any]) -> None:
    """The journal tells of it."""
    assert None is effect(handler, params)


def test_each_task_of_a_group_is_an_effect_of_its_own() -> None:
    """The group itself is none."""
    tasks = [task("A"), task("B", handler="log", params={"message": "x"}), task("C")]
    found = read(AUDITOR.entries(*begun(group("G", *tasks))))

    assert ["G/A", "G/C"] == [entry.step for entry in found if isinstance(entry, audit.Effect)]


def test_each_attempt_is_told_when_it_begins_and_when_it_ends() -> None:
    """With one key for all attempts at a step. A retry that is only planned, and the end of the step, add nothing."""
    board, events = begun(step("A", retry_count=1))
    for fact in (
        e.StepErred(2.0, "A", 1, "timeout", "said"),
        e.Ticked(100.0),
        e.StepErred(101.0, "A", 2, "x" * 1_000, "said"),
    ):
        events += advance(board, fact)
    found = [entry for entry in read(AUDITOR.entries(board, events)) if isinstance(entry, audit.Effect)]

    assert isinstance(events[-1], e.Finished)
    assert [
        (1, "began", ""),
        (1, "failed", "timeout"),
        (2, "began", ""),
        (2, "failed", "x" * (TEXT_CHARS_MAX - 1) + "…"),
    ] == [(entry.attempt, entry.outcome, entry.code) for entry in found]
    assert {"ex_1:id of A"} == {entry.key for entry in found}


def test_an_attempt_whose_process_ended_has_begun_and_has_no_outcome() -> None:
    """It is told again when it is made again."""
    board, events = begun(step("A"))
    events += advance(board, e.RunnerLost(2.0))
    events += advance(board, e.StepSucceeded(3.0, "A", 1, "said"))
    found = read(AUDITOR.entries(board, events))

    assert ["began", "began", "succeeded"] == [entry.outcome for entry in found if isinstance(entry, audit.Effect)]


def test_what_people_do_to_a_run_is_told() -> None:
    """Pause, resume, cancel, and the answer to a lost attempt."""
    board, events = begun(step("A", on_crash="ask"))
    for fact in (
        e.RunnerLost(2.0),
        e.Signalled(3.0, "A", "on_crash", "retry"),
        e.Paused(4.0),
        e.Resumed(5.0),
        e.Cancelled(6.0, "said"),
    ):
        events += advance(board, fact)
    found = read(AUDITOR.entries(board, events))

    assert [
        audit.Steered("ex_1", "answered", "retry"),
        audit.Steered("ex_1", "paused"),
        audit.Steered("ex_1", "resumed"),
        audit.Steered("ex_1", "cancelled"),
    ] == [entry for entry in found if isinstance(entry, audit.Steered)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = ["chat_id", "url", "method", "json", "operation", "file_path", "collection", "shortcode", "params", "text"]
URLS = st.text("htps:/.?#@[]1a%\\\n", max_size=20).map("http://".__add__)


@given(
    st.sampled_from(["send_message", "api_call", "file_operation", "database_operation", "execute_shortcode", "work"]),
    st.dictionaries(st.sampled_from(NAMES), JSON | URLS, max_size=6),
)
def test_whatever_params_are_they_can_be_told(handler: str, params: dict[str, Any]) -> None:
    """The audit is in the way of no run: what is stored can be read again."""
    board, events = begun(step("A", handler=handler, params=params))
    msgspec.json.encode(events)

    assert len(AUDITOR.entries(board, events)) == len(read(AUDITOR.entries(board, events))) <= 1
