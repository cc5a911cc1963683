"""What needs a person's approval waits for it, durably, once, for exactly the plan that was judged."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from syncara import ExecutionStatus, MultiStepProcessor
from syncara.core.errors import ApprovalError, Problem
from syncara.policy.policy import Policy, read
from syncara.shortcodes.outcome import Reply
from syncara.stores.sqlite import SqliteStore
from syncara.testing import FakeClock, MemoryStore
from tests.replies.support import Chats

PERSON, OTHER, GROUP = 7, 8, -100
WRITE = (
    '[MULTISTEP:QUICK_WORKFLOW:Note:[{"name":"Write","handler":"file_operation",'
    '"params":{"operation":"write","file_path":"a.txt","content":"hello"}}]]'
)
TELL = (
    '[MULTISTEP:QUICK_WORKFLOW:Tell:[{"name":"Tell","handler":"send_message","params":{"text":"Hello","chat_id":6}}]]'
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def processor(tmp_path: Path, chats: Chats, clock: FakeClock, policy: Policy | None = None) -> MultiStepProcessor:
    return MultiStepProcessor(
        tmp_path / "bot.db", messenger=chats, workspace=tmp_path / "workspace", clock=clock, policy=policy
    )


@pytest.fixture
async def bot(tmp_path: Path, clock: FakeClock) -> AsyncIterator[MultiStepProcessor]:
    async with processor(tmp_path, Chats(), clock) as started:
        yield started


async def asked(bot: MultiStepProcessor, chat_id: Any = PERSON, user_id: Any = PERSON) -> Reply:
    reply = await bot.process_reply(WRITE, chat_id=chat_id, user_id=user_id)
    assert reply.ok
    return reply


def files(workspace: Path) -> list[str]:
    """Everything that was written, by name."""
    return sorted(path.name for path in workspace.rglob("*") if path.is_file())


async def refusal(answer: Any) -> str:
    return (await refused(answer)).code


async def refused(answer: Any) -> Problem:
    with pytest.raises(ApprovalError) as caught:
        await answer
    return caught.value.problem


async def test_what_needs_approval_waits_for_it(bot: MultiStepProcessor, workspace: Path) -> None:
    """The run is `awaiting_approval` under the id that it keeps, and nothing of it happens."""
    reply = await asked(bot)

    run = bot.get_execution(reply.execution_ids[0])
    approval = bot.list_approvals(PERSON)[0]
    assert ExecutionStatus.AWAITING_APPROVAL == run.status
    assert (reply.approval_ids, run.id, "pending") == ((approval.id,), approval.execution_id, approval.status)
    assert [("file", "write", "a.txt")] == [(e.kind, e.operation, e.address) for e in approval.effects]
    assert [] == files(workspace)


async def test_an_approved_plan_runs_under_its_id(bot: MultiStepProcessor, workspace: Path) -> None:
    """The person of a private chat may approve what stays in that chat."""
    reply = await asked(bot)
    approval = await bot.approve(reply.approval_ids[0], user_id=PERSON)
    run = await bot.wait(reply.execution_ids[0], 10)

    assert ("approved", PERSON) == (approval.status, approval.answered_by)
    assert ExecutionStatus.COMPLETED == run.status
    assert ["a.txt"] == files(workspace)
    assert [] == bot.list_approvals()


async def test_a_refused_plan_never_runs(bot: MultiStepProcessor, workspace: Path) -> None:
    """A refusal ends the run, with its reason."""
    reply = await asked(bot)
    await bot.refuse(reply.approval_ids[0], user_id=PERSON, reason="not now")
    run = await bot.wait(reply.execution_ids[0], 10)

    assert (ExecutionStatus.CANCELLED, "refused by 7: not now") == (run.status, run.error)
    assert [] == files(workspace)


async def test_an_approval_is_used_once(bot: MultiStepProcessor) -> None:
    """The first answer wins, whatever comes after it."""
    reply = await asked(bot)
    await bot.approve(reply.approval_ids[0], user_id=PERSON)

    assert "used" == await refusal(bot.approve(reply.approval_ids[0], user_id=PERSON))
    assert "used" == await refusal(bot.refuse(reply.approval_ids[0], user_id=PERSON))


async def test_of_two_answers_at_once_one_counts(bot: MultiStepProcessor, workspace: Path) -> None:
    """They are taken one after the other, and the run follows the first."""
    reply = await asked(bot)
    both = await asyncio.gather(
        bot.approve(reply.approval_ids[0], user_id=PERSON),
        bot.refuse(reply.approval_ids[0], user_id=PERSON),
        return_exceptions=True,
    )

    assert ["Approval", "ApprovalError"] == [type(answer).__name__ for answer in both]
    assert ExecutionStatus.COMPLETED == (await bot.wait(reply.execution_ids[0], 10)).status
    assert ["a.txt"] == files(workspace)


async def test_an_approval_expires(bot: MultiStepProcessor, clock: FakeClock, workspace: Path) -> None:
    """After ten minutes it can no longer be given."""
    reply = await asked(bot)
    clock.advance(600)

    assert "expired" == await refusal(bot.approve(reply.approval_ids[0], user_id=PERSON))
    assert ["expired"] == [each.status for each in bot.list_approvals(status=None)]
    assert [] == files(workspace)


@pytest.mark.parametrize(("chat_id", "seconds"), [(PERSON, 60), (GROUP, 30 * 86_400)])
async def test_an_approval_expires_when_the_policy_says(
    tmp_path: Path, clock: FakeClock, chat_id: int, seconds: int
) -> None:
    """In general, and in one chat: to the second."""
    policy = read({"owners": [1], "approval_s": 60, "chat": [{"id": GROUP, "approval_s": 30 * 86_400}]})
    async with processor(tmp_path, Chats(), clock, policy) as bot:
        first, second = await asked(bot, chat_id), await asked(bot, chat_id)
        assert [clock.now() + seconds] * 2 == [each.expires_at for each in bot.list_approvals()]
        clock.advance(seconds - 1)
        assert "approved" == (await bot.approve(first.approval_ids[0], user_id=1)).status
        clock.advance(1)
        assert "expired" == await refusal(bot.approve(second.approval_ids[0], user_id=1))


async def test_a_run_whose_approval_expired_ends(tmp_path: Path, clock: FakeClock, workspace: Path) -> None:
    """It ends by itself, also when nothing ran at that time."""
    async with processor(tmp_path, Chats(), clock) as bot:
        reply = await asked(bot)
    clock.advance(601)
    async with processor(tmp_path, Chats(), clock) as bot:
        run = await bot.wait(reply.execution_ids[0], 10)

    assert (ExecutionStatus.CANCELLED, "not_approved") == (run.status, run.code)
    assert [] == files(workspace)


async def test_only_who_may_approves(bot: MultiStepProcessor, workspace: Path) -> None:
    """Another user's answer is refused, and leaves the approval open."""
    reply = await asked(bot)

    assert "not_allowed" == await refusal(bot.approve(reply.approval_ids[0], user_id=OTHER))
    assert "not_allowed" == await refusal(bot.approve(reply.approval_ids[0], user_id=str(PERSON)))
    assert "not_found" == await refusal(bot.approve("ap_none", user_id=PERSON))
    assert ["pending"] == [each.status for each in bot.list_approvals()]
    assert [] == files(workspace)


