"""A policy that changes between a question, its answer and the run: an approval covers what it was asked about.

Chat 5's person approves a run that begins an hour later, and the bot comes back with another policy. Whatever needs
approval by then, and was not asked about as it is judged by then, is not done; its benign twin, where nothing changed
that matters, does what it says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from syncara import Approval, ExecutionStatus, MultiStepProcessor
from syncara.core.errors import ApprovalError
from syncara.policy.policy import Policy, read
from syncara.testing import FakeClock
from tests.core.build import step as made
from tests.handlers.server import redirect
from tests.policy.ground import MINE, OTHER, PUBLIC, Ground, difference
from tests.policy.test_judge import checked
from tests.replies.support import Chats

HOUR = 3_600
WRITE: dict[str, Any] = {
    "name": "Write",
    "handler": "file_operation",
    "params": {"operation": "write", "file_path": "new.txt", "content": "x"},
}
"""Needs the approval of the chat's person, whatever else the plan does."""
WROTE = "file workspace/chats/number-5/new.txt: x"


def one(handler: str, **params: Any) -> dict[str, Any]:
    return {"name": "Act", "handler": handler, "params": params}


def documents(operation: str, **params: Any) -> dict[str, Any]:
    return one("database_operation", operation=operation, collection="notes", **params)


FORGET = documents("delete", query={})
OVERWRITE = one("file_operation", operation="write", file_path="handbook/leave.md", content="x")
TELL = one("send_message", text="hi", chat_id=OTHER)
PUT = documents("insert", data={"name": "Eve"})
CALL = one("api_call", url="http://a.example.com/")
GREET = one("greet", user="ana")

GONE = '- document of chat 5 in notes: {"text":"of Tea"}'
SHARED = {"collections": {"shared": {"notes": ["find"]}}}
CALLED = ["asked a.example.com for GET /", f"connected to {PUBLIC}:80", "looked up a.example.com"]
SEND_TO = {"send_to": [OTHER]}
WEB = {"web": {"a.example.com": ["GET"]}}
CASES: list[Any] = [
    pytest.param(FORGET, {}, SHARED, [GONE], id="an own collection becomes a shared one"),
    pytest.param(
        OVERWRITE, {}, {"roots": "handbook"}, ["file workspace/chats/number-5/handbook/leave.md: x"], id="root"
    ),
    pytest.param(TELL, SEND_TO, {}, ["sent 6: hi"], id="another chat is no longer named"),
    pytest.param(
        PUT,
        {"collections": {"shared": {"notes": ["find", "insert"]}}},
        SHARED,
        ['document of all in notes: {"name":"Eve"}'],
        id="a shared collection may only be read",
    ),
    pytest.param(
        PUT, {}, {"collections": {"own": []}}, ['document of chat 5 in notes: {"name":"Eve"}'], id="own lines"
    ),
    pytest.param(CALL, WEB, {}, CALLED, id="a host is no longer named"),
    pytest.param(
        TELL, SEND_TO, {**SEND_TO, "role": {"approver": {"send_to": []}}}, ["sent 6: hi"], id="the role has less"
    ),
    pytest.param(
        GREET,
        {},
        {"handlers": {"greet": "approve"}},
        ['called greet {"user":"ana"}'],
        id="a handler is to be asked about",
    ),
]
"""A step, the policies before and after, and what the step does where nothing changes."""


def policy(ground: Ground, lines: Mapping[str, Any]) -> Mapping[str, Any]:
    """The lines, with the place of the one root that they may name."""
    if lines.get("roots") != "handbook":
        return lines
    folder = ground.workspace.parent / "handbook"
    folder.mkdir(exist_ok=True)
    return {"roots": {"handbook": {"path": str(folder), "files": ["read"]}}}


async def ask(ground: Ground, before: Mapping[str, Any], *steps: Mapping[str, Any]) -> Approval:
    """Ask for a run of the steps in an hour, under a policy; it waits for its approval."""
    (ground.workspace / "chats" / "number-5" / "handbook").mkdir()
    await ground.restart(policy(ground, before))
    added = [f"[MULTISTEP:ADD_STEP:X:{each['name']}:{each['handler']}:{json.dumps(each['params'])}]" for each in steps]
    codes = ["[MULTISTEP:CREATE_WORKFLOW:X]", *added, "[MULTISTEP:SCHEDULED_WORKFLOW:X:1h]"]
    reply = await ground.reply("\n".join(codes))
    return ground.bot.get_approval(reply.approval_ids[0])


