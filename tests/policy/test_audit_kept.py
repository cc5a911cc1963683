"""The audit is written in one transaction with what it tells of: no gap and no lie, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import ApprovalError, MultiStepProcessor, NotFoundError, StorageError, ValidationError
from syncara.abc import Addition, ExecutionInput, HideWorkflow, StepInput, Store
from syncara.core import events as e
from syncara.policy import audit
from syncara.policy.auditor import Audit
from syncara.policy.policy import read
from syncara.stores.memory import MemoryDisk, MemoryStore
from syncara.stores.sqlite import SqliteStore
from syncara.testing import FakeClock, VirtualLoop
from syncara.testing.disk import Process, SimulatedStore
from syncara.testing.plan import Scenario

PROGRAM = Path(__file__).with_name("programs") / "audited.py"
HANG_S = 30
CHAT = 7
"""One person's chat with the bot."""
CANARY = "canary"
"""In everything that was said and done, and in nothing that the audit keeps."""

Open = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the store of the test, again and again."""
    if request.param == "memory":
        disk = MemoryDisk()
        return lambda: MemoryStore(disk)
    return lambda: SqliteStore(tmp_path / "syncara.db")


def bot(store: Store, **given: Any) -> MultiStepProcessor:
    processor = MultiStepProcessor(store=store, announce=False, **given)
    processor.register_handler("work", work, ai=True)
    return processor


async def work(step: StepInput, execution: ExecutionInput) -> str:
    """Fail as often as the params say."""
    if execution.attempt <= step.params.get("fails", 0):
        raise RuntimeError(CANARY)
    return CANARY


def quick(*steps: dict[str, Any]) -> str:
    """A reply that starts a workflow of these steps."""
    return f"{CANARY}\n[MULTISTEP:QUICK_WORKFLOW:Work:{json.dumps(steps)}]"


async def ask(processor: MultiStepProcessor, text: str, message_id: int) -> list[str]:
    """Have a reply carried out; returns the ids of what it started."""
    reply = await processor.process_reply(text, chat_id=CHAT, user_id=CHAT, message_id=message_id)
    assert reply.ok, reply.note
    return list(reply.execution_ids)


def entries(store: Store) -> list[audit.Entry]:
    """What the audit holds; the chain is whole."""
    kept = Audit(store)
    assert kept.verify().broken is None
    return [sealed.entry for sealed in kept.newest(1_000) if sealed.entry is not None]


def effects(found: Iterable[audit.Entry], execution_id: str) -> list[tuple[str, int, str]]:
    """Step, attempt and outcome, in the order of the audit."""
    mine = [each for each in found if isinstance(each, audit.Effect) and each.execution_id == execution_id]
    return [(each.step, each.attempt, each.outcome) for each in mine]


def journaled(events: Iterable[e.AnyEvent]) -> list[tuple[str, int, str]]:
    """The same as a journal tells it."""
    outcomes: dict[type, str] = {e.StepScheduled: "began", e.StepSucceeded: "succeeded", e.StepErred: "failed"}
    return [
        (event.step, event.attempt, outcomes[type(event)])
        for event in events
        if isinstance(event, e.StepScheduled | e.StepSucceeded | e.StepErred)
    ]


def assert_true(processor: MultiStepProcessor, store: Store) -> None:
    """The audit tells of each attempt what the journals do, no more and no less."""
    found = entries(store)
    for run in processor.list_executions(limit=1_000):
        assert journaled(processor.get_history(run.id)) == effects(found, run.id)


# What goes in.


async def test_a_reply_and_its_effects_are_told(opened: Open) -> None:
    """Who asked, what came of each code, and each attempt at each step."""
    store = opened()
    text = quick({"name": "A", "handler": "work", "params": {"fails": 1}, "retry_delay": 0})
    async with bot(store) as processor:
        (execution_id,) = await ask(processor, text, 31)
        await processor.wait(execution_id, HANG_S)
        found = entries(store)

    taken = audit.ReplyTaken(
        "ai",
        CHAT,
        CHAT,
        31,
        hashlib.sha256(text.encode()).hexdigest(),
        ok=True,
        commands=(audit.Command("MULTISTEP:QUICK_WORKFLOW", ok=True, id=execution_id),),
    )
    assert taken == found[0]
    assert [("A", 1, "began"), ("A", 1, "failed"), ("A", 2, "began"), ("A", 2, "succeeded")] == effects(
        found, execution_id
    )


async def test_a_refused_reply_is_told(opened: Open) -> None:
    """With what was wrong. Without codes there is nothing to tell, and a repeated message does nothing once more."""
    store = opened()
    async with bot(store) as processor:
        for message_id in (31, 31, None):
            refused = await processor.process_reply("[MULTISTEP:EXECUTE:nothing]", chat_id=CHAT, message_id=message_id)
            assert not refused.ok
        await processor.process_reply("Hello [1]", chat_id=CHAT, message_id=32)
        found = entries(store)

    commands = (audit.Command("MULTISTEP:EXECUTE", ok=False),)
    told = [
        (each.message_id, each.ok, each.commands, each.problems) for each in found if isinstance(each, audit.ReplyTaken)
    ]
    assert [(31, False, commands, ("not_found",)), (None, False, commands, ("not_found",))] == told
    assert len(told) == len(found)


async def test_the_developers_runs_are_not_told(opened: Open) -> None:
    """Commands are, for they are asked for as an assistant asks."""
    store = opened()
    async with bot(store) as processor:
        workflow_id = processor.define({"name": "Mine", "steps": [{"name": "A", "handler": "work"}]})
        await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)
        assert [] == entries(store)
        made = await processor.give_command("MULTISTEP:CREATE_WORKFLOW", {"name": "Tea"}, chat_id=CHAT, user_id=7)
        found = entries(store)

    command = audit.Command("MULTISTEP:CREATE_WORKFLOW", ok=True, id=made.outcomes[0].id)
    assert [audit.ReplyTaken("developer", CHAT, 7, None, "", ok=True, commands=(command,))] == found


SHORTCODE = {"name": "A", "handler": "execute_shortcode", "params": {"shortcode": "BOT:WAVE", "params": CANARY}}


async def test_a_plan_its_approval_and_its_effect_are_told(opened: Open) -> None:
    """With one hash and one execution: what the policy decided and by which line, and who approved it."""
    store = opened()
    async with bot(store) as processor:
        processor.register_shortcode("BOT:WAVE", wave)
        (execution_id,) = await ask(processor, quick(SHORTCODE), 1)
        (approval,) = processor.list_approvals(CHAT)
        await processor.approve(approval.id, user_id=CHAT)
        await processor.wait(execution_id, HANG_S)
        _, judged, answered, *effects_of_it = entries(store)

    assert isinstance(judged, audit.PlanJudged)
    assert (execution_id, approval.plan_hash, CHAT, CHAT, "approve") == (
        judged.execution_id,
        judged.plan_hash,
        judged.chat_id,
        judged.user_id,
        judged.decision,
    )
    assert "handlers.execute_shortcode" in judged.rule
    assert audit.ApprovalAnswered(approval.id, execution_id, judged.plan_hash, "approved", CHAT) == answered
    assert [("BOT:WAVE", "began"), ("BOT:WAVE", "succeeded")] == [
        (each.address, each.outcome) for each in effects_of_it if isinstance(each, audit.Effect)
    ]


async def wave(params: str, execution: Any) -> None:
    """Do nothing, successfully."""


@pytest.mark.parametrize("answer", ["refused", "expired"])
async def test_a_plan_that_nobody_approved_is_told(opened: Open, answer: str) -> None:
    """It has no effect."""
    store, clock = opened(), FakeClock()
    async with bot(store, clock=clock) as processor:
        processor.register_shortcode("BOT:WAVE", wave)
        (execution_id,) = await ask(processor, quick(SHORTCODE), 1)
        (approval,) = processor.list_approvals(CHAT)
        if answer == "refused":
            await processor.refuse(approval.id, user_id=CHAT)
        else:
            clock.advance(3_600)
            await processor.pause_execution(execution_id)
            await processor.resume_execution(execution_id)
        await processor.wait(execution_id, HANG_S)
        found = entries(store)

    assert [] == effects(found, execution_id)
    refused = audit.ApprovalAnswered(approval.id, execution_id, approval.plan_hash, "refused", CHAT)
    assert (answer == "refused") is (refused in found)
    assert (answer == "expired") is (audit.Steered(execution_id, "expired") in found)


async def test_a_denied_plan_is_told(opened: Open) -> None:
    """With the line that denies it, and without a run, for there is none."""
    store = opened()
    call = {"name": "A", "handler": "api_call", "params": {"url": "https://x.example/"}}
    async with bot(store, policy=read({"handlers": {"api_call": "deny"}})) as processor:
        refused = await processor.process_reply(quick(call), chat_id=CHAT, user_id=CHAT)
        taken, judged = entries(store)

    assert isinstance(taken, audit.ReplyTaken)
    assert isinstance(judged, audit.PlanJudged)
    assert (False, ("denied",), False) == (refused.ok, taken.problems, taken.ok)
    assert ("", "deny", 'handlers.api_call = "deny"') == (judged.execution_id, judged.decision, judged.rule)


async def test_what_is_cancelled_under_way_was_told_before_it_began(opened: Open) -> None:
    """An attempt without an outcome may have had its effect."""
    store = opened()
    begun = asyncio.Event()

    async def hang(step: StepInput, execution: ExecutionInput) -> None:
        assert [("A", 1, "began")] == effects(entries(store), execution.id)
        begun.set()
        await asyncio.get_running_loop().create_future()

    async with bot(store) as processor:
        processor.register_handler("hang", hang, ai=True)
        (execution_id,) = await ask(processor, quick({"name": "A", "handler": "hang"}), 1)
        await begun.wait()
        await ask(processor, "[MULTISTEP:CANCEL:execution_id]", 2)
        found = entries(store)

    assert [("A", 1, "began")] == effects(found, execution_id)
    assert audit.Steered(execution_id, "cancelled") in found
    taken = found[-2] if isinstance(found[-1], audit.Steered) else found[-1]
    assert isinstance(taken, audit.ReplyTaken)
    assert (audit.Command("MULTISTEP:CANCEL", ok=True, id=execution_id),) == taken.commands


def by_developer(method: str, execution_id: str, account: str | None = None) -> audit.ReplyTaken:
    command = audit.Command(method, ok=True, id=execution_id)
    return audit.ReplyTaken("developer", CHAT, account, None, "", ok=True, commands=(command,))


async def test_what_a_program_does_to_a_run_is_told_as_the_developers(opened: Open) -> None:
    """Beside what came of it. What changed nothing, and what is done to the developer's own runs, is not told."""
    store = opened()
    wait = {"name": "A", "handler": "delay", "params": {"seconds": 1_000}}
    async with bot(store) as processor:
        mine = await processor.execute_workflow(processor.define({"name": "Mine", "steps": [wait]}), chat_id=CHAT)
        (execution_id,) = await ask(processor, quick(wait), 1)
        before = len(entries(store))
        for run in (execution_id, mine):
            assert [True, False, True, True] == [
                await processor.pause_execution(run),
                await processor.pause_execution(run),
                await processor.resume_execution(run),
                await processor.cancel_execution(run),
            ]
        assert not await processor.cancel_execution(execution_id)
        found = entries(store)[before:]

    assert [
        by_developer("pause_execution", execution_id),
        audit.Steered(execution_id, "paused"),
        by_developer("resume_execution", execution_id),
        audit.Steered(execution_id, "resumed"),
        by_developer("cancel_execution", execution_id),
        audit.Steered(execution_id, "cancelled"),
    ] == found


