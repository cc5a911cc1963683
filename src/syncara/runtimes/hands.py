"""Calls handlers on the local machine and reports what came of each attempt.

An attempt is reported exactly once, or not at all: one that was stopped or interrupted ends without a word, and one
that outlived its timeout is reported as timed out, whatever it returns later.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from syncara.abc import Clock, Handler
from syncara.core import events as e
from syncara.core.errors import Problem
from syncara.core.limits import RESULT_BYTES_MAX
from syncara.core.model import Author
from syncara.runtimes import driver
from syncara.runtimes.driver import Call
from syncara.runtimes.room import Quotas
from syncara.runtimes.threads import Job, Threads
from syncara.runtimes.timers import Timers

logger = logging.getLogger("syncara")

GRACE_S = 1.0
"""How long a cancelled attempt may take to clean up before its step goes on without it."""
TURN_S = 0.02
"""How long attempts may begin, and direct handlers run, before the event loop does something else."""

Outcome = e.StepSucceeded | e.StepErred
Slot = tuple[int, str]
"""An execution's key and a step's name: what can have one attempt at a time."""
Report = Callable[[int, Outcome], None]


class Guard(Protocol):
    """Judges calls, and says how much an author may take."""

    def refuses(self, call: Call) -> Problem | None:
        """What keeps a call of what an assistant wrote from being made; its params are rendered."""

    def quotas(self, author: Author, chat_id: Any) -> Quotas:
        """Of what one author wrote, in a chat."""


class Attempt:
    """One attempt in a handler."""

    __slots__ = ("call", "job", "mute", "slot", "task", "verdict")

    def __init__(self, slot: Slot, call: Call) -> None:
        self.slot = slot
        self.call = call
        self.task: asyncio.Task[None] | None = None
        self.job: Job | None = None
        self.verdict: Outcome | None = None
        """What will be reported, whatever the handler still does."""
        self.mute = False


class Hands:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        handler: Callable[[str], Handler | None],
        report: Report,
        closing: Callable[[], bool],
        guard: Guard | None = None,
    ) -> None:
        self._guard = guard
        self._loop = loop
        self._context = contextvars.copy_context()
        self._clock = clock
        self._handler = handler
        self._report = report
        self._closing = closing
        self._attempts: dict[Slot, Attempt] = {}
        self._threads = Threads(loop)
        self._deadlines: Timers[Slot] = Timers(loop, loop.time, self._overdue)
        self._waiting: deque[Attempt] = deque()
        """For the next turn of the loop."""
        self._turn_ends: float | None = None
        """On the clock of the loop; None before something begins in this turn."""

    @property
    def busy(self) -> int:
        """Attempts under way."""
        return len(self._attempts)

    def start(self, key: int, call: Call) -> None:
        attempt = Attempt((key, call.name), call)
        self._attempts[attempt.slot] = attempt
        self._waiting.append(attempt)
        if len(self._waiting) == 1:
            self._begin_waiting()

    def _begin_waiting(self) -> None:
        """Begin what waits, as far as this turn of the loop goes."""
        if self._turn_ends is None:
            self._turn_ends = self._loop.time() + TURN_S
            self._loop.call_soon(self._next_turn, context=self._context)
        while self._waiting and self._loop.time() < self._turn_ends:
            attempt = self._waiting.popleft()
            if not attempt.mute:
                self._begin(attempt)

    def _next_turn(self) -> None:
        self._turn_ends = None
        if self._waiting:
            self._begin_waiting()

    def _begin(self, attempt: Attempt) -> None:
        call = attempt.call
        handler = self._handler(call.handler)
        if handler is None:
            self._end(attempt, driver.unknown_handler(call, self._clock.now()))
            return
        if (refusal := self._refusal(call)) is not None:
            self._end(attempt, driver.refused(call, refusal, self._clock.now()))
            return
        if handler.params is not None:
            try:
                given = call.step.given if handler.mode == "direct" else call.step.params
                call.step.params = msgspec.convert(given, handler.params)
            except Exception as error:  # noqa: BLE001 - a params class may raise anything
                self._end(attempt, driver.bad_params(call, error, self._clock.now()))
                return
        if handler.mode == "direct":
            call.execution.share()
            self._end(attempt, self._direct(handler, call))
        elif handler.mode == "task":
            self._set_deadline(attempt)
            attempt.task = self._loop.create_task(
                self._in_task(handler, attempt), name=f"syncara {call.name}", context=self._context.copy()
            )
        else:
            attempt.job = self._threads.run(
                lambda: handler.fn(call.step, call.execution),
                lambda: self._set_deadline(attempt),
                lambda value, error: self._end(attempt, self._outcome(call, value, error)),
            )

    def _refusal(self, call: Call) -> Problem | None:
        if self._guard is None or call.execution.author == "developer":
            return None
        return self._guard.refuses(call)

    def stop(self, slot: Slot) -> None:
        """Cancel an attempt and report nothing."""
        attempt = self._attempts.pop(slot, None)
        if attempt is not None:
            self._silence(attempt)

    def drop(self) -> list[asyncio.Future[None]]:
        """Interrupt every attempt; returns what is still under way: tasks that clean up, and plain functions."""
        attempts = list(self._attempts.values())
        self._attempts.clear()
        self._waiting.clear()
        returning = self._threads.close()
        for attempt in attempts:
            self._silence(attempt)
        self._deadlines.close()
        tasks = [attempt.task for attempt in attempts if attempt.task is not None and not attempt.task.done()]
        return [*tasks, *returning]

    def _silence(self, attempt: Attempt) -> None:
        attempt.mute = True
        self._deadlines.discard(attempt.slot)
        if attempt.task is not None:
            attempt.task.cancel()
        if attempt.job is not None:
            self._threads.abandon(attempt.job)

    def _direct(self, handler: Handler, call: Call) -> Outcome:
        try:
            value = handler.fn(call.step, call.execution)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is this step's failure
            return self._failure(call, error)
        return self._success(call, value)

    def _success(self, call: Call, value: Any) -> Outcome:
        if self._guard is None:
            return driver.success(call, value, self._clock.now())
        most = self._guard.quotas(call.execution.author, call.execution.chat_id).result_bytes
        most = RESULT_BYTES_MAX if most is None else min(most, RESULT_BYTES_MAX)
        return driver.success(call, value, self._clock.now(), most)

    async def _in_task(self, handler: Handler, attempt: Attempt) -> None:
        value, error = None, None
        try:
            value = await handler.fn(attempt.call.step, attempt.call.execution)
        except BaseException as raised:  # noqa: BLE001 - SystemExit in a handler must not end the bot
            error = raised
        if error is not None and attempt.verdict is None and self._closing():
            return  # interrupted with its loop; the next start makes the attempt again
        self._end(attempt, self._outcome(attempt.call, value, error))

    def _outcome(self, call: Call, value: Any, error: BaseException | None) -> Outcome:
        if error is None:
            return self._success(call, value)
        return self._failure(call, error)

    def _failure(self, call: Call, error: BaseException) -> Outcome:
        """The journal keeps what the exception says; where it was raised goes to the log."""
        logger.info("step '%s', attempt %d: the handler raised", call.name, call.attempt, exc_info=error)
        return driver.failure(call, error, self._clock.now())

    def _end(self, attempt: Attempt, outcome: Outcome) -> None:
        if attempt.mute:
            return
        attempt.mute = True
        self._deadlines.discard(attempt.slot)
        self._attempts.pop(attempt.slot, None)
        self._report(attempt.slot[0], attempt.verdict or outcome)

    def _set_deadline(self, attempt: Attempt) -> None:
        self._deadlines.set(attempt.slot, self._loop.time() + attempt.call.timeout)

    def _overdue(self, slot: Slot) -> None:
        attempt = self._attempts.get(slot)
        if attempt is None:
            return
        attempt.verdict = driver.timeout(attempt.call, self._clock.now())
        if attempt.job is not None:
            self._threads.abandon(attempt.job)
            self._end(attempt, attempt.verdict)
        elif attempt.task is not None:
            # The task gets a moment to clean up, so that a retry does not overlap with it.
            attempt.task.cancel()
            self._loop.call_later(GRACE_S, self._end, attempt, attempt.verdict)
