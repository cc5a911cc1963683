"""The journal's codec: events to bytes and back, with a checksum chain over an execution's entries."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from syncara.core.errors import DamagedError
from syncara.core.events import AnyEvent, Started

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[AnyEvent]).decode


def encode(events: Sequence[Any]) -> bytes:
    """The events of one transaction as a JSON array."""
    return _encode(events)


def chain(body: bytes, previous: int) -> int:
    """The checksum of an entry, given that of the entry before it (0 for the first)."""
    return zlib.crc32(body, previous)


def decode(rows: Iterable[tuple[int, int, bytes, int]], seq: int = 0, checksum: int = 0) -> list[AnyEvent]:
    """The events of consecutive stored entries `(seq, count, body, checksum)`, verified.

    `seq` and `checksum` continue from an earlier call. Raises DamagedError for a gap, a checksum that does not
    hold, or a body that is not what was written.
    """
    events: list[AnyEvent] = []
    for row_seq, count, body, stored in rows:
        checksum = chain(body, checksum)
        if row_seq != seq or stored != checksum:
            raise damaged(f"event {seq}: " + ("entries are missing" if row_seq != seq else "the checksum differs"))
        try:
            decoded = _decode(body)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise damaged(f"event {seq}: {error}") from error
        if len(decoded) != count:
            raise damaged(f"event {seq}: {len(decoded)} events where {count} were written")
        events += decoded
        seq += count
    return events


def first(events: Sequence[AnyEvent]) -> Started:
    """The event that a journal begins with. Raises DamagedError when it is another, or there is none."""
    if not events or not isinstance(events[0], Started):
        raise damaged("event 0: the journal does not begin with a start")
    return events[0]


def damaged(where: str) -> DamagedError:
    """The error for a journal that cannot be trusted."""
    return DamagedError(
        "journal_damaged",
        "the journal of this execution does not match its checksums; it is set aside and nothing of it runs",
        where=where,
        fix="restore the database from a backup, or start the workflow again",
    )
