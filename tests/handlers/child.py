"""Another process at the same files: `child.py COMMAND ARGUMENTS…`.

dies FILE KEY SIZE LIMIT     appends SIZE bytes and is killed by the system when the file reaches LIMIT bytes
full OPERATION FILE LIMIT    writes or appends 1,000,000 bytes where a file may have LIMIT; prints code and files
lines FILE NAME COUNT        appends COUNT lines, one by one
crash DATABASE WORKSPACE     runs a workflow whose append is done when the process is killed, and nobody knows it yet
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from syncara import MultiStepProcessor, SyncaraError
from syncara.abc import ExecutionInput, StepInput
from syncara.handlers import disk, files
from tests.handlers.support import Attempt, called


def limit_files(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def dies(path: str, key: str, size: int, limit: int) -> None:
    limit_files(limit)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    disk.append_once(Path(path), key, lambda length: b"x" * size)


def full(operation: str, path: str, limit: int) -> None:
    limit_files(limit)
    handler = files.handlers()[0]
    try:
        called(handler, {"operation": operation, "file_path": path, "content": "x" * 1_000_000}, Attempt())
    except SyncaraError as error:
        print(json.dumps([error.code, sorted(file.name for file in Path(path).parent.iterdir())]))


def lines(path: str, name: str, count: int) -> None:
    for n in range(count):
        disk.append_once(Path(path), f"{name}:{n}", lambda length: f"{name} {n}\n".encode())  # noqa: B023 - called here


async def crash(database: str, workspace: str) -> None:
    handler = files.handlers(Path(workspace))[0]

    def append_and_die(step: StepInput, execution: ExecutionInput) -> Any:
        handler.fn(step, execution)
        os.kill(os.getpid(), signal.SIGKILL)

    async with MultiStepProcessor(database) as processor:
        processor._handlers.install([handler._replace(fn=append_and_die)])  # noqa: SLF001 - the moment to die at
        params = {"operation": "append", "file_path": "log.txt", "content": "once\n"}
        step = {"name": "Append", "handler": "file_operation", "params": params}
        workflow_id = processor.define({"name": "crash", "steps": [step]})
        execution_id = await processor.execute_workflow(workflow_id)
        print(execution_id, flush=True)
        await processor.wait(execution_id)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["dies", path, key, size, limit]:
            dies(path, key, int(size), int(limit))
        case ["full", operation, path, limit]:
            full(operation, path, int(limit))
        case ["lines", path, name, count]:
            lines(path, name, int(count))
        case ["crash", database, workspace]:
            asyncio.run(crash(database, workspace))
