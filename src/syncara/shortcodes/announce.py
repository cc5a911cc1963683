"""One line to the chat when a run that one of its replies started has ended, or waits for someone.

What is still to be told is a record, written with the start of the run, so that a restart loses none of it. A line goes
out at least once, with a key of its own for each thing told.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from syncara import answers
from syncara.abc import Change, Messenger, Record
from syncara.answers import Language
from syncara.commands.desk import Desk
from syncara.core.board import Board
from syncara.core.errors import ApprovalError
from syncara.core.model import ExecutionStatus, StepStatus
from syncara.core.views import Execution
from syncara.handlers.forms import form_of
from syncara.policy.approval import Answer, Approval
from syncara.policy.approvals import OPERATOR, Approvals, question

logger = logging.getLogger("syncara")

ANNOUNCE = "announce"
APPROVAL = "(approval)"
"""Stands for the question among the waits that were told."""
SEND_TIMEOUT_S = 30.0
CHATS_AT_ONCE = 8
"""How many chats are written to at the same time; each gets its lines one after another."""
RETRY_FIRST_S, RETRY_MAX_S = 1.0, 300.0
PAGE = 1_000


class Announcement(msgspec.Struct, frozen=True):
    """Whom to tell of a run, and how."""

    chat_id: Any
    language: Language
    told: tuple[str, ...] = ()
    """The waits that the chat has been told of, and whether it was asked for an approval."""
    aside: bool = False
    """A code of another family started it; the chat is not told that it went well."""


class Announcer:
    def __init__(self, desk: Desk, approvals: Approvals, messenger: Messenger) -> None:
        self._desk = desk
        self._approvals = approvals
        self._messenger = messenger
        self._form = form_of(messenger)
        self._owed: dict[str, Announcement] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: set[str] = set()
        """Executions that are going to be looked at."""
        self._telling: set[asyncio.Task[None]] = set()
        self._chats: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._places = asyncio.Semaphore(CHATS_AT_ONCE)
        self._retry_s: dict[str, float] = {}
        self._questions: dict[str, asyncio.Task[None]] = {}
        """Under way, by execution."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take up what was not told before the last stop."""
        self._loop, self._places = loop, asyncio.Semaphore(CHATS_AT_ONCE)
        self._owed = {
            record.key: msgspec.json.decode(record.body or b"", type=Announcement) for record in self._records()
        }
        for execution_id in self._owed:
            self._look_at(execution_id)

    def stop(self) -> None:
        tasks = [*self._telling, *self._questions.values()]
        self._loop, self._questions = None, {}
        self._due.clear()
        for task in tasks:
            if not task.get_loop().is_closed():
                task.cancel()

    def owe(self, owed: Iterable[tuple[str, Announcement]], at: float) -> list[Change]:
        """Announce these runs, by their ids; returns what is to be written with their starts."""
        made: list[Change] = []
        for execution_id, announcement in owed:
            self._owed[execution_id] = announcement
            made.append(Record(ANNOUNCE, execution_id, at, msgspec.json.encode(announcement)))
        return made

    def hear(self, board: Board) -> None:
        """After each commit of an execution."""
        if board.execution_id in self._owed and (board.status.final or board.waiting or board.approve_by is not None):
            self._look_at(board.execution_id)

    def _look_at(self, execution_id: str) -> None:
        announcement = self._owed.get(execution_id)
        if self._loop is None or announcement is None or execution_id in self._due:
            return
        self._due.add(execution_id)
        told = self._tell(execution_id, announcement.chat_id)
        task = self._loop.create_task(told, name=f"syncara announces {execution_id}")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _records(self) -> Iterable[Record]:
        page = self._desk.records(ANNOUNCE, after="", limit=PAGE)
        while page:
            yield from page
            page = self._desk.records(ANNOUNCE, after=page[-1].key, limit=PAGE)

    async def _tell(self, execution_id: str, chat_id: Any) -> None:
        async with self._chats.setdefault(repr(chat_id), asyncio.Lock()), self._places:
            self._due.discard(execution_id)
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._tell_of(execution_id)
            except Exception as error:  # noqa: BLE001 - a messenger may raise anything; the next try may work
                self._try_again(execution_id, error)
            else:
                self._retry_s.pop(execution_id, None)

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
            if not (announcement.aside and execution.status is ExecutionStatus.COMPLETED):
                await self._send(execution, announcement, "end")
            await self._settled(execution_id)
        elif execution.status is ExecutionStatus.AWAITING_APPROVAL:
            if APPROVAL not in announcement.told and execution_id not in self._questions:
                await self._ask(execution_id, announcement)
        else:
            waits = self._waits(execution)
            if new := [wait for wait in waits if wait not in announcement.told]:
                await self._send(execution, announcement, new[0])
                await self._has_told(execution_id, announcement, waits)

    def _waits(self, execution: Execution) -> list[str]:
        """The steps that wait; for the second time, `name (2)`."""
        waiting = [step.name for step in execution.steps.values() if step.status is StepStatus.WAITING]
        times = Counter(self._desk.waits(execution.id)) if waiting else Counter()
        return [name if times[name] < 2 else f"{name} ({times[name]})" for name in waiting]  # noqa: PLR2004 - once

    async def _has_told(self, execution_id: str, announcement: Announcement, told: list[str]) -> None:
        kept = msgspec.structs.replace(announcement, told=tuple(told))
        await self._desk.write(self.owe([(execution_id, kept)], self._desk.now()))

    async def _ask(self, execution_id: str, announcement: Announcement) -> None:
        """Ask for an approval: with buttons, where somebody may press them, else by the words to answer with."""
        approval = self._approvals.of(execution_id)
        if approval is None:
            return
        ask = getattr(self._messenger, "ask", None) if approval.approvers else None
        how = "" if ask is not None else f"syncara approve {approval.id}"
        text = answers.render(question(approval, how, in_chat=True), announcement.language, self._form)
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
        text = answers.render(answers.announcement(execution), announcement.language, self._form)
        key = f"{execution.id}:announce:{what}"
        await self._messenger.send(announcement.chat_id, text, idempotency_key=key)