async def test_who_may_not_answer_learns_nothing(bot: MultiStepProcessor) -> None:
    """Neither what came of another chat's approval, nor its id from one that is nearly it."""
    approval_id = (await asked(bot)).approval_ids[0]
    waiting = await refused(bot.approve(approval_id, user_id=OTHER))
    unknown = await refused(bot.approve(approval_id[:-1], user_id=OTHER))
    await bot.refuse(approval_id, user_id=PERSON)

    assert waiting == await refused(bot.approve(approval_id, user_id=OTHER))
    assert ("not_found", False) == (unknown.code, approval_id in str(unknown))


async def test_in_a_group_nobody_approves_until_somebody_is_set(bot: MultiStepProcessor) -> None:
    """The answer says so, and no member can approve."""
    reply = await asked(bot, GROUP)

    assert "Nobody is set who may approve it" in reply.text
    assert "not_allowed" == await refusal(bot.approve(reply.approval_ids[0], user_id=PERSON))


async def test_owners_and_approvers_approve(tmp_path: Path, clock: FakeClock) -> None:
    """Where some are set, they approve, and the person of a private chat does not."""
    policy = read({"owners": [1], "chat": [{"id": GROUP, "approvers": [2]}]})
    async with processor(tmp_path, Chats(), clock, policy) as bot:
        group, private = await asked(bot, GROUP), await asked(bot)

        assert "not_allowed" == await refusal(bot.approve(private.approval_ids[0], user_id=PERSON))
        assert "not_allowed" == await refusal(bot.approve(private.approval_ids[0], user_id=2))
        assert "approved" == (await bot.approve(group.approval_ids[0], user_id=2)).status
        assert "approved" == (await bot.approve(private.approval_ids[0], user_id=1)).status


