"""A reply is carried out as a whole, once, in its own chat."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from syncara import ExecutionStatus, MultiStepProcessor, ValidationError
from syncara.policy.audit import ReplyTaken
from syncara.policy.policy import read
from tests.replies.support import Chats, traces

CREATE = "[MULTISTEP:CREATE_WORKFLOW:Tea:Makes tea:600:2]"
BOIL = '[MULTISTEP:ADD_STEP:workflow_id:Boil:log:{"message":"boiling"}]'
POUR = '[MULTISTEP:ADD_STEP:workflow_id:Pour:log:{"message":"pouring"}:step1_id:60]'
EXECUTE = '[MULTISTEP:EXECUTE:workflow_id:{"guest":"Ana"}]'
TEA = f"I make tea.\n\n{CREATE}\n{BOIL}\n{POUR}\n{EXECUTE}\n\nIt is under way."


async def test_a_reply_makes_adds_and_runs_in_order(bot: MultiStepProcessor) -> None:
    """The codes of one reply build a workflow and start it; its steps are what was written."""
    reply = await bot.process_reply(TEA, chat_id=5, user_id=7, message_id=1)

    assert (True, (), None) == (reply.ok, reply.errors, reply.note)
    run = await bot.wait(reply.execution_ids[0], 10)
    assert (ExecutionStatus.COMPLETED, "Tea", {"guest": "Ana"}) == (run.status, run.workflow_name, run.context)
    assert (5, 7, 1) == (run.chat_id, run.user_id, run.message_id)
    boil, pour = bot.get_workflow(run.workflow_id).steps
    assert ((), (boil.id,), 60) == (boil.dependencies, pour.dependencies, pour.timeout)


async def test_the_text_keeps_its_prose_and_shows_no_code(bot: MultiStepProcessor) -> None:
    """Each code becomes a readable line; what stands around it stays."""
    reply = await bot.process_reply(TEA, chat_id=5)

    assert "[MULTISTEP" not in reply.text
    assert reply.text.startswith("I make tea.\n\n")
    assert reply.text.endswith("\n\nIt is under way.")
    assert [outcome.text for outcome in reply.outcomes] == reply.text.split("\n\n")[1].split("\n")


async def test_outcomes_carry_what_was_made(bot: MultiStepProcessor) -> None:
    """A workflow's, a step's or a run's id, in the order of the codes."""
    reply = await bot.process_reply(TEA, chat_id=5)
    run = bot.get_execution(reply.execution_ids[0])
    flow = bot.get_workflow(run.workflow_id)

    assert [flow.id, *(step.id for step in flow.steps), run.id] == [outcome.id for outcome in reply.outcomes]


async def test_a_reply_without_codes_is_left_as_it_is(bot: MultiStepProcessor) -> None:
    """Prose is prose, brackets included."""
    text = "See [1] and [the page](x). [NOTE: nothing runs]"
    reply = await bot.process_reply(text, chat_id=5, message_id=1)

    assert (True, text, ()) == (reply.ok, reply.text, reply.outcomes)


async def test_one_wrong_code_and_nothing_runs(bot: MultiStepProcessor) -> None:
    """A reply is checked as a whole before anything of it happens."""
    reply = await bot.process_reply(TEA.replace(":log:", ":lgo:", 1), chat_id=5, message_id=1)

    assert not reply.ok
    assert ["unknown_handler"] == [problem.code for problem in reply.errors]
    assert (0, 0, 0) == traces(bot)
    assert reply.note is not None
    assert "'log'" in reply.note
    assert "It is under way" not in reply.text


async def test_all_problems_are_told_at_once(bot: MultiStepProcessor) -> None:
    """The model gets one note with everything in it, in the order of the text."""
    text = TEA.replace(":log:", ":lgo:", 1).replace("step1_id:60", "Boill") + "\n[MULTISTEP:LIST_EXECUTIONS:activ]"
    reply = await bot.process_reply(text, chat_id=5)

    assert ["unknown_handler", "unknown_dependency", "unknown_status"] == [problem.code for problem in reply.errors]
    assert [text.index("lgo"), text.index("Boill"), text.index("activ")] == [p.position[0] for p in reply.errors]


