"""Executions that a database cannot be asked about, or be told of, just now; and when that is tried again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from syncara.core import events as e
from syncara.core.errors import StorageError
from syncara.runtimes.resident import Resident

logger = logging.getLogger("syncara")

RETRY_FIRST_S, RETRY_MAX_S = 0.1, 5.0
"""How soon, and how seldom at the most, what failed is tried again."""


class Stalled:
    """Executions whose last commit failed: what happens to them is kept until the disk takes writes again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, restore: Callable[[Resident], None]) -> None:
        """`restore`: fold an execution from its journal, and feed it what was kept."""
        self._loop = loop
        self._restore = restore
        self._residents: dict[int, Resident] = {}
        self._retry_s = RETRY_FIRST_S
        self._timer: asyncio.TimerHandle | None = None
        self._read_again_s: dict[int, float] = {}
        """The next waits of the executions that could not be read."""

    def __contains__(self, key: int) -> bool:
        return key in self._residents

    def __len__(self) -> int:
        return len(self._residents)

    def add(self, resident: Resident) -> None:
        self._residents[resident.key] = resident

    def keep(self, key: int, fact: e.Fact) -> None:
        """Keep what happened to one of them."""
        self._residents[key].kept.append(fact)

    def clear(self) -> None:
        self._residents.clear()
        if self._timer is not None:
            self._timer.cancel()

    def require_writable(self, resident: Resident | None) -> None:
        """Raises StorageError for one of them."""
        if resident is not None and resident.key in self._residents:
            raise StorageError(
                "storage_stalled",
                "the database does not take writes now; this execution goes on when it does",
                where=resident.board.execution_id,
                fix="free disk space, then ask again",
            )

    def retry_later(self, error: BaseException) -> None:
        """Restore them after a wait, which is longer each time."""
        if self._timer is not None or not self._residents:
            return
        if self._retry_s == RETRY_FIRST_S:
            logger.error("the database does not take writes; nothing new starts until it does: %s", error)
        self._timer = self._loop.call_later(self._retry_s, self.retry)
        self._retry_s = min(self._retry_s * 2, RETRY_MAX_S)

    def retry(self) -> None:
        """Restore them now. Those that still cannot be written come back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        stalled, self._residents = self._residents, {}
        for resident in stalled.values():
            self._restore(resident)

    def written(self) -> None:
        """A commit went well."""
        if self._retry_s > RETRY_FIRST_S and not self._residents:
            self._retry_s = RETRY_FIRST_S
            logger.info("the database takes writes again")

    def read_again_s(self, key: int) -> float:
        """How long to wait before an execution is read again, which is longer each time."""
        wait = self._read_again_s.get(key, RETRY_FIRST_S)
        self._read_again_s[key] = min(wait * 2, RETRY_MAX_S)
        return wait

    def read(self, key: int) -> None:
        """An execution was read."""
        self._read_again_s.pop(key, None)