@pytest.mark.parametrize(
    ("owners", "expected"), [([1], ["not_allowed", "approved"]), ([], ["approved", "not_allowed"])]
)
async def test_what_reaches_beyond_the_chat_is_for_the_owners(
    tmp_path: Path, clock: FakeClock, owners: list[int], expected: list[str]
) -> None:
    """The chat's approver answers for its own chat, and for others only where the file names no owner."""
    policy = read({"owners": owners, "chat": [{"id": GROUP, "approvers": [2]}]})
    chats = Chats()
    async with processor(tmp_path, chats, clock, policy) as bot:
        reply = await bot.process_reply(TELL, chat_id=GROUP, user_id=2)
        answers: list[str] = []
        for user_id in (2, 1):
            try:
                answers.append((await bot.approve(reply.approval_ids[0], user_id=user_id)).status)
            except ApprovalError as error:
                answers.append(error.code)
        await bot.wait(reply.execution_ids[0], 10)

    assert expected == answers
    assert (6, "Hello") in chats.sent


async def test_an_approval_covers_the_plan_that_was_looked_at(bot: MultiStepProcessor, workspace: Path) -> None:
    """With another plan's hash it is refused, and stays open."""
    reply = await asked(bot)
    approval = bot.list_approvals()[0]

    assert "plan_changed" == await refusal(bot.approve(approval.id, user_id=PERSON, plan_hash="0" * 64))
    assert [] == files(workspace)
    assert "approved" == (await bot.approve(approval.id, user_id=PERSON, plan_hash=approval.plan_hash)).status
    assert ExecutionStatus.COMPLETED == (await bot.wait(reply.execution_ids[0], 10)).status


async def test_steps_added_after_the_approval_do_not_run(bot: MultiStepProcessor, workspace: Path) -> None:
    """The run keeps the steps that were judged, whatever is added to its definition meanwhile."""
    reply = await asked(bot)
    step = (
        '[MULTISTEP:ADD_STEP:workflow_id:More:file_operation:{"operation":"write","file_path":"b.txt","content":"x"}]'
    )
    assert (await bot.process_reply(step, chat_id=PERSON, user_id=PERSON)).ok
    await bot.approve(reply.approval_ids[0], user_id=PERSON)
    await bot.wait(reply.execution_ids[0], 10)

    assert ["a.txt"] == files(workspace)


async def test_an_approval_survives_a_restart(tmp_path: Path, clock: FakeClock, workspace: Path) -> None:
    """It is in the database, with the run that waits for it."""
    async with processor(tmp_path, Chats(), clock) as bot:
        reply = await asked(bot)
    async with processor(tmp_path, Chats(), clock) as bot:
        await bot.approve(reply.approval_ids[0], user_id=PERSON)
        await bot.wait(reply.execution_ids[0], 10)

    assert ["a.txt"] == files(workspace)


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_a_clean_up_spares_what_waits(tmp_path: Path, clock: FakeClock, store: str) -> None:
    """However little is kept; once its time is over, an approval goes as the runs do."""
    given: dict[str, Any] = {"store": MemoryStore() if store == "memory" else SqliteStore(tmp_path / "bot.db")}
    async with MultiStepProcessor(**given, clock=clock, workspace=tmp_path / "workspace", announce=False) as bot:
        reply = await asked(bot)
        clock.advance(599)
        assert 0 == bot.cleanup(0)
        assert "approved" == (await bot.approve(reply.approval_ids[0], user_id=PERSON)).status
        await bot.wait(reply.execution_ids[0], 10)
        clock.advance(2)
        assert (1, []) == (bot.cleanup(0), bot.list_approvals(status=None))


