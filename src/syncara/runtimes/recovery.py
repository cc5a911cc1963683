"""Takes up open executions at start, and lets blocked steps go on when what they lack is there.

Recovery has no rules of its own: an execution is folded from its journal and fed RunnerLost; the machine does the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from syncara.abc import Handler
from syncara.core import events as e
from syncara.core.model import StepStatus
from syncara.runtimes.driver import RUNNER, Block
from syncara.runtimes.resident import Resident

logger = logging.getLogger("syncara")

SLICE = 50
"""Executions taken up in one turn of the loop."""


class Recovery:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        *,
        post: Callable[[int, e.Fact], bool],
        feed: Callable[[Resident, e.Fact], bool],
        handler: Callable[[str], Handler | None],
        clean: bool,
    ) -> None:
        """`post` takes a fact in for a key, `feed` for a resident. `clean`: the last runner ended well."""
        self._loop, self._now = loop, now
        self._post, self._feed, self._handler = post, feed, handler
        self._clean = clean
        self._open: dict[int, None] = {}
        """Executions with attempts that the runner before this one may not have finished, until they are read."""
        self._ahead: deque[int] = deque()
        """Those that nothing has been tried with yet."""
        self._missing: dict[str, dict[tuple[int, str], None]] = {}
        """Steps that are blocked, by the handler that they lack."""
        self._suspects: deque[tuple[int, str]] = deque()
        self._deferred: dict[int, list[tuple[int, str]]] = {}
        """Suspects that could not use their turn (their run is paused, or has no free slot), by execution."""
        self._turn: tuple[int, str] | None = None
        """The suspect that runs now; the others wait."""
        self._closed = False

    def add(self, key: int) -> None:
        self._open[key] = None
        self._ahead.append(key)

    def begin(self) -> None:
        if self._ahead:
            self._loop.call_soon(self._slice)

    def finish(self) -> None:
        """Take up what is left: after this runner's clean end, nobody would know that the one before it died."""
        while self._ahead and not self._clean:
            self._take_up(self._ahead.popleft())

    def close(self) -> None:
        self._closed = True

    def _slice(self) -> None:
        if self._closed:
            return
        for _ in range(min(SLICE, len(self._ahead))):
            self._take_up(self._ahead.popleft())
        self.begin()

    def _take_up(self, key: int) -> None:
        if key in self._open:
            self._post(key, e.Ticked(self._now()))

    def look_at(self, resident: Resident) -> None:
        """Tell an execution that was just loaded what it missed."""
        board = resident.board
        waiting = [
            Block(step.name, node.signal, step.handler)
            for step, node in zip(board.plan.steps, board.nodes, strict=True)
            if board.waiting and node is not None and node.status is StepStatus.BLOCKED
        ]
        if resident.key in self._open:
            del self._open[resident.key]
            self._feed(resident, e.RunnerLost(self._now(), clean=self._clean))
        for block in waiting:
            self.blocked(resident, block)

    # Blocked steps.

    def blocked(self, resident: Resident, block: Block) -> None:
        slot = (resident.key, block.step)
        if block.signal == RUNNER:
            self._signal(*slot, RUNNER)
            return
        if block.signal == "turn":
            if slot != self._turn and slot not in self._suspects:
                self._suspects.append(slot)
            self._next_turn()
            return
        self._missing.setdefault(block.handler, {})[slot] = None
        if self._handler(block.handler) is not None:
            self.handler_registered(block.handler)
        else:
            text = "step '%s' waits: no handler '%s' is registered in this process; register it, and the step goes on"
            logger.warning(text, block.step, block.handler)

    def handler_registered(self, name: str) -> None:
        for key, step in self._missing.pop(name, ()):
            self._signal(key, step, "handler")

    def attempt_ended(self, key: int, step: str) -> None:
        if self._turn == (key, step):
            self._turn = None
            self._next_turn()

    def committed(self, key: int, *, final: bool) -> None:
        """An execution has changed: a suspect of it may be able to use a turn now."""
        deferred = self._deferred.pop(key, ())
        if deferred and not final:
            self._suspects.extend(deferred)
            self._next_turn()

    def _next_turn(self) -> None:
        while self._turn is None and self._suspects:
            self._turn = self._suspects.popleft()
            if not self._signal(*self._turn, "turn"):
                self._deferred.setdefault(self._turn[0], []).append(self._turn)
                self._turn = None

    def _signal(self, key: int, step: str, signal: str) -> bool:
        return self._post(key, e.Signalled(self._now(), step, signal))
