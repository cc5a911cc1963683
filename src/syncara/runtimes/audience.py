"""Who waits for an execution's end, and who listens to its commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from syncara.core.board import Board


class Audience:
    """Of one runtime, on its event loop."""

    def __init__(self) -> None:
        self._waiters: dict[str, list[asyncio.Future[Board | None]]] = {}
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self.heard: Callable[[Board], None] | None = None
        """Called after each commit of an execution, with its board."""

    async def wait(self, execution_id: str) -> Board | None:
        """The board of an execution that has ended meanwhile; None when the runtime stops before."""
        waiter: asyncio.Future[Board | None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(execution_id, []).append(waiter)
        try:
            return await waiter
        finally:
            waiters = self._waiters.get(execution_id, [])
            if waiter in waiters:
                waiters.remove(waiter)
                if not waiters:
                    del self._waiters[execution_id]

    def listen(self, execution_id: str) -> asyncio.Event:
        """An event that is set at each commit of an execution, and when the runtime stops."""
        listener = asyncio.Event()
        self._listeners.setdefault(execution_id, set()).add(listener)
        return listener

    def unlisten(self, execution_id: str, listener: asyncio.Event) -> None:
        listeners = self._listeners.get(execution_id, set())
        listeners.discard(listener)
        if not listeners:
            self._listeners.pop(execution_id, None)

    def committed(self, board: Board) -> None:
        for listener in self._listeners.get(board.execution_id, ()):
            listener.set()
        if self.heard is not None:
            self.heard(board)

    def ended(self, board: Board) -> None:
        for waiter in self._waiters.pop(board.execution_id, ()):
            if not waiter.done():
                waiter.set_result(board)

    def leave(self, *, closed: bool) -> None:
        """The runtime stops. `closed`: its event loop has been closed, so that nobody there can be told."""
        for waiter in [waiter for waiters in self._waiters.values() for waiter in waiters]:
            if not closed and not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.set()
