"""Runs an example in real processes, kills them at given moments, and compares what they did with the journal."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from syncara import Execution, MultiStepProcessor
from syncara.core import events as e
from syncara.documents.embedded import EmbeddedDocuments
from syncara.stores.sqlite import SqliteStore
from tests.acceptance.rig_effects import Line, read
from tests.acceptance.rig_examples import TABLE, examples

ROOT = Path(__file__).parents[2]
NEVER = "never"
POLL_S = 0.002
"""How often the journal is looked at when it says when to kill."""
HANG_S = 60


class Rig:
    """One run of an example, over as many processes as it takes. Each check raises AssertionError."""

    def __init__(self, example: str, folder: Path, table: str = TABLE) -> None:
        """`table` names the module whose EXAMPLES has the example."""
        self._name = example
        self._table = table
        self._folder = folder
        self._database = folder / "syncara.db"
        self._file = folder / "effects"
        self._finished: set[str] = set()
        """Steps whose success was committed when the last process ended."""
        self._seen = 0
        """Lines that were in the file then."""
        self.inside: set[str] = set()
        """Steps that a kill caught under way."""

    def kill_at(self, moment: str) -> None:
        """Start the worker, kill it at the moment, and check what it left."""
        with self._worker(moment) as process:
            assert process.stdout is not None
            if moment.startswith("journal:"):
                self._await_event(moment.partition(":")[2], process)
            else:
                said = process.stdout.readline().strip()
                assert said == "held", f"{self._name}, {moment}: the moment did not come, the worker said {said!r}"
            process.kill()
            process.wait(HANG_S)
        assert process.returncode == -signal.SIGKILL
        self._check(moment)

    def finish(self) -> None:
        """Start the worker and let it bring the run to its end; check the whole."""
        with self._worker(NEVER) as process:
            said = process.communicate(timeout=HANG_S)[0].strip()
        assert (said, process.returncode) == ("completed", 0), f"{self._name} ended {said!r}"
        self._check("the end")
        self._check_whole()

    def _worker(self, moment: str) -> subprocess.Popen[str]:
        arguments = [self._name, str(self._database), str(self._file), moment, self._table]
        command = [sys.executable, "-m", "tests.acceptance.rig_worker", *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def _await_event(self, kind: str, process: subprocess.Popen[str]) -> None:
        """Until an event of this kind is committed; the worker goes on meanwhile."""
        text = f'"event":"{kind}"'.encode()
        while process.poll() is None:
            if self._database.exists():
                with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
                    if _has_event(connection, text):
                        return
            time.sleep(POLL_S)
        raise AssertionError(f"{self._name}: the worker ended before {kind} was committed")

    # What was left behind, read from a copy: the next process must find the files just as the kill left them.

    def _copy(self) -> Path:
        copy = self._folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for suffix in ("", "-wal"):
            path = self._database.with_name(self._database.name + suffix)
            if path.exists():
                shutil.copy(path, copy / path.name)
        return copy / self._database.name

    def _check(self, moment: str) -> None:
        """What holds after every death: steps begin after their journal says so, and never after their success."""
        where = f"{self._name}, after {moment}"
        path = self._copy()
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), where
        execution, history = _look(path)
        lines = read(self._file)
        again = {line.step for line in lines[self._seen :] if line.what == "begin"} & self._finished
        assert not again, f"{where}: finished steps ran again: {again}"
        begun = Counter(line.step for line in lines if line.what == "begin")
        scheduled = Counter(event.step for event in history if isinstance(event, e.StepScheduled))
        assert begun <= scheduled, f"{where}: begun without a word in the journal: {begun - scheduled}"
        self._seen = len(lines)
        self._finished = {event.step for event in history if isinstance(event, e.StepSucceeded)}
        if execution is not None:
            self.inside |= {name for name, step in execution.steps.items() if step.started_at and not step.status.final}

    def _check_whole(self) -> None:
        """What holds in the end: every step ended once, under one key, and the documents were written once."""
        path = self._copy()
        execution, history = _look(path)
        lines = read(self._file)
        assert execution is not None
        statuses = {name: str(step.status) for name, step in execution.steps.items()}
        assert (execution.status, {"completed"}) == ("completed", set(statuses.values())), f"not completed: {statuses}"
        succeeded = Counter(event.step for event in history if isinstance(event, e.StepSucceeded))
        noted = {line.step for line in lines}
        assert noted == set(succeeded), "the file and the journal name different steps"
        assert {1} == set(succeeded.values()), f"succeeded more than once: {succeeded}"
        for step in noted:
            _check_step(step, [line for line in lines if line.step == step], history)
        expected = examples(self._table)[self._name].documents
        found = _documents(path, expected)
        assert expected == found, f"the documents are not what one write each makes of them: {found}"


def _check_step(step: str, lines: list[Line], history: list[e.AnyEvent]) -> None:
    assert lines[-1].what == "end", f"{step}: the success was not the end of what it did"
    assert len({line.key for line in lines}) == 1, f"{step}: more than one idempotency key"
    attempts = [line.attempt for line in lines if line.attempt is not None]
    assert attempts == sorted(attempts), f"{step}: attempts out of order: {attempts}"
    erred = [event.attempt for event in history if isinstance(event, e.StepErred) and event.step == step]
    assert erred == list(range(1, len(erred) + 1)), f"{step}: each failed attempt is journaled once: {erred}"
    if attempts:
        assert max(attempts) == len(erred) + 1, f"{step}: a crash used up a retry"


def _look(path: Path) -> tuple[Execution | None, list[e.AnyEvent]]:
    reader = MultiStepProcessor(path)
    try:
        executions = reader.list_executions()
        assert len(executions) <= 1
        return (executions[0], reader.get_history(executions[0].id)) if executions else (None, [])
    finally:
        asyncio.run(reader.stop())


def _documents(path: Path, collections: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    async def find() -> dict[str, list[dict[str, Any]]]:
        documents = EmbeddedDocuments(store.file)
        return {name: await documents.find(name, {}, projection={"_id": 0}) for name in collections}

    store = SqliteStore(path)
    try:
        return asyncio.run(find())
    finally:
        store.close()


def _has_event(connection: sqlite3.Connection, text: bytes) -> bool:
    try:
        return bool(connection.execute("SELECT 1 FROM events WHERE instr(body, ?)", (text,)).fetchone())
    except sqlite3.OperationalError:  # the schema is not there yet
        return False


def run_family(example: str, folder: Path, moments: list[str], table: str = TABLE) -> set[str]:
    """One run, killed at each moment in turn; returns the steps that the kills caught under way."""
    folder.mkdir()
    rig = Rig(example, folder, table)
    for moment in moments:
        rig.kill_at(moment)
    rig.finish()
    return rig.inside
