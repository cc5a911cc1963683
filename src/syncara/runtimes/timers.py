"""Many wake times on one loop timer: the next one due, and no polling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

SLICE = 200
"""How many keys fire in one turn of the loop, so that a crowd does not hold up the others."""
NAP_MAX_S = 60.0
"""A timer is set no further ahead than this, because the clock that the times are on may jump meanwhile."""


class Timers(Generic[K]):
    """Calls `fire(key)` at each key's time. `now` gives the clock that the times are on; it may jump."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float], fire: Callable[[K], None]) -> None:
        self._loop = loop
        self._now = now
        self._fire = fire
        self._times: dict[K, float] = {}
        self._heap: list[tuple[float, K]] = []
        self._handle: asyncio.TimerHandle | asyncio.Handle | None = None
        self._armed_for = float("inf")

    def set(self, key: K, when: float) -> None:
        """Fire `key` at `when` (once), instead of any time set before."""
        if self._times.get(key) == when:
            return
        self._times[key] = when
        heappush(self._heap, (when, key))
        if len(self._heap) > 2 * len(self._times) + 64:
            self._heap = [(at, k) for k, at in self._times.items()]
            heapify(self._heap)
        if when < self._armed_for:
            self._arm()

    def discard(self, key: K) -> None:
        self._times.pop(key, None)

    def close(self) -> None:
        self._times.clear()
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _arm(self) -> None:
        heap = self._heap
        while heap and self._times.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._armed_for = heap[0][0] if heap else float("inf")
        if heap:
            ahead = min(max(self._armed_for - self._now(), 0.0), NAP_MAX_S)
            self._handle = self._loop.call_later(ahead, self._ring)

    def _ring(self) -> None:
        self._handle = None
        self._armed_for = float("inf")
        now, fired = self._now(), 0
        while self._heap and self._heap[0][0] <= now and fired < SLICE:
            when, key = heappop(self._heap)
            if self._times.get(key) == when:
                del self._times[key]
                fired += 1
                self._fire(key)
        self._arm()
