"""Time that stands still: a clock moved by hand, and an asyncio loop that moves it when nothing else is left to do."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class FakeClock:
    """A clock that only moves when it is told to. Unix time in seconds."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._epoch = now
        self.elapsed = 0.0
        """Seconds since the clock was made; `shift` leaves it alone."""

    def now(self) -> float:
        return self._epoch + self.elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.elapsed += seconds

    def shift(self, seconds: float) -> None:
        """Set the wall clock forward, or back with a negative number; no time passes."""
        self._epoch += seconds


class Idle(Exception):
    """The loop waits for something that nothing in it will ever bring about."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on one thread that jumps to its next timer instead of waiting for it.

    What is meant for a thread pool runs at once, in place. `poll` is called before each turn of the loop.
    """

    def __init__(self, clock: FakeClock, poll: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        super().__init__(_Jump(clock, poll))

    def time(self) -> float:
        return self._clock.elapsed

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)
        return future

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: object) -> None:
        """Signals cannot reach a loop that never waits."""
        raise NotImplementedError

    def discard(self) -> None:
        """Drop what is unfinished, as the death of a process does, and close the loop."""
        self.set_exception_handler(lambda loop, context: None)
        dropped: set[asyncio.Task[Any]] = set()
        while tasks := asyncio.all_tasks(self) - dropped:  # one that is dropped may make another
            for task in tasks:
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - it is no mistake here
                coroutine: Any = task.get_coro()
                with contextlib.suppress(BaseException):  # a coroutine may object to its end in any way it likes
                    coroutine.close()
            dropped |= tasks
        self.close()


class _Jump(selectors.SelectSelector):
    def __init__(self, clock: FakeClock, poll: Callable[[], None]) -> None:
        super().__init__()
        self._clock = clock
        self._poll = poll

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._poll()
        if timeout is None:
            raise Idle("nothing is ready and no timer is set")
        if timeout > 0:
            self._clock.advance(timeout)
        return []
