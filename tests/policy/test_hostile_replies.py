"""Replies that somebody else has had a hand in: what they do, and that the same without the trick works.

Each line of the corpus holds a hostile reply and a benign twin that differs in the one point tested, and says what each
of them changes in the world (`ground.py`): everything that is there afterwards and was not before, and nothing else.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from unicodedata import category

import msgspec
import pytest

from syncara import MultiStepProcessor
from syncara.handlers.communication import ConsoleMessenger
from syncara.testing import MemoryStore
from tests.policy.ground import CARD, MINE, PUBLIC, TOKEN, Ground, World, difference, ground_in

CORPUS = Path(__file__).with_name("corpus") / "replies.jsonl"
LINES_MIN = 200

OWN = ("WF5", "ST5", "RUN5", "HELD5", "ASK5", "MADE")
"""The ids that chat 5 may be shown."""
UNSEEN = ("Cc", "Cf", "Zl", "Zp")
"""Categories of characters that steer text."""

Act = str | dict[str, Any]
"""A reply in chat 5, or `approve`, or an object: a reply elsewhere, or something that the developer does."""


class Line(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    kind: str
    reason: str
    hostile: list[Act]
    twin: list[Act]
    does: list[str] = []
    """All that the hostile reply changes."""
    twin_does: list[str] = []
    before: list[Act] = []
    """What has happened in chat 5 already."""
    policy: dict[str, Any] = {}
    asks: list[str] = []
    """What the question for the approval must show."""


LINES = [msgspec.json.decode(line, type=Line) for line in CORPUS.read_text("utf-8").splitlines()]
EACH = pytest.mark.parametrize("line", [pytest.param(line, id=line.id) for line in LINES])


async def act(ground: Ground, what: Act) -> str:
    """Do it; returns all that is said about it, to the chat and to the model."""
    if what == "approve":
        await ground.approve()
        return ""
    if isinstance(what, str):
        what = {"reply": what}
    if "start" in what:
        await ground.bot.execute_workflow(ground.filled(what["start"]), what.get("context"), chat_id=MINE)
        await ground.settle()
        return ""
    if "give" in what:
        given = await ground.bot.give_command(what["give"], what["fields"], chat_id=MINE)
        await ground.settle()
        ground.names["MADE"] = next(each.id for each in ground.bot.list_workflows() if each.name == "Made")
        return given.text
    reply = await ground.reply(what["reply"], what.get("chat", MINE), what.get("user", MINE), what.get("message"))
    return f"{reply.text}\n{reply.note}"


async def done(ground: Ground, line: Line, acts: list[Act]) -> tuple[list[str], str]:
    """What they change, and what is said about it."""
    for each in line.before:
        await act(ground, each)
    before = ground.facts()
    said = [await act(ground, each) for each in acts]
    return difference(before, ground.facts()), "\n".join(said)


# The corpus.


def test_the_corpus_holds_many_lines_each_of_its_own() -> None:
    """Each has its own id and reason, and a twin that is not the same and does something."""
    assert LINES_MIN <= len(LINES)
    for names in ([line.id for line in LINES], [f"{line.kind}: {line.reason}" for line in LINES]):
        assert [] == [name for name, count in Counter(names).items() if count > 1]
    assert [] == [line.id for line in LINES if line.hostile == line.twin or not line.twin_does]


@EACH
async def test_a_hostile_reply_does_no_harm(
    line: Line, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes exactly what the line says: for most nothing at all, or a run that waits for a person."""
    async with ground_in(tmp_path, world, monkeypatch, line.policy) as ground:
        changed, said = await done(ground, line, line.hostile)
        written = ground.filled(json.dumps(line.hostile, ensure_ascii=False))

        assert expected(ground, line.does) == changed
        assert [] == [mark for mark in foreign(ground) if mark in said and mark not in written]


