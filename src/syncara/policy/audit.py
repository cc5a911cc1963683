"""The audit: what was asked, judged, answered and done in an assistant's name, as a chain of records.

An entry is a record of the kind `audit` under its number, 16 digits from 0000000000000001. Its body is the JSON object

    {"seq":1,"at":1750000000.0,"prev":"","entry":{"kind":"reply",...},"hash":"..."}

`hash` is the SHA-256, in hexadecimal, of the body's bytes up to the comma before `"hash"`; `prev` is the hash of the
entry before. So no entry can be changed, removed, moved or put in between without making all later ones anew. What was
said, and what is secret, is in none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from syncara.abc import Record, Unsealed
from syncara.core.errors import Problem
from syncara.core.model import Author
from syncara.policy.policy import Decision, Id

KIND = "audit"

Outcome = Literal["began", "succeeded", "failed"]


class _Entry(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind"):
    pass


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one code of a reply."""

    shortcode: str
    ok: bool
    id: str | None = None
    """Of the workflow, step or run that it made or is about."""


class ReplyTaken(_Entry, frozen=True, tag="reply"):
    """A reply with codes was carried out, or refused as a whole; or a command of the developer's was carried out.

    A call that steers a run which an assistant started is one: its `shortcode` is the name of the method, such as
    `pause_execution`, and `user_id` the account of whoever did that on the command line.
    """

    author: Author
    chat_id: Id | None
    user_id: Id | None
    message_id: Id | None
    text_hash: str
    """SHA-256 of the reply's text; empty for a command, which has none."""
    ok: bool
    commands: tuple[Command, ...]
    problems: tuple[str, ...] = ()
    """The codes of what was wrong."""


class PlanJudged(_Entry, frozen=True, tag="plan"):
    """The policy has judged what a run would do."""

    execution_id: str
    """Empty when the reply that asked for it was refused: then there is no run."""
    workflow_id: str
    plan_hash: str
    chat_id: Id | None
    user_id: Id | None
    """Who asked for it."""
    decision: Decision
    rule: str
    """The line that decided."""


class ApprovalAnswered(_Entry, frozen=True, tag="approval"):
    """A person approved or refused a plan."""

    approval_id: str
    execution_id: str
    plan_hash: str
    answer: Literal["approved", "refused"]
    user_id: Id | None
    """Who answered."""


class AnswerRefused(_Entry, frozen=True, tag="answer"):
    """Somebody tried to answer an approval, and nothing came of it."""

    approval_id: str
    execution_id: str
    answer: Literal["approve", "refuse"]
    user_id: Id | None
    """Who tried."""
    code: str
    """`not_allowed`, `expired`, `used` or `plan_changed`."""


class Effect(_Entry, frozen=True, tag="effect"):
    """An attempt at a step that reaches beyond its run.

    It is noted before the handler is called, and again when the attempt has ended. What came of one that only began is
    not known: it was cancelled, or its process ended.
    """

    execution_id: str
    chat_id: Id | None
    step: str
    handler: str
    operation: str
    """`send`, a method of HTTP, `read` …"""
    address: Id | None
    """A chat, host and path, a file, a collection, a shortcode, the name of a custom handler; None: none to name."""
    key: str
    """The idempotency key: the same for every attempt at the step."""
    attempt: int
    outcome: Outcome
    code: str = ""
    """What failed: the error's code."""


class Steered(_Entry, frozen=True, tag="steered"):
    """A run that an assistant started was paused, resumed or cancelled; the entry before says for whom."""

    execution_id: str
    what: Literal["paused", "resumed", "cancelled", "answered", "expired"]
    """`answered`: a person said how a lost attempt goes on. `expired`: nobody approved the plan in time."""
    answer: str = ""
    """`retry` or `fail`."""


Entry = ReplyTaken | PlanJudged | ApprovalAnswered | AnswerRefused | Effect | Steered


class Sealed(msgspec.Struct, frozen=True):
    """An entry in its place."""

    seq: int
    """Its number, from 1."""
    at: float
    """Unix time in seconds."""
    prev: str
    entry: Entry | None
    """None when it cannot be read; `verify` says what is wrong."""
    hash: str


