"""What the rig's handlers did to the world: one line in an append-only file for each begin and each end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec


class Line(msgspec.Struct, frozen=True):
    step: str
    attempt: int | None
    """None where the one who writes is not told (a messenger, say)."""
    key: str
    what: str
    """`begin`, `end`, or `fail`."""

    def is_at(self, moment: str) -> bool:
        """Whether a moment such as `begin:Fetch` or `begin:Fetch#2` (of the second attempt) is this line."""
        return moment in {f"{self.what}:{self.step}", f"{self.what}:{self.step}#{self.attempt}"}


def read(path: Path) -> list[Line]:
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]


class Effects:
    """Writes lines, each durable before the handler goes on; and holds the process at one moment, to be killed there.

    The moment is a line, or `commit:n`: the n-th transaction of this process that carries events is about to commit.
    """

    def __init__(self, path: str, moment: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._moment = moment
        self._commits = 0
        self._carries_events = self._in_transaction = False

    @contextmanager
    def during(self, step: str, attempt: int | None, key: str) -> Iterator[None]:
        self._write(Line(step, attempt, key, "begin"))
        try:
            yield
        except BaseException:
            self._write(Line(step, attempt, key, "fail"))
            raise
        self._write(Line(step, attempt, key, "end"))

    def _write(self, line: Line) -> None:
        os.write(self._descriptor, msgspec.json.encode(line) + b"\n")
        os.fsync(self._descriptor)
        if line.is_at(self._moment):
            hold()

    def trace(self, statement: str) -> None:
        """Told each SQL statement of the connection that writes, before it runs."""
        word, events = statement.partition(" ")[0], statement.startswith("INSERT INTO events")
        if word == "BEGIN":
            self._in_transaction = True
        elif events and self._in_transaction:
            self._carries_events = True
        elif events or (word == "COMMIT" and self._carries_events):  # one row is a transaction of its own
            self._carries_events = False
            self._commits += 1
            if self._moment == f"commit:{self._commits}":
                hold()
        if word in ("COMMIT", "ROLLBACK"):
            self._in_transaction = False


def hold() -> None:
    """Say so, and stop this thread for good; that of the event loop takes everything but a commit with it."""
    print("held", flush=True)
    threading.Event().wait()
