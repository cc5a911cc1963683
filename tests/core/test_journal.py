"""The journal's codec: what is written comes back, and damage of any kind is noticed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.core import events as e
from syncara.core import journal
from syncara.core.errors import DamagedError
from tests.core.strategies import JSON

Row = tuple[int, int, bytes, int]

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TIME = st.floats(0, 1e12)
COUNT = st.integers(0, 2**31)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "float": TIME,
    "int": COUNT,
    "str": TEXT,
    "bool": st.booleans(),
    "Any": JSON,
    "dict[str, Any]": OBJECT,
    "dict[str, list[Any]]": st.dictionaries(TEXT, st.lists(JSON, max_size=3), max_size=3),
    "Covered": st.booleans() | st.dictionaries(TEXT, st.lists(JSON, max_size=3), min_size=1, max_size=3),
    "dict[str, Any] | None": st.none() | OBJECT,
    "tuple[str, ...]": st.lists(TEXT, max_size=3).map(tuple),
    "str | None": st.none() | TEXT,
    "float | None": st.none() | TIME,
    "Author": st.sampled_from(["developer", "ai"]),
}


def annotation(kind: type[e.Event], name: str) -> str:
    """The type of a field as it is written in the class that declares it."""
    return next(str(base.__annotations__[name]) for base in kind.__mro__ if name in base.__annotations__)


def made(kind: type[e.Event]) -> st.SearchStrategy[e.AnyEvent]:
    """Events of one kind with any values of the fields' types."""
    return st.builds(kind, **{name: BY_TYPE[annotation(kind, name)] for name in kind.__struct_fields__})  # type: ignore[arg-type]


EVENTS = st.sampled_from((*e.FACTS, *e.DECISIONS)).flatmap(made)


def rows(*entries: list[e.AnyEvent]) -> list[Row]:
    """The entries as they are stored."""
    stored: list[Row] = []
    seq = checksum = 0
    for entry in entries:
        body = journal.encode(entry)
        checksum = journal.chain(body, checksum)
        stored.append((seq, len(entry), body, checksum))
        seq += len(entry)
    return stored


def sealed(seq: int, count: int, body: bytes) -> Row:
    """A first entry whose checksum is right, whatever is in it."""
    return seq, count, body, journal.chain(body, 0)


STORED = rows([e.Paused(1.0), e.Resumed(2.0)], [e.StepSucceeded(3.0, "A", 1, {"x": 1})], [e.Cancelled(4.0, "enough")])


@pytest.mark.parametrize("kind", [*e.FACTS, *e.DECISIONS], ids=lambda kind: kind.__name__)
def test_every_kind_of_event_comes_back_as_it_was_written(kind: type[e.Event]) -> None:
    """Whatever values its fields hold."""

    @settings(max_examples=25)
    @given(made(kind))
    def comes_back(event: e.AnyEvent) -> None:
        (back,) = journal.decode(rows([event]))
        assert event == back
        assert msgspec.to_builtins(event) == msgspec.to_builtins(back)

    comes_back()


@settings(max_examples=50)
@given(st.lists(st.lists(EVENTS, min_size=1, max_size=3), max_size=4))
def test_transactions_come_back_in_order(entries: list[list[e.AnyEvent]]) -> None:
    """All entries one after the other give all events one after the other."""
    assert [event for entry in entries for event in entry] == journal.decode(rows(*entries))


@settings(max_examples=50)
@given(st.lists(st.lists(EVENTS, min_size=1, max_size=3), min_size=1, max_size=4), st.data())
def test_reading_can_go_on_where_it_stopped(entries: list[list[e.AnyEvent]], data: st.DataObject) -> None:
    """The rest is verified against the sequence number and the checksum of what was read."""
    stored = rows(*entries)
    cut = data.draw(st.integers(0, len(stored)))
    first = journal.decode(stored[:cut])
    checksum = stored[cut - 1][3] if cut else 0

    assert [event for entry in entries for event in entry] == first + journal.decode(stored[cut:], len(first), checksum)


def test_an_event_is_a_json_object_with_its_name() -> None:
    """Journals can be read without this program; what has its default value is left out."""
    body = journal.encode([e.StepSucceeded(3.5, "A", 1, {"x": None})])

    assert [{"event": "StepSucceeded", "at": 3.5, "step": "A", "attempt": 1, "data": {"x": None}}] == json.loads(body)