@pytest.mark.parametrize("code", ["not_allowed", "expired", "used", "plan_changed"])
async def test_an_answer_of_which_nothing_came_is_told(opened: Open, code: str) -> None:
    """Who tried, and why it was none; an approval that there is not has none to tell of."""
    store, clock = opened(), FakeClock()
    async with bot(store, clock=clock) as processor:
        processor.register_shortcode("BOT:WAVE", wave)
        (execution_id,) = await ask(processor, quick(SHORTCODE), 1)
        (approval,) = processor.list_approvals(CHAT)
        if code == "used":
            await processor.refuse(approval.id, user_id=CHAT)
        if code == "expired":
            clock.advance(601)
        before = len(entries(store))
        who = 8 if code == "not_allowed" else CHAT
        with pytest.raises(ApprovalError, match=code):
            await processor.approve(approval.id, user_id=who, plan_hash="0" * 64 if code == "plan_changed" else None)
        with pytest.raises(ApprovalError, match="not_found"):
            await processor.approve("ap_none", user_id=CHAT)
        found = entries(store)[before:]

    told = audit.AnswerRefused(approval.id, execution_id, "approve", who, code)
    assert [told] == [each for each in found if not isinstance(each, audit.Steered)]


@pytest.mark.parametrize("user_id", [True, 5.0, [], ""])
async def test_what_is_no_id_answers_nothing(opened: Open, user_id: Any) -> None:
    """And is not told: what the audit holds can be read again."""
    store = opened()
    async with bot(store) as processor:
        processor.register_shortcode("BOT:WAVE", wave)
        await ask(processor, quick(SHORTCODE), 1)
        (approval,) = processor.list_approvals(CHAT)
        before = entries(store)
        with pytest.raises(ValidationError, match="user_id"):
            await processor.approve(approval.id, user_id=user_id)

        assert ("pending", before) == (processor.get_approval(approval.id).status, entries(store))