async def test_a_cancelled_run_cannot_be_approved(bot: MultiStepProcessor, workspace: Path) -> None:
    """Cancel wins; the approval goes with the run."""
    reply = await asked(bot)
    await bot.cancel_execution(reply.execution_ids[0])

    assert "used" == await refusal(bot.approve(reply.approval_ids[0], user_id=PERSON))
    assert ["cancelled"] == [each.status for each in bot.list_approvals(status=None)]
    assert [] == files(workspace)


async def test_one_approval_covers_one_run(bot: MultiStepProcessor, workspace: Path) -> None:
    """The same plan asked for again needs an approval of its own."""
    first = await asked(bot)
    await bot.approve(first.approval_ids[0], user_id=PERSON)
    await bot.wait(first.execution_ids[0], 10)
    again = await bot.process_reply("[MULTISTEP:EXECUTE:workflow_id]", chat_id=PERSON, user_id=PERSON)

    assert ExecutionStatus.AWAITING_APPROVAL == bot.get_execution(again.execution_ids[0]).status


async def test_what_is_denied_is_refused_with_its_rule(tmp_path: Path, clock: FakeClock, workspace: Path) -> None:
    """A reply that asks for what the policy denies does nothing at all."""
    async with processor(tmp_path, Chats(), clock, read({"handlers": {"file_operation": "deny"}})) as bot:
        reply = await bot.process_reply(WRITE, chat_id=PERSON, user_id=PERSON)

        assert (False, ["denied"]) == (reply.ok, [problem.code for problem in reply.errors])
        assert ([], []) == (bot.list_executions(), bot.list_workflows())


async def test_the_question_goes_to_the_chat(tmp_path: Path, clock: FakeClock) -> None:
    """With what it is about, until when, and how to answer."""
    chats = Chats()
    async with processor(tmp_path, chats, clock) as bot:
        reply = await asked(bot)
        ((chat, text),) = await chats.until(1)

    assert PERSON == chat
    assert "a.txt" in text
    assert f"syncara approve {reply.approval_ids[0]}" in text


async def test_an_answer_of_another_process_is_taken(tmp_path: Path, clock: FakeClock, workspace: Path) -> None:
    """The command line writes it down beside a running bot, which looks for it while something waits."""
    async with processor(tmp_path, Chats(), clock) as bot:
        reply = await asked(bot)
        beside = MultiStepProcessor(tmp_path / "bot.db", clock=clock)
        left = await beside.answer_approval(reply.approval_ids[0], approve=True)
        beside.close()
        await bot.wait(reply.execution_ids[0], 20)

        assert ("pending", "operator") == (left.status, bot.get_approval(left.id).answered_by)
    assert ["a.txt"] == files(workspace)


async def test_an_operator_answers_whoever_may_in_the_chat(bot: MultiStepProcessor, workspace: Path) -> None:
    """Whoever has the database at hand needs no name in the policy; all else about an answer holds for them too."""
    reply = await asked(bot, GROUP)
    (approval_id,) = reply.approval_ids

    assert "plan_changed" == await refusal(bot.answer_approval(approval_id, approve=True, plan_hash="0" * 64))
    assert "operator" == (await bot.answer_approval(approval_id, approve=True)).answered_by
    assert "used" == await refusal(bot.answer_approval(approval_id, approve=False))
    assert ExecutionStatus.COMPLETED == (await bot.wait(reply.execution_ids[0], 10)).status
    assert ["a.txt"] == files(workspace)