@EACH
async def test_its_benign_twin_works(line: Line, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without the trick does what it says, so what refuses the other is not in its way."""
    async with ground_in(tmp_path, world, monkeypatch, line.policy) as ground:
        changed, _ = await done(ground, line, line.twin)

        assert expected(ground, line.twin_does) == changed


def expected(ground: Ground, facts: list[str]) -> list[str]:
    return sorted(ground.filled(fact) for fact in facts)


def foreign(ground: Ground) -> list[str]:
    """What belongs to others, and is to be seen in no answer."""
    ids = [value for name, value in ground.names.items() if name not in OWN]
    return [*ids, "Payroll", "Sauna", "Club", "Nightly", str(CARD), TOKEN]


# What a person is asked.


@pytest.mark.parametrize("line", [pytest.param(line, id=line.id) for line in LINES if line.asks])
async def test_the_question_shows_what_is_approved(
    line: Line, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names what the line says, hides and turns nothing, and has no more lines than its twin for as many effects."""
    async with ground_in(tmp_path, world, monkeypatch) as ground:
        question, effects = await asked(ground, line.hostile)
        twins, twins_effects = await asked(ground, line.twin)

    assert [] == [shown for shown in line.asks if shown not in question]
    assert [] == [character for character in question if character != "\n" and category(character) in UNSEEN]
    assert question.count("\n") == twins.count("\n") or effects != twins_effects


async def asked(ground: Ground, acts: list[Act]) -> tuple[str, int]:
    """The question that the last one of some replies has led to, and how many effects it is about."""
    for each in acts:
        await act(ground, each)
    approval = next(each for each in ground.bot.list_approvals(MINE) if each.id not in ground.names.values())
    key = f"{approval.execution_id}:announce:(approval)"
    while key not in ground.chats.keys:
        await ground.chats.until(len(ground.chats.sent) + 1)
    return ground.chats.sent[ground.chats.keys.index(key)][1], len(approval.effects)


# What the corpus cannot say.

GREET = """
[MULTISTEP:CREATE_WORKFLOW:X]
[MULTISTEP:ADD_STEP:X:A:greet:{"user":"ana"}]
[MULTISTEP:SCHEDULED_WORKFLOW:X:1h]
"""
BAN = GREET.replace("greet", "ban_user")
FREE = {"send_to": [6], "web": {"*": "allow"}, "files": "allow", "collections": {"own": "allow"}}
HARM = """
[MULTISTEP:QUICK_WORKFLOW:X:[
 {"name":"Tell","handler":"send_message","params":{"text":"hi","chat_id":6}},
 {"name":"Call","handler":"api_call","params":{"url":"http://a.example.com/"}},
 {"name":"Write","handler":"file_operation","params":{"operation":"write","file_path":"new.txt","content":"x"}},
 {"name":"Forget","handler":"database_operation","params":{"operation":"delete","collection":"notes","query":{}}}]]
[MULTISTEP:DELETE_WORKFLOW:Tea]
"""


async def changes(ground: Ground, *acts: Act) -> list[str]:
    before = ground.facts()
    for each in acts:
        await act(ground, each)
    return difference(before, ground.facts())


async def test_what_a_policy_lets_through_is_seen(ground: Ground) -> None:
    """The world would show a message elsewhere, a call, a file, a document that is gone, a changed definition."""
    await ground.restart(FREE)

    assert [
        '- document of chat 5 in notes: {"text":"of Tea"}',
        "- workflow Tea of 5: Wait (delay), Tell (send_message)",
        "asked a.example.com for GET /",
        f"connected to {PUBLIC}:80",
        "file workspace/chats/number-5/new.txt: x",
        "looked up a.example.com",
        "run of X in 5: completed",
        "sent 6: hi",
        "workflow X of 5: Tell (send_message), Call (api_call), Write (file_operation), Forget (database_operation)",
    ] == await changes(ground, HARM)


async def test_a_run_that_waited_is_held_to_the_policy_of_now(ground: Ground) -> None:
    """What was allowed when it was asked for, and is denied when it begins, is not done."""
    await ground.reply(GREET)
    ground.clock.advance(3_600)
    await ground.restart({"handlers": {"greet": "deny"}})

    assert ("failed", "denied") == await ended(ground)
    assert [] == ground.called


async def test_an_approval_does_not_outlast_a_denial(ground: Ground) -> None:
    """A plan that was approved meets the policy of the moment at each call."""
    await ground.reply(BAN)
    await ground.approve()
    ground.clock.advance(3_600)
    await ground.restart({"handlers": {"ban_user": "deny"}})

    assert ("failed", "denied") == await ended(ground)
    assert [] == ground.called


async def test_who_is_no_member_any_more_gets_nothing_done(ground: Ground) -> None:
    """The role of whoever asked is that of the moment, too."""
    await ground.reply(GREET)
    ground.clock.advance(3_600)
    await ground.restart({"members": [1]})

    assert ("failed", "denied") == await ended(ground)
    assert [] == ground.called


async def ended(ground: Ground) -> tuple[str, str]:
    """The status and the code that the chat's latest run ends with."""
    run = await ground.bot.wait(ground.bot.list_executions(chat_id=MINE)[0].id, 10)
    return run.status, run.code


async def test_what_the_developer_starts_counts_as_approved(ground: Ground) -> None:
    """A workflow that an assistant wrote too; it stays in the folder of its chat, and a denial still holds."""
    later = ground.bot.get_execution(ground.names["HELD5"]).workflow_id
    written = ["file workspace/chats/number-5/later.txt: of Tea", "run of Later in 5: completed"]

    assert written == await changes(ground, {"start": later})
    await ground.restart({"handlers": {"file_operation": "deny"}})
    assert ["run of Later in 5: failed"] == await changes(ground, {"start": later})


async def test_a_message_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What a workflow sends to the console stays text, beside the question for an approval that waits there."""
    await ConsoleMessenger().send(MINE, "Tea\x1b[2J\x1b]0;x\x07\x9b2J\r, ready\nfor two", idempotency_key="key")
    printed = capsys.readouterr().out

    assert "Tea" in printed
    assert [] == [character for character in printed if character != "\n" and category(character) in UNSEEN]


def test_a_wrong_reply_costs_as_much_as_it_is_long() -> None:
    """Twice as many wrong steps take about twice the work, corrections included, so that no reply stops the bot."""
    bot = MultiStepProcessor(store=MemoryStore(), documents=None)
    short, long = (calls(partial(bot.check_reply, wrong(count), chat_id=MINE)) for count in (50, 100))
    bot.close()

    assert long < short * 3


def wrong(steps: int) -> str:
    made = [{"name": f"S{n}", "handler": "lgo", "params": {"message": "x"}} for n in range(steps)]
    return f"[MULTISTEP:QUICK_WORKFLOW:X:{json.dumps(made)}]"


def calls(work: Callable[[], object]) -> int:
    """How many functions are called meanwhile."""
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    work()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count