class Head(NamedTuple):
    """The end of a chain: the number and the hash of its last entry."""

    seq: int
    hash: str


START = Head(0, "")


class Finding(NamedTuple):
    """How far a chain holds."""

    entries: int
    """How many are whole, from the first one on."""
    head: str
    """The hash of the last of them."""
    broken: Problem | None
    """The first break."""


# Writing.


def unsealed(at: float, entry: Entry) -> Unsealed:
    """What makes `entry` part of a transaction, among its changes. Raises UnicodeEncodeError for lone surrogates."""
    return Unsealed(at, msgspec.json.encode(entry))


def seal(told: Unsealed, previous: Head) -> Record:
    """The record of the entry that follows `previous`."""
    seq, at = previous.seq + 1, float(told.at)
    place = b'{"seq":%d,"at":%s,"prev":"%s","entry":' % (seq, msgspec.json.encode(at), previous.hash.encode())
    content = place + told.body
    return Record(KIND, _key(seq), at, content + _hashed(content))


def is_entry(record: Record) -> bool:
    """Whether the key is an entry's, whatever the content."""
    return _KEY.fullmatch(record.key) is not None


def head_of(entry: Record) -> Head:
    """The head of the chain that ends with an entry; of one without a hash that can be read, nothing stands for it."""
    found = _HASH.search(entry.body or b"")
    return Head(int(entry.key), found[1].decode() if found else "")


_KEY = re.compile(r"[0-9]{16}")
_HASH = re.compile(rb',"hash":"([0-9a-f]{64})"\}\Z')


def _key(seq: int) -> str:
    return f"{seq:016}"


def _hashed(content: bytes) -> bytes:
    """The end of the body that begins with `content`."""
    return b',"hash":"%s"}' % hashlib.sha256(content).hexdigest().encode()


# Reading.


class _Link(msgspec.Struct):
    """What every entry has, whatever its kind."""

    seq: int
    at: float
    prev: str


def decode(record: Record) -> Sealed:
    """The entry as it is stored, whether the chain holds or not."""
    try:
        return msgspec.json.decode(record.body or b"", type=Sealed)
    except ValueError:
        seq, hashed = head_of(record) if is_entry(record) else START
        return Sealed(seq, record.at, "", None, hashed)


def verify(records: Iterable[Record], noted: str = "") -> Finding:
    """Look for the first break in a chain: all records of the kind, in the order of their keys.

    noted: the hash of an entry, as it was noted elsewhere. It must be there, or entries were cut off or made anew.
    """
    head, met = START, not noted
    for record in records:
        following = _follow(record, head)
        if isinstance(following, Problem):
            return Finding(*head, following)
        head, met = following, met or following.hash == noted
    return Finding(*head, None if met else _not_met(noted))


def _follow(record: Record, head: Head) -> Head | Problem:
    """The head with one more entry, or what is wrong with the record."""
    seq, body = head.seq + 1, record.body or b""
    if record.key != _key(seq):
        return _problem("entry_missing", seq, f"it is missing; the next record has the key '{record.key}'")
    found = _HASH.search(body)
    if found is None or _hashed(body[: found.start()]) != found[0]:
        return _problem("entry_changed", seq, "its hash is not that of its content")
    try:
        link = msgspec.json.decode(body, type=_Link)
    except ValueError:
        return _problem("entry_changed", seq, "its content cannot be read")
    if (link.seq, link.at) != (seq, record.at):
        return _problem("entry_changed", seq, "its number or its time is not that of its content")
    if link.prev != head.hash:
        return _problem("entry_unlinked", seq, "it does not follow the entry before it: one of the two was made anew")
    return Head(seq, found[1].decode())


def _problem(code: str, seq: int, message: str) -> Problem:
    fix = "trust what comes before it; compare the rest with a backup" if seq > 1 else "compare it with a backup"
    return Problem(code, f"entry {seq}", message, fix)


def _not_met(noted: str) -> Problem:
    message = (
        f"no entry has the noted hash {noted}: entries were cut off at the end, or all from some point on made anew"
    )
    return Problem("head_missing", "the audit", message, "compare it with a backup from when the hash was noted")
