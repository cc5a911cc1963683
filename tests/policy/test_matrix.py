"""Who may do what to whose: every command, for every role, on what is the chat's own, another's, or not there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from syncara import NotFoundError
from syncara.commands import COMMANDS
from syncara.shortcodes.outcome import Reply
from tests.policy.ground import CARD, GROUP, MINE, OTHER, TEXT, Ground, World, difference, ground_in

USERS = {"owner": 1, "approver": 2, "member": 3, "stranger": 4}
POLICY: dict[str, Any] = {"owners": [1], "chat": [{"id": MINE, "approvers": [2], "members": [3]}]}
WORKFLOW = {
    "MULTISTEP:SHOW": "[MULTISTEP:SHOW:ID]",
    "MULTISTEP:PREVIEW": "[MULTISTEP:PREVIEW:ID]",
    "MULTISTEP:EXECUTE": "[MULTISTEP:EXECUTE:ID]",
    "MULTISTEP:SCHEDULED_WORKFLOW": "[MULTISTEP:SCHEDULED_WORKFLOW:ID:1h]",
    "MULTISTEP:ADD_STEP": '[MULTISTEP:ADD_STEP:ID:More:log:{"message":"hi"}]',
    "MULTISTEP:DELETE_WORKFLOW": "[MULTISTEP:DELETE_WORKFLOW:ID]",
}
RUN = {
    "MULTISTEP:STATUS": "[MULTISTEP:STATUS:ID]",
    "MULTISTEP:PROGRESS": "[MULTISTEP:PROGRESS:ID]",
    "MULTISTEP:WHY": "[MULTISTEP:WHY:ID:Tell]",
    "MULTISTEP:CANCEL": "[MULTISTEP:CANCEL:ID]",
    "MULTISTEP:PAUSE": "[MULTISTEP:PAUSE:ID]",
    "MULTISTEP:RESUME": "[MULTISTEP:RESUME:ID]",
    "MULTISTEP:UNSCHEDULE": "[MULTISTEP:UNSCHEDULE:ID]",
}
NONE = {
    "MULTISTEP:CREATE_WORKFLOW": "[MULTISTEP:CREATE_WORKFLOW:New]",
    "MULTISTEP:QUICK_WORKFLOW": '[MULTISTEP:QUICK_WORKFLOW:New:[{"name":"A","handler":"greet","params":{}}]]',
    "MULTISTEP:BATCH_PROCESS": '[MULTISTEP:BATCH_PROCESS:log:[{"message":"x"}]]',
    "MULTISTEP:TEMPLATE_WORKFLOW": '[MULTISTEP:TEMPLATE_WORKFLOW:notification_flow:{"message":"x"}]',
    "MULTISTEP:LIST_WORKFLOWS": "[MULTISTEP:LIST_WORKFLOWS]",
    "MULTISTEP:LIST_EXECUTIONS": "[MULTISTEP:LIST_EXECUTIONS]",
    "MULTISTEP:HELP": "[MULTISTEP:HELP]",
    "GROUP:PIN_MESSAGE": "[GROUP:PIN_MESSAGE:7]",
}
"""A code for every command, by what it is about; `ID` is to be filled in."""
CODES = {**WORKFLOW, **RUN, **NONE}
WHOSE = {"another person's": 6, "the same id as text": 55, "a group's": 100, "the developer's": 0}
PREPARED = {
    "MULTISTEP:RESUME": "[MULTISTEP:PAUSE:<RUN5>]",
    "MULTISTEP:UNSCHEDULE": "[MULTISTEP:SCHEDULED_WORKFLOW:<WF5>:1h]",
}
"""What makes the chat's own run fit for a command."""


def of(shortcode: str, number: int) -> str:
    """The name of the id that a command is tried on: of chat 5, 6 … (0: the developer)."""
    return f"WF{number}" if shortcode in WORKFLOW else f"RUN{number}"