async def test_a_message_acts_once(bot: MultiStepProcessor) -> None:
    """The same message again returns the same Reply and does nothing."""
    first = await bot.process_reply(TEA, chat_id=5, message_id=1)
    await bot.wait(first.execution_ids[0], 10)
    before = traces(bot)

    assert first == await bot.process_reply(TEA, chat_id=5, message_id=1)
    assert before == traces(bot)


async def test_a_message_acts_once_over_restarts(database: Path) -> None:
    """The receipt is in the database, in the transaction of what it stands for."""
    async with MultiStepProcessor(database) as bot:
        first = await bot.process_reply(TEA, chat_id=5, message_id=1)
    async with MultiStepProcessor(database) as bot:
        assert first == await bot.process_reply(TEA, chat_id=5, message_id=1)
        assert 1 == len(bot.list_executions())


async def test_a_message_that_acted_takes_no_other_text(bot: MultiStepProcessor) -> None:
    """An edited message does not act a second time."""
    await bot.process_reply(TEA, chat_id=5, message_id=1)
    reply = await bot.process_reply(TEA + EXECUTE, chat_id=5, message_id=1)

    assert (False, ["message_changed"]) == (reply.ok, [problem.code for problem in reply.errors])
    assert 1 == len(bot.list_executions())
    taken = [each.entry for each in bot.audit.newest() if isinstance(each.entry, ReplyTaken)]
    assert [(True, ()), (False, ("message_changed",))] == [(each.ok, each.problems) for each in taken]


async def test_a_message_that_was_refused_may_be_corrected(bot: MultiStepProcessor) -> None:
    """Nothing of a refused reply happened, so its message is free to act."""
    refused = await bot.process_reply(TEA.replace(":log:", ":lgo:", 1), chat_id=5, message_id=1)
    reply = await bot.process_reply(TEA, chat_id=5, message_id=1)

    assert (False, True) == (refused.ok, reply.ok)


async def test_the_same_message_id_in_two_chats_is_two_messages(bot: MultiStepProcessor) -> None:
    """Messages are counted per chat, and 5 and '5' are two chats."""
    replies = [await bot.process_reply(TEA, chat_id=chat, message_id=1) for chat in (5, "5", 6)]

    assert 3 == len({reply.execution_ids[0] for reply in replies})


async def test_the_same_message_twice_at_once_acts_once(bot: MultiStepProcessor) -> None:
    """Replies of one chat are carried out one after the other."""
    both = await asyncio.gather(*(bot.process_reply(TEA, chat_id=5, message_id=1) for _ in range(2)))

    assert both[0] == both[1]
    assert 1 == len(bot.list_executions())


async def test_two_chats_with_interleaved_replies_never_touch(bot: MultiStepProcessor) -> None:
    """`workflow_id` and `execution_id` are this chat's, whatever happens elsewhere meanwhile."""
    await bot.process_reply(CREATE, chat_id=5)
    await bot.process_reply(CREATE.replace("Tea", "Coffee"), chat_id=6)
    await bot.process_reply(BOIL, chat_id=5)
    await bot.process_reply(BOIL.replace("Boil", "Grind"), chat_id=6)
    tea = await bot.process_reply(EXECUTE, chat_id=5)
    coffee = await bot.process_reply(EXECUTE, chat_id=6)
    status = await bot.process_reply("[MULTISTEP:STATUS:execution_id]", chat_id=5)

    runs = [bot.get_execution(reply.execution_ids[0]) for reply in (tea, coffee)]
    assert [("Tea", 5, ["Boil"]), ("Coffee", 6, ["Grind"])] == [
        (r.workflow_name, r.chat_id, list(r.steps)) for r in runs
    ]
    assert tea.execution_ids[0] == status.outcomes[0].id


