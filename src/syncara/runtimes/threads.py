"""Threads for handlers that are plain functions.

They are daemons, so a handler that never returns cannot keep the process from ending; and one that was given up on
counts no longer, so it cannot starve the others.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

THREADS_MAX = 64
"""Attempts of plain functions under way at once; more wait their turn, and their timeout starts with it."""

Report = Callable[[Any, BaseException | None], None]


class Job:
    """One call in a thread. `started` and `report` run on the event loop; neither after `abandon`."""

    def __init__(
        self, fn: Callable[[], Any], started: Callable[[], None], report: Report, returned: asyncio.Future[None]
    ) -> None:
        """`returned` is done when the call has returned, also after `abandon`."""
        self.fn = fn
        self.started = started
        self.report = report
        self.returned = returned
        self.abandoned = False
        self.context = contextvars.copy_context()


class Threads:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Job] = deque()
        self._active: set[Job] = set()
        self._idle: list[queue.SimpleQueue[Job | None]] = []
        self._closed = False

    def run(self, fn: Callable[[], Any], started: Callable[[], None], report: Report) -> Job:
        job = Job(fn, started, report, self._loop.create_future())
        self._waiting.append(job)
        self._dispatch()
        return job

    def abandon(self, job: Job) -> None:
        """Give up on a job: its outcome is ignored, and its thread is no longer counted."""
        job.abandoned = True
        self._active.discard(job)
        self._dispatch()

    def close(self) -> list[asyncio.Future[None]]:
        """Abandon everything; threads end when they are idle.

        Returns a future for each call that is under way, done when that has returned.
        """
        self._closed = True
        self._waiting.clear()
        for job in self._active:
            job.abandoned = True
        returning = [job.returned for job in self._active]
        self._active.clear()
        for inbox in self._idle:
            inbox.put(None)
        self._idle.clear()
        return returning

    def _dispatch(self) -> None:
        while self._waiting and len(self._active) < THREADS_MAX:
            job = self._waiting.popleft()
            if job.abandoned:
                continue
            self._active.add(job)
            job.started()
            if self._idle:
                self._idle.pop().put(job)
            else:
                inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
                inbox.put(job)
                threading.Thread(target=self._work, args=(inbox,), name="syncara-handler", daemon=True).start()

    def _work(self, inbox: queue.SimpleQueue[Job | None]) -> None:
        while (job := inbox.get()) is not None:
            value, error = None, None
            try:
                value = job.context.run(job.fn)
            except BaseException as raised:  # noqa: BLE001 - a handler's SystemExit is its failure, not ours
                error = raised
            try:
                self._loop.call_soon_threadsafe(self._done, job, value, error, inbox)
            except RuntimeError:  # the loop is closed: nobody is left to tell
                return
            del job, value, error

    def _done(self, job: Job, value: Any, error: BaseException | None, inbox: queue.SimpleQueue[Job | None]) -> None:
        if self._closed or (job.abandoned and len(self._active) >= THREADS_MAX):
            inbox.put(None)
        else:
            self._idle.append(inbox)
        job.returned.set_result(None)
        if not job.abandoned:
            self._active.discard(job)
            job.report(value, error)
        self._dispatch()