def told(reply: Reply) -> tuple[Any, ...]:
    """All that a reply says."""
    outcomes = [(each.shortcode, each.ok, each.text) for each in reply.outcomes]
    return reply.ok, reply.text, reply.note, reply.errors, outcomes, reply.execution_ids, reply.approval_ids


async def ask(ground: Ground, shortcode: str, id_: str, user_id: int) -> tuple[Reply, list[str]]:
    """What comes of a command, and what it changes."""
    before = ground.facts()
    reply = await ground.reply(CODES[shortcode].replace("ID", id_), MINE, user_id)
    return reply, difference(before, ground.facts())


def test_the_matrix_has_every_command() -> None:
    """A new command needs a row here."""
    assert set(COMMANDS) == set(CODES)


@pytest.mark.parametrize("role", USERS)
@pytest.mark.parametrize("shortcode", [*WORKFLOW, *RUN])
async def test_what_is_anothers_is_answered_as_if_it_were_not_there(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch, shortcode: str, role: str
) -> None:
    """Word for word as in a world that has only this chat, whoever asks, for reading as for acting; nothing changes."""
    answers = []
    for number, where in enumerate((world, world.alone())):
        async with ground_in(tmp_path / str(number), where, monkeypatch, POLICY) as ground:
            replies = [
                await ask(ground, shortcode, ground.names[of(shortcode, n)], USERS[role]) for n in WHOSE.values()
            ]
            answers.append([told(reply) for reply, _ in replies])

            assert [(False, [])] * len(WHOSE) == [(reply.ok, changed) for reply, changed in replies]

    assert answers[1] == answers[0]


@pytest.mark.parametrize("role", ["owner", "approver", "member"])
@pytest.mark.parametrize("shortcode", CODES)
async def test_what_is_the_chats_own_can_be_read_and_changed(ground: Ground, shortcode: str, role: str) -> None:
    """Reading changes nothing; the rest changes what is in the chat, or waits for a person."""
    if shortcode in PREPARED:
        await ground.reply(PREPARED[shortcode])
    await ground.restart(POLICY)
    own = "execution_id" if shortcode == "MULTISTEP:UNSCHEDULE" else ground.names[of(shortcode, 5)]
    reply, changed = await ask(ground, shortcode, own, USERS[role])

    assert reply.ok
    assert (COMMANDS[shortcode].kind == "reads") is (changed == [])
    assert [] == [fact for fact in changed if " 5:" not in fact and not fact.startswith(("notified", "called"))]


@pytest.mark.parametrize("role", ["owner", "approver", "member"])
async def test_what_an_owner_wishes_waits_for_approval_too(ground: Ground, role: str) -> None:
    """A reply is untrusted, whoever asked for it."""
    await ground.restart(POLICY)
    reply, changed = await ask(ground, "GROUP:PIN_MESSAGE", "", USERS[role])

    assert ["awaiting_approval"] == [ground.bot.get_execution(run).status for run in reply.execution_ids]
    assert [] == [fact for fact in changed if fact.startswith("pinned")]


@pytest.mark.parametrize("shortcode", CODES)
async def test_a_stranger_gets_nothing_and_learns_nothing(ground: Ground, shortcode: str) -> None:
    """What there is and what there is not is refused in the same words."""
    await ground.restart(POLICY)
    replies = [await ask(ground, shortcode, id_, USERS["stranger"]) for id_ in (ground.names[of(shortcode, 5)], "wf_0")]
    problems = [[(each.code, each.message, each.fix) for each in reply.errors] for reply, _ in replies]

    assert [(False, []), (False, [])] == [(reply.ok, changed) for reply, changed in replies]
    assert ["not_allowed"] == [code for code, _, _ in problems[0]]
    assert problems[0] == problems[1]
    assert replies[0][0].text == replies[1][0].text