async def test_another_chats_things_are_not_found(bot: MultiStepProcessor) -> None:
    """The id of another chat's workflow or run is answered like one that does not exist."""
    made = await bot.process_reply(TEA, chat_id=5)
    run = made.execution_ids[0]
    flow = bot.get_execution(run).workflow_id
    for code in (f"[MULTISTEP:CANCEL:{run}]", f"[MULTISTEP:STATUS:{run}]", f"[MULTISTEP:EXECUTE:{flow}]"):
        other = await bot.process_reply(code, chat_id=6)
        unknown = await bot.process_reply(code.replace(run, "ex_0").replace(flow, "wf_0"), chat_id=6)
        blank = [reply.errors[0].message.replace(run, "X").replace(flow, "X") for reply in (other,)]
        assert blank == [unknown.errors[0].message.replace("ex_0", "X").replace("wf_0", "X")]


async def test_steps_go_on_counting_over_replies(bot: MultiStepProcessor) -> None:
    """`step1` is the first step of the workflow, whichever reply added it."""
    for text in (CREATE, BOIL, POUR):
        assert (await bot.process_reply(text, chat_id=5)).ok
    flow = bot.get_workflow(bot.list_workflows()[0].id)

    assert (flow.steps[0].id,) == flow.steps[1].dependencies


async def test_a_status_after_a_start_tells_of_that_run(bot: MultiStepProcessor) -> None:
    """Answers show what the reply's own transaction made true."""
    reply = await bot.process_reply(f"{TEA}\nUse [MULTISTEP:STATUS:execution_id] to follow.", chat_id=5)

    last = reply.outcomes[-1]
    assert (reply.execution_ids[0], 1) == (last.id, len(last.text.splitlines()))
    assert f"Use {last.text} to follow." in reply.text
    assert "Tea" in last.text


async def test_what_looks_shows_how_things_are_after_the_whole_reply(bot: MultiStepProcessor) -> None:
    """Also where it stands before the code that changes them."""
    nap = '[MULTISTEP:QUICK_WORKFLOW:Nap:[{"name":"Rest","handler":"delay","params":{"seconds":60}}]]'
    await bot.process_reply(nap, chat_id=5)
    looks = ["STATUS", "PROGRESS", "LIST_EXECUTIONS:cancelled"]
    text = "\n".join(f"[MULTISTEP:{code}]" for code in (*looks, "CANCEL:execution_id", *looks))
    reply = await bot.process_reply(text, chat_id=5)

    answers = [outcome.text for outcome in reply.outcomes]
    assert answers[:3] == answers[4:]
    assert "cancelled" in answers[0]
    assert "Nap" in answers[2]


async def test_a_run_started_and_cancelled_in_one_reply_never_begins(bot: MultiStepProcessor) -> None:
    """Facts follow starts, in one transaction."""
    reply = await bot.process_reply(f"{TEA}\n[MULTISTEP:CANCEL:execution_id]", chat_id=5)

    assert ExecutionStatus.CANCELLED == bot.get_execution(reply.execution_ids[0]).status


async def test_steps_after_the_start_are_refused(bot: MultiStepProcessor) -> None:
    """A run keeps the steps it started with, so a later step would silently be left out."""
    reply = await bot.process_reply(f"{CREATE}\n{BOIL}\n{EXECUTE}\n{POUR}", chat_id=5)

    assert ["late_step"] == [problem.code for problem in reply.errors]
    assert (0, 0, 0) == traces(bot)


async def test_a_wrong_code_does_not_make_the_others_wrong(bot: MultiStepProcessor) -> None:
    """What follows a code that could not be read is judged as if it could."""
    text = TEA.replace("[MULTISTEP:CREATE_WORKFLOW:", "[MULTISTEP:CREATE_WORKFLOW::")
    reply = await bot.process_reply(f"{text}\n[MULTISTEP:STATUS:execution_id]", chat_id=5)

    assert 1 == len({problem.position for problem in reply.errors})