def test_events_are_frozen() -> None:
    """A fact does not change after it happened."""
    with pytest.raises(AttributeError):
        e.Paused(1.0).at = 2.0  # type: ignore[misc]


def test_an_empty_journal_has_no_events() -> None:
    """No entries, no damage."""
    assert [] == journal.decode([])


# Damage.


def damage(stored: list[Row]) -> str:
    """Where a damaged journal says that the damage is."""
    with pytest.raises(DamagedError) as raised:
        journal.decode(stored)
    assert "journal_damaged" == raised.value.code
    return raised.value.where


@settings(max_examples=200)
@given(st.integers(0, len(STORED) - 1), st.data())
def test_a_changed_bit_is_detected_at_its_entry(number: int, data: st.DataObject) -> None:
    """In any body or checksum, wherever it is."""
    seq, count, body, checksum = STORED[number]
    bit = data.draw(st.integers(0, 8 * len(body) + 31))
    if bit < 8 * len(body):
        changed = bytearray(body)
        changed[bit // 8] ^= 1 << bit % 8
        row = (seq, count, bytes(changed), checksum)
    else:
        row = (seq, count, body, checksum ^ 1 << bit - 8 * len(body))

    assert f"event {seq}: the checksum differs" == damage([*STORED[:number], row, *STORED[number + 1 :]])


@pytest.mark.parametrize(
    ("stored", "where"),
    [
        (STORED[1:], "event 0: entries are missing"),
        ([STORED[0], STORED[2]], "event 2: entries are missing"),
        ([STORED[0], STORED[0], STORED[1]], "event 2: entries are missing"),
        ([STORED[1], STORED[0], STORED[2]], "event 0: entries are missing"),
    ],
    ids=["first", "middle", "twice", "order"],
)
def test_missing_repeated_and_swapped_entries_are_detected(stored: list[Row], where: str) -> None:
    """The sequence numbers have no gap."""
    assert where == damage(stored)


def test_a_changed_sequence_number_is_detected() -> None:
    """Though nothing is missing and every checksum holds."""
    (_, count, body, checksum) = STORED[1]

    assert "event 2: entries are missing" == damage([STORED[0], (3, count, body, checksum), STORED[2]])


def test_a_replaced_entry_is_detected_though_its_own_checksum_holds() -> None:
    """Checksums are a chain: an entry of another journal does not fit behind this one's."""
    other = rows([e.Paused(1.0), e.Resumed(9.0)], [e.StepSucceeded(3.0, "A", 1, {"x": 2})])

    assert "event 2: the checksum differs" == damage([STORED[0], other[1], STORED[2]])


def test_a_removed_entry_is_detected_though_the_numbers_were_put_right() -> None:
    """The chain notices what the numbers hide."""
    (_, count, body, checksum) = STORED[2]

    assert "event 2: the checksum differs" == damage([STORED[0], (2, count, body, checksum)])


@pytest.mark.parametrize(
    ("count", "said"), [(1, "2 events where 1 were written"), (3, "2 events where 3 were written")]
)
def test_a_wrong_number_of_events_is_detected(count: int, said: str) -> None:
    """The count of an entry is held against what is in it."""
    seq, _, body, checksum = STORED[0]

    assert f"event 0: {said}" == damage([(seq, count, body, checksum)])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"{}",
        b"[1]",
        b'[{"at": 1.0}]',
        b'[{"event": "Unheard", "at": 1.0}]',
        b'[{"event": "Paused"}]',
        b'[{"event": "StepWoke", "at": 1.0, "step": 7}]',
        b"[" * 100_000,
    ],
    ids=lambda body: body[:40].decode(errors="replace"),
)
def test_a_body_that_holds_no_events_is_damage_though_its_checksum_holds(body: bytes) -> None:
    """Whatever it is: not JSON, no list, an unknown event, a missing field, a wrong type, endless depth."""
    assert damage([sealed(0, 1, body)]).startswith("event 0: ")


def test_damage_says_what_happens_and_what_to_do() -> None:
    """The execution is set aside; a backup or a new start helps."""
    with pytest.raises(DamagedError) as raised:
        journal.decode(STORED[1:])

    assert "it is set aside and nothing of it runs" in raised.value.message
    assert "restore the database from a backup" in raised.value.fix