async def test_nothing_that_was_said_is_kept(opened: Open) -> None:
    """Neither texts nor params, results nor errors."""
    store = opened()
    steps = (
        {"name": "A", "handler": "work", "params": {"fails": 1, "text": CANARY}, "retry_delay": 0},
        {"name": "B", "handler": "send_message", "params": {"text": CANARY}},
    )
    async with bot(store) as processor:
        (execution_id,) = await ask(processor, quick(*steps), 1)
        run = await processor.wait(execution_id, HANG_S)
        assert CANARY in str(run.steps["A"].result)
        records = store.records("audit")

    assert records
    assert not [record for record in records if CANARY.encode() in (record.body or b"")]


# Together, or not at all.


async def test_what_the_store_refuses_is_not_told(opened: Open) -> None:
    """The next entry takes the number."""
    store = opened()
    async with bot(store) as processor:
        runtime = processor._engine.runtime  # noqa: SLF001 - no call of the API makes a store refuse
        told = audit.unsealed(1.0, audit.Steered("ex_1", "paused"))
        refused: list[Addition] = [told, HideWorkflow("nothing")]
        with pytest.raises(NotFoundError):
            await runtime.together([], [], lambda boards, changed: refused)
        assert [] == entries(store)
        await runtime.together([], [], lambda boards, changed: [told, told])

        assert [audit.Steered("ex_1", "paused")] * 2 == entries(store)