async def test_an_effect_outside_becomes_a_run_of_one_step(database: Path, chats: Chats) -> None:
    """GROUP:PIN_MESSAGE pins through the Messenger, durably, where the policy lets it."""
    policy = read({"shortcodes": {"GROUP:PIN_MESSAGE": "allow"}})
    async with MultiStepProcessor(database, messenger=chats, policy=policy) as bot:
        reply = await bot.process_reply("[GROUP:PIN_MESSAGE:message_id]", chat_id=5, message_id=42)
        await bot.wait(reply.execution_ids[0], 10)

    assert [(5, 42)] == chats.pinned


async def test_a_registered_family_is_understood(database: Path, chats: Chats) -> None:
    """`register_shortcode` makes a command of its own; everything after its name is its params."""
    got = []

    async def kick(params: str, execution: object) -> None:
        got.append(params)

    async with MultiStepProcessor(
        database, messenger=chats, policy=read({"shortcodes": {"GROUP:KICK": "allow"}})
    ) as bot:
        bot.register_shortcode("GROUP:KICK", kick)
        reply = await bot.process_reply("[GROUP:KICK:ana:2h]", chat_id=5)
        await bot.wait(reply.execution_ids[0], 10)

    assert ["ana:2h"] == got


async def test_no_alias_means_what_a_code_does_by_itself(bot: MultiStepProcessor) -> None:
    """`workflow_id` and `execution_id` stay those of the workflow, in the same reply and in the next one."""
    pause, cancel = "[MULTISTEP:PAUSE:execution_id]", "[MULTISTEP:CANCEL:execution_id]"
    first = await bot.process_reply(f"{TEA}\n[GROUP:PIN_MESSAGE:7]\n{pause}\n{EXECUTE}", chat_id=5)
    second = await bot.process_reply(f"[GROUP:PIN_MESSAGE:8]\n{cancel}\n{EXECUTE}", chat_id=5)
    listed = await bot.process_reply("[MULTISTEP:LIST_WORKFLOWS]", chat_id=5)

    assert (True, True) == (first.ok, second.ok)
    runs = [bot.get_execution(run) for run in (*first.execution_ids, *second.execution_ids)]
    assert ["Tea", "GROUP:PIN_MESSAGE", "Tea", "GROUP:PIN_MESSAGE", "Tea"] == [run.workflow_name for run in runs]
    assert ["Tea"] == [flow.name for flow in bot.list_workflows()]
    assert "GROUP" not in listed.text
    assert second.outcomes[1].id == first.execution_ids[2]


async def test_a_step_is_named_in_any_of_the_ways(bot: MultiStepProcessor) -> None:
    """By name, by id, or as the N-th step of its workflow."""
    reply = await bot.process_reply(TEA, chat_id=5)
    run = await bot.wait(reply.execution_ids[0], 10)
    second = list(run.steps.values())[1]
    texts = [
        (await bot.process_reply(f"[MULTISTEP:WHY:execution_id:{ref}]", chat_id=5)).text.splitlines()[0]
        for ref in (second.name, second.id, "step2", "step_2_id")
    ]

    assert 1 == len(set(texts))
    assert second.name in texts[0]


@pytest.mark.parametrize(
    "code",
    [
        "[MULTISTEP:EXECUTE:workflow_id:{bad]\n[MULTISTEP:WHY:execution_id:Boil]",
        "[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:never]\n[MULTISTEP:UNSCHEDULE:execution_id]",
    ],
)
async def test_a_start_that_is_wrong_does_not_make_what_speaks_of_it_wrong(bot: MultiStepProcessor, code: str) -> None:
    """The problem is told once."""
    reply = await bot.process_reply(f"{CREATE}\n{code}", chat_id=5)

    assert [0] == [problem.position[0] - reply.errors[0].position[0] for problem in reply.errors]


async def test_what_the_reply_deletes_is_not_offered(bot: MultiStepProcessor) -> None:
    """Neither found after that, nor named as what may be meant."""
    await bot.process_reply(CREATE, chat_id=5)
    reply = await bot.process_reply("[MULTISTEP:DELETE_WORKFLOW:Tea]\n[MULTISTEP:SHOW:Tea]", chat_id=5)

    assert ["this chat has no workflow yet"] == [problem.fix for problem in reply.errors]


