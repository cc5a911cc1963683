"""What a second process does in a test: `python child.py <what> <database>`. It talks in lines of JSON."""

from __future__ import annotations

import itertools
import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from syncara.core.errors import DatabaseBusy, StorageError
from syncara.core.limits import MIB
from syncara.stores.sqlite import SqliteStore
from tests.stores.samples import code, commit, define_welcome, entry, must_commit, step, summary, workflow


def say(what: Any) -> None:
    print(json.dumps(what), flush=True)


def hold(path: str) -> None:
    """Run the database until standard input ends."""
    store = SqliteStore(path)
    store.acquire()
    say("acquired")
    sys.stdin.read()


def run(path: str) -> None:
    """Try to become the runner."""
    try:
        SqliteStore(path).acquire()
    except DatabaseBusy as error:
        say([error.pid, str(error)])


def define(path: str) -> None:
    """Define a workflow named after this process."""
    store = SqliteStore(path)
    store.save_workflow(workflow(f"w{os.getpid()}", "a"))
    store.add_steps(f"w{os.getpid()}", [step("b")])
    store.close()


def append(path: str) -> None:
    """Append for ever, two executions in each transaction, and say what was acknowledged."""
    store = SqliteStore(path)
    key = store.acquire().next_key
    define_welcome(store)
    under_way = threading.Semaphore(8)

    def done(error: BaseException | None, seq: int) -> None:
        say([key, seq, code(error)])
        under_way.release()

    for seq in itertools.count():
        under_way.acquire()
        entries = [entry(k, seq, listed=summary(k, progress=float(seq))) for k in (key, key + 1)]
        store.append(entries, partial(done, seq=seq), inline=seq % 2 == 0)


def outgrow(path: str) -> None:
    """Append beyond a limit on the size of files, and again without the limit."""
    store = SqliteStore(path)
    store.acquire()
    define_welcome(store)
    must_commit(store, entry(1, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * MIB, hard))
    big = entry(1, 1, size=16 * MIB)
    limited = commit(store, big)
    rows = len(store.rows(1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    say([code(limited), rows, code(commit(store, big)), len(store.rows(1))])


def open_as_nobody(path: str) -> None:
    """Open the database as a user who owns nothing."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        SqliteStore(path)
    except StorageError as error:
        say([error.code, error.where])


COMMANDS: list[Callable[[str], None]] = [hold, run, define, append, outgrow, open_as_nobody]

if __name__ == "__main__":
    {command.__name__: command for command in COMMANDS}[sys.argv[1]](sys.argv[2])
