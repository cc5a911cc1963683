"""Another process: it opens the database read-only, prints the run and the user as they are stored, and checks them.

    python show.py DATABASE CALLS EXECUTION_ID

Exits with 1 and says what, when the files do not hold what the demo promises.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from syncara import Execution, MultiStepProcessor, SyncaraError
from syncara.doors.cli.live import view

RECORDED = ("send_message", "find_time_zone")
"""Handlers whose calls the worker records."""


class Stored(NamedTuple):
    """What the files hold."""

    run_ids: list[str]
    run: Execution
    attempts: dict[str, int]
    """In the journal, by idempotency key, of each step that ran and whose calls are recorded."""
    users: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    """What the worker recorded."""


class Check(NamedTuple):
    claim: str
    holds: bool
    found: str


def read(database: Path, calls: Path, execution_id: str) -> Stored:
    """What the files hold. Syncara gets a copy of the database, because it also opens for writing what it reads."""
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as file:
        users = file.execute("SELECT body FROM documents WHERE collection = 'users'").fetchall()
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy.db")
            with closing(sqlite3.connect(copy)) as target:
                file.backup(target)
            run_ids, run, attempts = read_run(copy, execution_id)
    recorded = [json.loads(line) for line in calls.read_text().splitlines()]
    return Stored(run_ids, run, attempts, [json.loads(body) for (body,) in users], recorded)


def read_run(copy: Path, execution_id: str) -> tuple[list[str], Execution, dict[str, int]]:
    processor = MultiStepProcessor(copy)
    try:
        run = processor.get_execution(execution_id)
        steps = processor.get_workflow(run.workflow_id).steps
        attempts = {f"{run.id}:{step.id}": run.steps[step.id].attempts for step in steps if step.handler in RECORDED}
        return [each.id for each in processor.list_executions()], run, {key: n for key, n in attempts.items() if n}
    finally:
        asyncio.run(processor.stop())


def checks(stored: Stored, execution_id: str) -> Iterator[Check]:
    run, user = stored.run, stored.users[0] if stored.users else {}
    yield Check("The run is completed.", run.status == "completed", f"it is {run.status}, at {run.progress:.0f} %")
    yield Check(
        "It is one run, under the id that it got at its start.",
        [execution_id] == stored.run_ids,
        f"the runs are {', '.join(stored.run_ids)}",
    )
    calls = Counter(call["key"] for call in stored.calls)
    again = [key for key in calls | stored.attempts if calls[key] != stored.attempts.get(key, 0)]
    yield Check(
        f"No step ran again: {calls.total()} calls recorded, {sum(stored.attempts.values())} attempts in the journal.",
        not again,
        "the calls and the attempts differ for " + ", ".join(again),
    )
    pids = list(dict.fromkeys(call["pid"] for call in stored.calls))
    yield Check(
        f"Two processes shared the work: {' and '.join(map(str, pids))}.", len(pids) == 2, f"it was {len(pids)}"
    )
    yield Check(
        "The user was saved once and updated once.",
        len(stored.users) == 1 and user.get("onboarded") is True and user.get("updates") == 1,
        f"the users are {json.dumps(stored.users)}",
    )


def report(console: Console, stored: Stored, execution_id: str) -> int:
    """Print what is stored, then each check. Returns the exit code."""
    console.print(view(stored.run, time.time()))
    console.print()
    for user in stored.users:
        fields = ", ".join(f"{name}: {json.dumps(value)}" for name, value in user.items() if name != "_id")
        console.print(Text.assemble(("user  ", "dim"), fields))
    console.print()
    code = 0
    for check in checks(stored, execution_id):
        if check.holds:
            console.print(Text.assemble(("✓ ", "green"), check.claim))
        else:
            code = 1
            console.print(Text.assemble(("✗ Not as stated: ", "red"), f"{check.claim} But {check.found}."))
    return code


def main(database: Path, calls: Path, execution_id: str) -> int:
    console = Console()
    console.print(Text(f"Process {os.getpid()} opens {database.name} read-only and finds:\n", "bold"))
    try:
        stored = read(database, calls, execution_id)
    except SyncaraError as error:
        console.print(Text.assemble(("✗ Not as stated: ", "red"), str(error)))
        return 1
    return report(console, stored, execution_id)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
