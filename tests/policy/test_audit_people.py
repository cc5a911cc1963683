"""Who does something to an assistant's run from outside of its chat is in the audit."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.core import events as e
from syncara.policy import audit
from syncara.stores.sqlite import SqliteStore
from tests.policy.test_audit_kept import HANG_S, ask, bot, by_developer, entries, quick, work

ROOT = Path(__file__).parents[2]


async def test_what_is_done_in_a_terminal_is_told_with_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has the database at hand is known to the system alone."""
    monkeypatch.setenv("LOGNAME", "ana")
    wait = {"name": "A", "handler": "delay", "params": {"seconds": 1_000}}
    async with bot(SqliteStore(tmp_path / "syncara.db")) as processor:
        (execution_id,) = await ask(processor, quick(wait), 1)
    store = SqliteStore(tmp_path / "syncara.db")
    async with bot(store, hands_off=True) as tool:
        await tool.cancel_execution(execution_id)
        found = entries(store)

    assert by_developer("cancel_execution", execution_id, "ana") in found


@pytest.mark.parametrize("beside", [False, True])
async def test_who_approves_in_a_terminal_is_told_with_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    """Alone with the database as beside a bot, which takes the answer; the chat hears of the operator."""
    monkeypatch.setenv("LOGNAME", "ana")
    write = {"name": "A", "handler": "file_operation", "params": {"operation": "delete", "file_path": "a"}}
    store = SqliteStore(tmp_path / "syncara.db")
    async with bot(store) as processor:
        (execution_id,) = await ask(processor, quick(write), 1)
        (approval,) = processor.list_approvals()
        if beside:
            await answer_in_terminal(tmp_path, approval.id)
            await processor.wait(execution_id, HANG_S)
    if not beside:
        await answer_in_terminal(tmp_path, approval.id)
    again = SqliteStore(tmp_path / "syncara.db")
    reader = bot(again)
    answered, found = reader.get_approval(approval.id), entries(again)
    reader.close()

    assert audit.ApprovalAnswered(approval.id, execution_id, approval.plan_hash, "refused", "ana") in found
    assert ("refused", "operator") == (answered.status, answered.answered_by)


async def answer_in_terminal(folder: Path, approval_id: str) -> None:
    tool = bot(SqliteStore(folder / "syncara.db"), hands_off=True)
    try:
        await tool.answer_approval(approval_id, approve=False)
    finally:
        await tool.stop()


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """A database of which the process died in the middle of a step."""
    database = tmp_path / "syncara.db"
    killed = "import sys; from tests.policy.test_audit_people import die_in; die_in(sys.argv[1], sys.argv[2])"
    reply = quick({"name": "A", "handler": "hang", "on_crash": "ask"})
    subprocess.run([sys.executable, "-c", killed, str(database), reply], check=False, cwd=ROOT, timeout=HANG_S)
    return database


async def test_who_answers_a_lost_attempt_is_told(lost: Path) -> None:
    """The answer itself is told beside it."""
    store = SqliteStore(lost)
    async with bot(store) as processor:
        processor.register_handler("hang", work, ai=True)
        (run,) = processor.list_executions()
        await until_asked(processor, run.id)
        assert await processor.resolve_step(run.id, "A", "retry")
        await processor.wait(run.id, HANG_S)
        found = entries(store)

    at = found.index(by_developer("resolve_step", run.id))
    assert audit.Steered(run.id, "answered", "retry") == found[at + 1]


def die_in(database: str, reply: str) -> None:
    """Run what a reply asks for, in a process that dies in the middle of its step."""

    async def hang(step: StepInput, execution: ExecutionInput) -> None:
        os._exit(1)

    async def main() -> None:
        async with bot(SqliteStore(Path(database))) as processor:
            processor.register_handler("hang", hang, ai=True)
            await processor.wait((await ask(processor, reply, 1))[0])

    asyncio.run(main())


async def until_asked(processor: MultiStepProcessor, execution_id: str) -> None:
    async for event in processor.watch(execution_id):
        if isinstance(event, e.StepWaiting):
            return