@pytest.mark.parametrize("kinds", [["reads"], ["makes"], ["acts"], ["reads", "makes"], []])
async def test_a_role_may_ask_for_the_kinds_that_it_is_left(ground: Ground, kinds: list[str]) -> None:
    """What else it asks for changes nothing."""
    await ground.restart({"owners": [1], "role": {"member": {"commands": kinds}}})
    for shortcode, command in COMMANDS.items():
        if command.kind not in kinds:
            reply, changed = await ask(ground, shortcode, ground.names[of(shortcode, 5)], USERS["member"])

            assert (shortcode, ["not_allowed"], []) == (shortcode, [each.code for each in reply.errors], changed)


async def test_lists_show_what_is_the_chats_own(ground: Ground) -> None:
    """Of workflows and of runs, on every page."""
    for chat, names in ((MINE, {"Tea"}), (OTHER, {"Payroll"}), (TEXT, {"Sauna"}), (GROUP, {"Club"})):
        for code in (NONE["MULTISTEP:LIST_WORKFLOWS"], NONE["MULTISTEP:LIST_EXECUTIONS"]):
            text = (await ground.reply(code, chat, chat)).text
            shown = {name for name in ("Tea", "Payroll", "Sauna", "Club", "Nightly") if name in text}

            assert (chat, names) == (chat, shown)


async def test_buttons_reach_what_is_their_chats_own(ground: Ground) -> None:
    """A command that the program gives for a chat finds nothing of another one."""
    before = ground.facts()
    for chat, run in ((MINE, "RUN6"), (OTHER, "RUN5"), (TEXT, "RUN5"), (MINE, "RUN55")):
        with pytest.raises(NotFoundError):
            await ground.bot.give_command("MULTISTEP:CANCEL", {"execution_id": ground.names[run]}, chat_id=chat)

    assert before == ground.facts()


def test_the_program_lists_runs_and_approvals_by_chat(world: World) -> None:
    """5 and "5" are two chats; without a chat the developer sees all."""

    async def seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[set[Any], set[Any]]]:
        async with ground_in(folder, world, monkeypatch) as ground:
            return [
                (
                    {run.chat_id for run in ground.bot.list_executions(chat_id=chat)},
                    {approval.chat_id for approval in ground.bot.list_approvals(chat)},
                )
                for chat in (MINE, TEXT, OTHER, 7, None)
            ]

    with pytest.MonkeyPatch.context() as monkeypatch:
        found = asyncio.run(seen(world.folder.with_name("listed"), monkeypatch))

    assert [({MINE}, {MINE}), ({TEXT}, {TEXT}), ({OTHER}, {OTHER}), (set(), set())] == found[:4]
    assert ({MINE, TEXT, OTHER, GROUP, None}, {MINE, TEXT, OTHER, GROUP}) == found[4]


# Documents.

FIND = """
[MULTISTEP:QUICK_WORKFLOW:Look:[
 {"name":"Find","handler":"database_operation","params":{"operation":"find","collection":"NAME","projection":{"_id":0}}}]]
"""
INSERT = """
[MULTISTEP:QUICK_WORKFLOW:Keep:[
 {"name":"Put","handler":"database_operation","params":{"operation":"insert","collection":"NAME","data":{"text":"new"}}}]]
"""


async def found(ground: Ground, collection: str, chat_id: Any = MINE) -> Any:
    """What an assistant's run in a chat finds."""
    reply = await ground.reply(FIND.replace("NAME", collection), chat_id, chat_id)
    result = ground.bot.get_execution(reply.execution_ids[0]).steps["Find"].result
    return None if result is None else result.data


async def test_each_chat_finds_its_own_documents(ground: Ground) -> None:
    """Four chats and the developer have a collection of one name, and none sees another's."""
    named = ((MINE, "Tea"), (OTHER, "Payroll"), (TEXT, "Sauna"), (GROUP, "Club"))

    assert [[{"text": f"of {name}"}] for _, name in named] == [await found(ground, "notes", chat) for chat, _ in named]
    assert [] == await found(ground, "notes", 7)
    assert [] == await found(ground, "users")
    assert [{"name": "Ana", "card": CARD}] == [
        {"name": each["name"], "card": each["card"]} for each in await ground.bot.documents.find("notes", {})
    ]


