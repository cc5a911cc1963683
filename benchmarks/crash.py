"""SIGKILL with hundreds of executions in flight, then a restart: what is lost, what runs twice, how long it takes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import time
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.workload import ROOT, TIMEOUT_S, Measures, chain_of, child, command, main, processor

STEPS = 3
BODY_MS = range(50, 101)
POLL_S = 0.002


def measure(folder: Path, executions: int) -> Measures:
    """Kill the process when half of all bodies have ended, and compare what it logged with what its journal says."""
    _run_and_kill(folder, executions)
    ended_before = _bodies(folder / "before.log")
    committed = _committed(folder)
    result = child("crash", "finish", work=str(folder), spawned_at=time.time())
    ended_after = _bodies(folder / "after.log")
    ended, again = ended_before | ended_after, ended_before & ended_after
    steps_lost = sum((run, f"s{i}") not in ended for run in _started(folder) for i in range(STEPS))
    return {
        "lost": result["not_completed"] + steps_lost,
        "committed_again": len(committed & ended_after),
        "ended_again": 100 * len(again) / len(ended_before),
        "engine_s": result["engine_s"],
        "process_s": result["process_s"],
    }


def _run_and_kill(folder: Path, executions: int) -> None:
    log, half = folder / "before.log", executions * STEPS // 2
    deadline = time.monotonic() + TIMEOUT_S
    with subprocess.Popen(command("crash", "begin", work=str(folder), executions=executions), cwd=ROOT) as process:
        try:
            while not log.exists() or log.read_bytes().count(b"\n") < half:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the process to kill did not get that far")
                time.sleep(POLL_S)
        finally:
            process.kill()


def _bodies(log: Path) -> set[tuple[str, str]]:
    """The (execution, step) of each body that ran to its end."""
    return {(run, step) for run, step in map(str.split, log.read_text("ascii").splitlines())}


def _started(folder: Path) -> list[str]:
    return (folder / "started").read_text("ascii").split()


def _committed(folder: Path) -> set[tuple[str, str]]:
    """The (execution, step) of each success in the journal as the kill left it. Reads a copy, which it may recover."""
    copy = folder / "copy"
    copy.mkdir()
    for file in folder.glob("crash.db*"):
        shutil.copy(file, copy)
    sql = "SELECT id, body FROM events JOIN executions ON executions.key = events.execution"
    with closing(sqlite3.connect(copy / "crash.db")) as connection:
        return {
            (run, event["step"])
            for run, body in connection.execute(sql)
            for event in json.loads(body)
            if event["event"] == "StepSucceeded"
        }


def _log_to(path: Path) -> Any:
    """A handler that takes its time, then appends to a file what outlives the process."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def body(step: Any, execution: Any) -> None:
        milliseconds = BODY_MS[zlib.crc32(execution.idempotency_key.encode()) % len(BODY_MS)]
        await asyncio.sleep(milliseconds / 1e3)
        os.write(file, f"{execution.id} {step.name}\n".encode())

    return body


async def begin(folder: Path, work: str, executions: int) -> None:
    """Start everything, say what was started, and go on until killed."""
    async with processor(Path(work) / "crash.db") as engine:
        engine.register_handler("body", _log_to(Path(work) / "before.log"))
        workflow_id = engine.define({"name": "crash", "steps": chain_of(STEPS, "body")})
        runs = await asyncio.gather(*(engine.execute_workflow(workflow_id) for _ in range(executions)))
        (Path(work) / "started").write_text("\n".join(runs), "ascii")
        await asyncio.gather(*map(engine.wait, runs))


async def finish(folder: Path, work: str, spawned_at: float) -> Measures:
    """Take up what the kill left, and wait for its end."""
    started_at = time.time()
    engine = processor(Path(work) / "crash.db")
    engine.register_handler("body", _log_to(Path(work) / "after.log"))
    async with engine:
        runs = await asyncio.gather(*map(engine.wait, _started(Path(work))))
        ended_at = time.time()
    return {
        "not_completed": sum(run.status != "completed" for run in runs),
        "engine_s": ended_at - started_at,
        "process_s": ended_at - spawned_at,
    }


if __name__ == "__main__":
    main(measure, begin, finish)