async def test_the_chain_goes_on_after_a_restart(opened: Open) -> None:
    """Also when old runs have been deleted: the audit stays."""
    found: list[audit.Entry] = []
    for message_id in range(3):
        store = opened()
        async with bot(store) as processor:
            (execution_id,) = await ask(processor, quick({"name": "A", "handler": "work"}), message_id)
            await processor.wait(execution_id, HANG_S)
            processor.cleanup(0)
            before, found = found, entries(store)
            assert [] == processor.list_executions()
            assert before == found[: len(before)]
            assert [("A", 1, "began"), ("A", 1, "succeeded")] == effects(found[len(before) :], execution_id)


windows = st.lists(st.tuples(st.floats(0, 8), st.floats(0.001, 3)), max_size=4)


@settings(max_examples=40)
@given(windows, st.floats(0, 1), st.integers(0, 99))
def test_a_disk_that_fails_leaves_no_gap_and_no_lie(full: list[tuple[float, float]], inline: float, seed: int) -> None:
    """What could not be written is not told; what had happened meanwhile is told once it can be."""
    clock, disk, rng = FakeClock(), MemoryDisk(), Random(seed)
    scenario = Scenario(seed, (), (), (), (), tuple((begin, begin + length) for begin, length in full), 0.02)
    store = SimulatedStore(disk, Process(0, None, clock), scenario, {}, lambda: rng.random() < inline)
    taken: list[int] = []

    async def reply(processor: MultiStepProcessor, message_id: int) -> None:
        steps = [{"name": f"{n}", "handler": "work", "params": {"fails": n % 2}, "retry_delay": 0.3} for n in range(3)]
        await asyncio.sleep(message_id * rng.random())
        try:
            await ask(processor, quick(*steps), message_id)
            taken.append(message_id)
        except StorageError as error:
            if error.code not in ("disk_full", "storage_stalled"):
                raise

    async def main() -> None:
        async with bot(store, clock=clock) as processor:
            await asyncio.gather(*(reply(processor, number) for number in range(6)))
            for run in processor.list_executions(limit=100):
                await processor.wait(run.id)
            assert_true(processor, store)

    loop = VirtualLoop(clock)
    try:
        loop.run_until_complete(main())
    finally:
        loop.discard()
    told = [each.message_id for each in entries(MemoryStore(disk)) if isinstance(each, audit.ReplyTaken)]
    assert sorted(taken) == sorted(message_id for message_id in told if isinstance(message_id, int))


def test_a_killed_process_leaves_no_gap_and_no_lie(tmp_path: Path) -> None:
    """Killed with SIGKILL at different points, over one database: nothing was done that the audit does not tell of."""
    database = tmp_path / "syncara.db"
    done: list[tuple[str, str, int]] = []
    for calls in (1, 17, 40):
        with subprocess.Popen([sys.executable, PROGRAM, str(database)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(calls)]
            process.kill()
            lines += process.stdout.readlines()
        done += [tuple(json.loads(line)) for line in lines if line.endswith("\n")]
        with closing(SqliteStore(database)) as store, closing(bot(store)) as processor:
            assert_true(processor, store)
            told = [e for e in entries(store) if isinstance(e, audit.Effect)]
            began = {(each.execution_id, each.step, each.attempt) for each in told if each.outcome == "began"}
            assert set(done) <= began
    asyncio.run(_finish(database))


async def _finish(database: Path) -> None:
    """Everything ends in the next process, and the chain goes on."""
    store = SqliteStore(database)
    async with bot(store) as processor:
        for run in processor.list_executions(limit=1_000):
            await processor.wait(run.id, HANG_S)
        assert_true(processor, store)
    with closing(sqlite3.connect(database)) as file:
        (runs,) = file.execute("SELECT count(*) FROM executions").fetchone()
        (ended,) = file.execute("SELECT count(*) FROM executions WHERE open = 0").fetchone()
    assert runs == ended
