"""Ties a runtime to the event loop that it runs on: start, stop, a loop that closes, SIGTERM.

All of them interrupt: what runs goes on at the next start. Nothing here cancels an execution.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Protocol

from syncara.core.errors import InvalidStateError
from syncara.runtimes.local import LocalRuntime

logger = logging.getLogger("syncara")

CLEAN_UP_EVERY_S = 3600.0

_started: weakref.WeakSet[Lifecycle] = weakref.WeakSet()
"""All of this process: the one that answers SIGTERM stops the others on its loop too."""


class Companion(Protocol):
    """What runs as long as the runtime does, on the same loop."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None: ...

    def stop(self) -> None: ...


class Lifecycle:
    def __init__(
        self, runtime: LocalRuntime, clean_up: Callable[[], None] | None, companions: Sequence[Companion] = ()
    ) -> None:
        """`clean_up` is called in a thread, at the start and once an hour from then on."""
        self._runtime = runtime
        self._companions = companions
        self._clean_up = clean_up
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start on the running loop, unless it runs there. Raises InvalidStateError beside another open loop."""
        loop = asyncio.get_running_loop()
        owner = self._runtime.loop
        if owner is not None and owner.is_closed():
            self._runtime.abandon()
        elif owner is loop:
            return
        elif owner is not None:
            raise _other_loop()
        self._runtime.start(loop, self._closing)
        for companion in self._companions:
            companion.start(loop)
        self._keeper = loop.create_task(self._keep(), name="syncara keeper")
        _started.add(self)
        self._trap_sigterm(loop)

    def require_own_loop(self) -> None:
        """Raises InvalidStateError on another loop than the one that it runs on, while that is open."""
        owner = self._runtime.loop
        if owner is not None and owner is not asyncio.get_running_loop() and not owner.is_closed():
            raise _other_loop()

    async def stop(self) -> None:
        await self._end()
        keeper, self._keeper = self._keeper, None
        if keeper is not None and not keeper.done():
            keeper.cancel()

    def _closing(self) -> bool:
        """Whether the loop is ending: asyncio.run cancels every task at its end, the keeper too."""
        return self._keeper is None or self._keeper.done() or self._keeper.cancelling() > 0

    async def _keep(self) -> None:
        """Lives as long as the loop; interrupts the runtime when the loop ends."""
        try:
            while self._clean_up is not None:
                try:
                    await asyncio.to_thread(self._clean_up)
                except Exception as error:  # noqa: BLE001 - the clean-up must not end the engine
                    logger.warning("old executions were not deleted: %s", error)
                await asyncio.sleep(CLEAN_UP_EVERY_S)
            await asyncio.get_running_loop().create_future()
        finally:
            await self._end()

    async def _end(self) -> None:
        for companion in self._companions:
            companion.stop()
        await self._runtime.stop()

    def _trap_sigterm(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop in good order on SIGTERM, where nobody else has a say in it; the process still ends by the signal."""
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(signal.SIGTERM, self._terminate, loop)

    def _terminate(self, loop: asyncio.AbstractEventLoop) -> None:
        async def end() -> None:
            try:
                for lifecycle in list(_started):
                    if lifecycle._runtime.loop is loop:  # noqa: SLF001 - another one of this class
                        await lifecycle.stop()
            finally:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGTERM)

        self._ending = loop.create_task(end(), name="syncara end")


def _other_loop() -> InvalidStateError:
    return InvalidStateError(
        "other_loop",
        "the engine runs on another event loop, which is still open",
        fix="call it from that loop, stop it there first, or make a MultiStepProcessor with its own database",
    )
