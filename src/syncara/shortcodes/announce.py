"""One line to the chat when a run that one of its replies started has ended, or waits for someone.

What is still to be told is a record, written with the start of the run, so that a restart loses none of it. A line goes
out at least once, with a key of its own for each thing told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from syncara import answers
from syncara.abc import Change, Messenger, Record
from syncara.answers import Form, Language
from syncara.commands.desk import Desk
from syncara.core.board import Board
from syncara.core.errors import ApprovalError
from syncara.core.model import ExecutionStatus, StepStatus
from syncara.core.views import Execution
from syncara.policy.approval import Answer, Approval
from syncara.policy.approvals import OPERATOR, Approvals, question

logger = logging.getLogger("syncara")

ANNOUNCE = "announce"
APPROVAL = "(approval)"
"""Stands for the question among the steps that were told; no code of a step looks like it."""
SEND_TIMEOUT_S = 30.0
RETRY_FIRST_S, RETRY_MAX_S = 1.0, 300.0
PAGE = 1_000


class Announcement(msgspec.Struct, frozen=True):
    """Whom to tell of a run, and how."""

    chat_id: Any
    language: Language
    form: Form
    told: tuple[str, ...] = ()
    """The steps of whose waiting the chat has been told."""


class Announcer:
    def __init__(self, desk: Desk, approvals: Approvals, messenger: Messenger) -> None:
        self._desk = desk
        self._approvals = approvals
        self._messenger = messenger
        self._owed: dict[str, Announcement] = {}
        self._due: dict[str, None] = {}
        """Executions to look at, in order."""
        self._news = asyncio.Event()
        self._retry_s: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._questions: dict[str, asyncio.Task[None]] = {}
        """Under way, by execution."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take up what was not told before the last stop."""
        self._news = asyncio.Event()
        self._owed = {
            record.key: msgspec.json.decode(record.body or b"", type=Announcement) for record in self._records()
        }
        for execution_id in self._owed:
            self._look_at(execution_id)
        self._task = loop.create_task(self._tell(), name="syncara announcer")

    def stop(self) -> None:
        tasks = [task for task in (self._task, *self._questions.values()) if task is not None]
        self._task, self._questions = None, {}
        for task in tasks:
            if not task.get_loop().is_closed():
                task.cancel()

    def owe(self, execution_ids: Iterable[str], announcement: Announcement, at: float) -> list[Change]:
        """Announce these runs; returns what is to be written with their starts."""
        body = msgspec.json.encode(announcement)
        made: list[Change] = []
        for execution_id in execution_ids:
            self._owed[execution_id] = announcement
            made.append(Record(ANNOUNCE, execution_id, at, body))
        return made

    def hear(self, board: Board) -> None:
        """After each commit of an execution."""
        if board.execution_id in self._owed and (board.status.final or board.waiting or board.approve_by is not None):
            self._look_at(board.execution_id)

    def _look_at(self, execution_id: str) -> None:
        self._due[execution_id] = None
        self._news.set()

    def _records(self) -> Iterable[Record]:
        page = self._desk.records(ANNOUNCE, after="", limit=PAGE)
        while page:
            yield from page
            page = self._desk.records(ANNOUNCE, after=page[-1].key, limit=PAGE)

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            due, self._due = self._due, {}
            for execution_id in due:
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await self._tell_of(execution_id)
                except Exception as error:  # noqa: BLE001 - a messenger may raise anything; the next try may work
                    self._try_again(execution_id, error)
                else:
                    self._retry_s.pop(execution_id, None)
                await asyncio.sleep(0)

    def _try_again(self, execution_id: str, error: Exception) -> None:
        wait = self._retry_s.get(execution_id, RETRY_FIRST_S)
        self._retry_s[execution_id] = min(wait * 2, RETRY_MAX_S)
        logger.warning("the chat of execution %s is told again in %g s: %r", execution_id, wait, error)
        asyncio.get_running_loop().call_later(wait, self._look_at, execution_id)

    async def _tell_of(self, execution_id: str) -> None:
        """Send what the chat has not been told, and note that it has."""
        announcement = self._owed.get(execution_id)
        if announcement is None:
            return
        execution = self._desk.execution_if_known(execution_id)
        if execution is None:  # never committed, or cleaned up
            await self._settled(execution_id)
            return
        if execution.status.final:
            await self._send(execution, announcement, "end")
            await self._settled(execution_id)
        elif execution.status is ExecutionStatus.AWAITING_APPROVAL:
            if APPROVAL not in announcement.told and execution_id not in self._questions:
                await self._ask(execution_id, announcement)
        elif new := [step for step in _waiting(execution) if step not in announcement.told]:
            await self._send(execution, announcement, new[0])
            await self._has_told(execution_id, announcement, _waiting(execution))

    async def _has_told(self, execution_id: str, announcement: Announcement, told: list[str]) -> None:
        kept = msgspec.structs.replace(announcement, told=tuple(told))
        await self._desk.write(self.owe([execution_id], kept, self._desk.now()))

    async def _ask(self, execution_id: str, announcement: Announcement) -> None:
        """Ask for an approval: with buttons, where the messenger has them, else by the words to answer with."""
        approval = self._approvals.of(execution_id)
        if approval is None:
            return
        ask = getattr(self._messenger, "ask", None)
        how = "" if ask is not None else f"syncara approve {approval.id}"
        text = answers.render(question(approval, how), announcement.language, announcement.form)
        key = f"{execution_id}:announce:{APPROVAL}"
        if ask is None:
            await self._messenger.send(announcement.chat_id, text, idempotency_key=key)
            await self._has_told(execution_id, announcement, [APPROVAL])
            return
        # A task of its own: a person may take minutes, and other chats must not wait for that.
        asked = partial(ask, announcement.chat_id, text, approval.id, idempotency_key=key)
        task = asyncio.create_task(self._take(asked, approval, announcement))
        self._questions[execution_id] = task
        task.add_done_callback(lambda _: self._questions.pop(execution_id, None))

    async def _take(self, ask: Callable[[], Awaitable[object]], approval: Approval, announcement: Announcement) -> None:
        """Ask, and take an answer that is given here and now. What is neither True nor False answers nothing."""
        try:
            said = await ask()
            await self._has_told(approval.execution_id, announcement, [APPROVAL])
            if said is True or said is False:
                await self._approvals.answer(approval.id, OPERATOR, Answer(said), operator=True)
            elif said is not None:
                logger.error("the messenger's ask returned %r, which answers nothing: True, False or None", said)
        except ApprovalError as error:  # somebody else was faster, or its time was over
            logger.info("an answer to approval %s was not taken: %s", approval.id, error)
        except Exception as error:  # noqa: BLE001 - a messenger may raise anything; the next try may work
            self._try_again(approval.execution_id, error)

    async def _settled(self, execution_id: str) -> None:
        await self._desk.write([Record(ANNOUNCE, execution_id, self._desk.now(), None)])
        self._owed.pop(execution_id, None)

    async def _send(self, execution: Execution, announcement: Announcement, what: str) -> None:
        text = answers.render(answers.announcement(execution), announcement.language, announcement.form)
        key = f"{execution.id}:announce:{what}"
        await self._messenger.send(announcement.chat_id, text, idempotency_key=key)


def _waiting(execution: Execution) -> list[str]:
    return [step.name for step in execution.steps.values() if step.status is StepStatus.WAITING]