class Heard(logging.Handler):
    """Waits for a line of the log."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.event = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self.event.set()


def fill(connection: sqlite3.Connection) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()


def free(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 1000000").fetchone()


async def test_an_answer_that_a_full_disk_refuses_is_taken_later(tmp_path: Path, clock: FakeClock) -> None:
    """What another process has left stays there until it could be taken, and is not lost with the error."""
    heard, log = Heard("answers to approvals are looked for again"), logging.getLogger("syncara")
    store = SqliteStore(tmp_path / "bot.db")
    # More than the pages that are free in the file, and nothing that becomes small when it is compressed.
    reason = random.Random(1).randbytes(4_000_000).hex()
    log.addHandler(heard)
    async with MultiStepProcessor(store=store, clock=clock, announce=False) as bot:
        reply = await asked(bot)
        await store.file.write(fill)
        beside = MultiStepProcessor(tmp_path / "bot.db", clock=clock)
        left = await beside.answer_approval(reply.approval_ids[0], approve=False, reason=reason)
        beside.close()
        await heard.event.wait()
        before = bot.get_approval(left.id)
        await store.file.write(free)
        run = await bot.wait(left.execution_id, 20)
        after = bot.get_approval(left.id)
    log.removeHandler(heard)

    assert ("pending", "refused") == (before.status, after.status)
    assert (ExecutionStatus.CANCELLED, f"refused by operator: {reason}") == (run.status, run.error)


class Buttons(Chats):
    """A messenger with buttons, whose `ask` returns, or raises, one thing after another."""

    def __init__(self, *returns: Any) -> None:
        super().__init__()
        self._returns = list(returns)
        self.asked = asyncio.Event()

    async def ask(self, chat_id: Any, text: str, approval_id: str, *, idempotency_key: str) -> Any:
        given = self._returns.pop(0)
        if isinstance(given, Exception):
            raise given
        self.asked.set()
        return given


@pytest.mark.parametrize(("given", "status"), [(True, "approved"), (False, "refused"), (None, "pending")])
async def test_an_answer_given_at_once_counts(tmp_path: Path, clock: FakeClock, given: Any, status: str) -> None:
    """None: whoever presses a button is passed on later."""
    chats = Buttons(given)
    async with processor(tmp_path, chats, clock) as bot:
        reply = await asked(bot)
        await chats.asked.wait()
        if given is not None:
            await bot.wait(reply.execution_ids[0], 10)

        assert [status] == [each.status for each in bot.list_approvals(status=None)]


@pytest.mark.parametrize("given", [42, "yes", "", 1, 0])
async def test_what_is_no_answer_approves_nothing(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, given: Any
) -> None:
    """A messenger that returns the id of its message, say, has not been told that anybody agrees."""
    chats = Buttons(given)
    async with processor(tmp_path, chats, clock) as bot:
        await asked(bot)
        await chats.asked.wait()
        await asyncio.sleep(0.05)

        assert ["pending"] == [each.status for each in bot.list_approvals()]
    assert "answers nothing" in caplog.text


async def test_a_question_is_asked_until_it_could_be(tmp_path: Path, clock: FakeClock) -> None:
    """A messenger that is out of order delays it."""
    chats = Buttons(ConnectionError("down"), True)
    async with processor(tmp_path, chats, clock) as bot:
        reply = await asked(bot)
        run = await bot.wait(reply.execution_ids[0], 20)

    assert ExecutionStatus.COMPLETED == run.status


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/a.txt", "a/"])
async def test_a_path_out_of_the_folder_is_refused_when_it_is_read(bot: MultiStepProcessor, path: str) -> None:
    """Nobody is asked to approve what no policy allows."""
    reply = await bot.process_reply(WRITE.replace("a.txt", path), chat_id=PERSON, user_id=PERSON)

    assert (False, ["path_refused"]) == (reply.ok, [problem.code for problem in reply.errors])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/", "http://169.254.169.254/latest", "http://localhost/?q={context.x}"]
)
async def test_a_private_address_is_refused_when_it_is_read(bot: MultiStepProcessor, url: str) -> None:
    """As far as it can be told from how it is written; the socket looks again."""
    call = f'[MULTISTEP:QUICK_WORKFLOW:Call:[{{"name":"Call","handler":"api_call","params":{{"url":"{url}"}}}}]]'
    reply = await bot.process_reply(call, chat_id=PERSON, user_id=PERSON)

    assert (False, ["address_refused"]) == (reply.ok, [problem.code for problem in reply.errors])