async def test_a_list_shows_what_the_reply_has_changed(bot: MultiStepProcessor) -> None:
    """What was paused is among the paused, and not among the running any more."""
    steps = '[{"name":"Rest","handler":"delay","params":{"seconds":60}}]'
    made = await bot.process_reply(f"[MULTISTEP:QUICK_WORKFLOW:Nap:{steps}]", chat_id=5)
    lists = "[MULTISTEP:LIST_EXECUTIONS:paused]\n[MULTISTEP:LIST_EXECUTIONS:running]"
    reply = await bot.process_reply(f"[MULTISTEP:PAUSE:execution_id]\n{lists}", chat_id=5)

    assert [True, False] == [made.execution_ids[0] in outcome.text for outcome in reply.outcomes[1:]]


async def test_lists_are_paged(bot: MultiStepProcessor) -> None:
    """Ten to a page, newest first, with what the same reply makes; a page is no number that a database cannot count."""
    for number in range(11):
        await bot.process_reply(CREATE.replace("Tea", f"Tea {number:02}"), chat_id=5)
    pages = "[MULTISTEP:LIST_WORKFLOWS:1]\n[MULTISTEP:LIST_WORKFLOWS:2]"
    reply = await bot.process_reply(f"{CREATE}\n{pages}", chat_id=5)
    beyond = await bot.process_reply(f"[MULTISTEP:LIST_EXECUTIONS::{'9' * 18}]", chat_id=5)

    assert [(10, "Tea 02"), (2, "Tea 00")] == [
        (each.text.count("📋"), [line for line in each.text.splitlines() if "📋" in line][-1].split(" · ")[0][2:])
        for each in reply.outcomes[1:]
    ]
    assert ["wrong_type"] == [problem.code for problem in beyond.errors]


async def test_half_a_character_does_no_harm(bot: MultiStepProcessor) -> None:
    """What no database can store is shown as a question mark."""
    reply = await bot.process_reply(f"tea \ud83c\n{CREATE}", chat_id=5, message_id=1)

    assert (True, "tea ?") == (reply.ok, reply.text.split("\n")[0])


async def test_what_is_no_text_is_refused(bot: MultiStepProcessor) -> None:
    """A program's mistake is raised, not answered."""
    with pytest.raises(ValidationError, match="a reply is text"):
        await bot.process_reply(None, chat_id=5)  # type: ignore[arg-type]


async def test_the_note_of_a_changed_message_shows_no_place(bot: MultiStepProcessor) -> None:
    """It is about the reply as a whole."""
    await bot.process_reply(TEA, chat_id=5, message_id=1)
    reply = await bot.process_reply(CREATE, chat_id=5, message_id=1)

    assert reply.note is not None
    assert "1. message_changed: this message" in reply.note
    assert "^" not in reply.note


async def test_a_code_right_below_a_quoted_line_does_not_act(bot: MultiStepProcessor) -> None:
    """It may be the second line of what was quoted; an empty line before it makes it act."""
    quoted = await bot.process_reply(f"> Ana wrote:\n{CREATE}", chat_id=5)
    apart = await bot.process_reply(f"> Ana wrote tea.\n\n{CREATE}", chat_id=5)

    assert (False, ["ambiguous"]) == (quoted.ok, [problem.code for problem in quoted.errors])
    assert apart.ok


async def test_the_alias_goes_before_a_workflow_of_that_name(bot: MultiStepProcessor) -> None:
    """Else a workflow named like it would draw the steps of later replies to itself."""
    await bot.process_reply(CREATE.replace("Tea", "workflow_id"), chat_id=5)
    await bot.process_reply(TEA, chat_id=5)

    assert [2, 0] == [len(bot.get_workflow(flow.id).steps) for flow in bot.list_workflows()]