async def begin(ground: Ground, after: Mapping[str, Any]) -> list[str]:
    """Come back with a policy when the run is due; what it does, beside what the chats' other runs say meanwhile."""
    facts = ground.facts()
    ground.clock.advance(HOUR)
    await ground.restart(policy(ground, after))
    await ground.bot.wait(ground.bot.list_executions(chat_id=MINE)[0].id, 10)
    found = difference(facts, ground.facts())
    return [fact for fact in found if "run of " not in fact and not fact.endswith(" is ready")]


async def code(answer: Any) -> str:
    """How an answer is refused, or "approved"."""
    try:
        return str((await answer).status)
    except ApprovalError as error:
        return error.code


@pytest.mark.parametrize(("step", "before", "after", "does"), CASES)
async def test_an_approval_covers_what_it_was_asked_about(
    ground: Ground, step: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], does: list[str]
) -> None:
    """What was judged otherwise then is not done now, and what was asked about as it is judged now is."""
    await ask(ground, before, WRITE, step)
    await ground.approve()

    assert [WROTE] == await begin(ground, after)
    assert "not_approved" in str(ground.bot.list_executions(chat_id=MINE)[0].error)


@pytest.mark.parametrize(("step", "before", "after", "does"), CASES)
async def test_under_the_same_policy_the_approved_plan_runs_as_a_whole(
    ground: Ground, step: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], does: list[str]
) -> None:
    """What it was asked about, and what needed no asking."""
    await ask(ground, before, WRITE, step)
    await ground.approve()

    assert sorted([WROTE, *does]) == await begin(ground, before)


@pytest.mark.parametrize(("step", "before", "after", "does"), CASES)
async def test_what_was_not_asked_about_cannot_be_approved(
    ground: Ground, step: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], does: list[str]
) -> None:
    """The policy that changed while the question waited: the answer is refused, and nothing of the plan is done."""
    waiting = await ask(ground, before, WRITE, step)
    await ground.restart(policy(ground, after))
    said = [await code(ground.bot.approve(waiting.id, user_id=MINE))]
    said.append(await code(ground.bot.answer_approval(waiting.id, approve=True)))

    assert said[0] in ("plan_changed", "not_allowed")
    assert ["plan_changed", "pending"] == [said[1], ground.bot.get_approval(waiting.id).status]
    assert [] == await begin(ground, after)


async def test_a_denial_since_the_question_is_a_change(ground: Ground) -> None:
    """Nobody approves a plan of which a part cannot run; what is refused can still be refused by the person."""
    waiting = await ask(ground, {}, WRITE)
    denied = {"handlers": {"file_operation": "deny"}}
    await ground.restart(denied)

    assert "plan_changed" == await code(ground.bot.approve(waiting.id, user_id=MINE))
    assert "refused" == (await ground.bot.refuse(waiting.id, user_id=MINE)).status
    assert [] == await begin(ground, denied)


@pytest.mark.parametrize(("after", "answers"), [({}, ["approved"]), (SHARED, ["not_allowed", "plan_changed"])])
async def test_who_may_answer_is_decided_by_the_reach_of_now(
    ground: Ground, after: Mapping[str, Any], answers: list[str]
) -> None:
    """What reaches beyond the chat by now is for the owners, whoever the question named."""
    people = {"owners": [1], "chat": [{"id": MINE, "approvers": [MINE]}]}
    waiting = await ask(ground, people, FORGET)
    await ground.restart({**people, **after})

    assert (1, MINE) == waiting.approvers
    assert answers == [await code(ground.bot.approve(waiting.id, user_id=who)) for who in (MINE, 1)[: len(answers)]]


async def test_what_has_become_allowed_needs_no_new_question(ground: Ground) -> None:
    """Everything that still needs the approval was asked about."""
    await ask(ground, {}, WRITE, TELL)
    await ground.restart(SEND_TO)
    await ground.approve()

    assert sorted([WROTE, "sent 6: hi"]) == await begin(ground, SEND_TO)


async def test_what_needed_no_approval_when_it_was_given_has_none(ground: Ground) -> None:
    """Who answered may answer for what stays in the chat; for the rest an owner would have had to."""
    people = {"owners": [1], "chat": [{"id": MINE, "approvers": [MINE]}]}
    waiting = await ask(ground, people, WRITE, TELL)
    await ground.restart({**people, **SEND_TO})

    assert (1,) == waiting.approvers
    assert "approved" == await code(ground.bot.approve(waiting.id, user_id=MINE))
    assert [WROTE] == await begin(ground, people)