async def test_what_a_chat_keeps_is_its_own(ground: Ground) -> None:
    """A document that an assistant inserts is in no other chat, and not among the developer's."""
    await ground.reply(INSERT.replace("NAME", "users"))

    assert [{"text": "new"}] == await found(ground, "users")
    assert [[], [], []] == [await found(ground, "users", chat) for chat in (OTHER, TEXT, GROUP)]
    assert 1 == len(await ground.bot.documents.find("users", {}))


@pytest.mark.parametrize(
    ("chat_id", "expected"), [(MINE, [{"name": "Ana", "card": CARD}]), (OTHER, []), (TEXT, []), (GROUP, [])]
)
async def test_a_collection_is_shared_where_the_policy_says_so(
    ground: Ground, chat_id: Any, expected: list[Mapping[str, Any]]
) -> None:
    """The chat that shares it finds the developer's documents; the others their own."""
    await ground.restart({"chat": [{"id": MINE, "collections": {"shared": {"users": ["find"]}}}]})

    assert expected == await found(ground, "users", chat_id)


async def test_a_shared_collection_can_be_what_only_some_operations_need_no_person_for(ground: Ground) -> None:
    """Inserting, which the line does not name, waits, and the person of the chat may not say yes to it."""
    await ground.restart({"collections": {"shared": {"users": ["find"]}}})
    reply = await ground.reply(INSERT.replace("NAME", "users"))
    await ground.approve()

    assert "awaiting_approval" == ground.bot.get_execution(reply.execution_ids[0]).status
    assert 1 == len(await ground.bot.documents.find("users", {}))


# Files.


READ = """
[MULTISTEP:QUICK_WORKFLOW:Look:[
 {"name":"Read","handler":"file_operation","params":{"operation":"read","file_path":"PATH"}}]]
"""


async def test_each_chat_reads_its_own_files(ground: Ground) -> None:
    """Of one name there are several."""
    await ground.restart({"files": "allow"})
    named = ((MINE, "Tea"), (OTHER, "Payroll"), (TEXT, "Sauna"))
    replies = [await ground.reply(READ.replace("PATH", "own.txt"), chat, chat) for chat, _ in named]
    results = [ground.bot.get_execution(reply.execution_ids[0]).steps["Read"].result for reply in replies]

    assert [f"of {name}" for _, name in named] == [result and result.data for result in results]


@pytest.mark.parametrize("path", ["../../secret.txt", "../number-6/own.txt", "/etc/hostname"])
async def test_no_path_leads_out_of_a_chats_folder(ground: Ground, path: str) -> None:
    """Whatever the policy allows."""
    await ground.restart({"files": "allow"})
    reply = await ground.reply(READ.replace("PATH", path))

    results = [ground.bot.get_execution(run).steps["Read"].result for run in reply.execution_ids]

    assert [] == [result for result in results if result is not None and result.success]


async def test_the_developers_runs_in_a_chat_are_the_developers(ground: Ground) -> None:
    """What Python starts for a chat finds the developer's documents and files: only replies are held to the chat's."""
    steps = [
        {"name": "Find", "handler": "database_operation", "params": {"operation": "find", "collection": "users"}},
        {"name": "Read", "handler": "file_operation", "params": {"operation": "read", "file_path": "secret.txt"}},
    ]
    run = await ground.bot.execute_workflow(ground.bot.define({"name": "Mine", "steps": steps}), chat_id=MINE)
    done = await ground.bot.wait(run, 10)

    found, read = done.steps["Find"].result, done.steps["Read"].result
    assert found is not None
    assert read is not None
    assert (1, f"card {CARD}") == (len(found.data), read.data)