POST = one("api_call", url="http://a.example.com/again", method="POST")


@pytest.mark.parametrize(
    ("lines", "does"),
    [({"web": {"a.example.com": ["POST"]}}, ["POST"]), ({}, ["POST", "GET"])],
    ids=["allowed", "asked"],
)
async def test_an_approval_leads_redirects_to_no_site_that_it_does_not_name(
    ground: Ground, lines: Mapping[str, Any], does: list[str]
) -> None:
    """A call that the policy allows may do no more than that, in a plan that was approved for another step either."""
    ground.server.on("/again", redirect("http://a.example.com/", 303))
    await ask(ground, lines, WRITE, POST)
    await ground.approve()
    done = await begin(ground, lines)

    assert sorted(does) == sorted(fact.split()[3] for fact in done if fact.startswith("asked"))


@pytest.mark.parametrize(
    ("after", "does"), [({"handlers": {"greet": "deny"}}, []), ({}, ['called greet {"user":"ana"}'])]
)
async def test_what_the_developer_made_is_held_to_the_policy_of_now(
    ground: Ground, after: Mapping[str, Any], does: list[str]
) -> None:
    """When an assistant starts it, it is the assistant's, at every call."""
    for command, fields in (("CREATE_WORKFLOW", {"name": "Made"}), ("ADD_STEP", {"workflow_id": "Made", **GREET})):
        await ground.bot.give_command(f"MULTISTEP:{command}", fields, chat_id=MINE)
    await ground.reply("[MULTISTEP:SCHEDULED_WORKFLOW:Made:1h]")
    await begin(ground, after)

    assert does == ground.called


# At the call itself.


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        (["collection", "database_operation", "delete", "notes", True], None),
        (["collection", "database_operation", "delete", "notes", False], "not_approved"),
        (["collection", "database_operation", "delete", "notes", None], "not_approved"),
        (["collection", "database_operation", "delete", "users", True], "not_approved"),
        (["collection", "database_operation", "update", "notes", True], "not_approved"),
        (["collection", "report", "delete", "notes", True], "not_approved"),
        (["custom", "database_operation", "delete", "notes", True], "not_approved"),
    ],
)
def test_an_approval_is_for_the_effect_as_it_was_judged(covered: list[Any], expected: str | None) -> None:
    """In every part of it, and for that step alone."""
    forget = made("Forget", handler="database_operation", params={"operation": "delete", "collection": "notes"})

    assert expected == checked(Policy(), forget, forget.params, covers={"Forget": covered})
    assert "not_approved" == checked(Policy(), forget, forget.params, covers={"Other": covered})


# Without a bot.


@pytest.mark.parametrize(("after", "does"), [(SEND_TO, ["hi"]), ({}, [])])
async def test_a_terminal_without_the_bot_s_policy_approves_what_was_asked(
    tmp_path: Path, after: Mapping[str, Any], does: list[str]
) -> None:
    """Its own policy is not the bot's, and does not count; that of the bot which then runs the plan does."""
    clock, chats = FakeClock(), Chats()
    given: dict[str, Any] = {"workspace": tmp_path / "workspace", "announce": False}
    steps = json.dumps([WRITE, TELL])
    async with MultiStepProcessor(
        tmp_path / "bot.db", messenger=chats, clock=clock, policy=read(SEND_TO), **given
    ) as bot:
        reply = await bot.process_reply(f"[MULTISTEP:QUICK_WORKFLOW:X:{steps}]", chat_id=MINE, user_id=MINE)
    terminal = MultiStepProcessor(tmp_path / "bot.db", clock=clock, hands_off=True)
    assert "approved" == await code(terminal.answer_approval(reply.approval_ids[0], approve=True))
    await terminal.stop()
    async with MultiStepProcessor(
        tmp_path / "bot.db", messenger=chats, clock=clock, policy=read(after), **given
    ) as bot:
        run = await bot.wait(reply.execution_ids[0], 10)

    assert does == [text for chat, text in chats.sent if chat == OTHER]
    assert (ExecutionStatus.COMPLETED if does else ExecutionStatus.FAILED) == run.status
