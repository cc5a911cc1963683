"""Runs a definition on a real Temporal dev server and writes its journal to a file, in a process of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import sys
from pathlib import Path

from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.temporal.seam_workflow import Seam, attempt

QUEUE = "syncara"


async def main(definition: str, execution_id: str) -> str:
    server = Path(sys.executable).with_name("temporal")
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=str(server), ip="127.0.0.1") as env:
        with concurrent.futures.ThreadPoolExecutor() as threads:
            worker = Worker(
                env.client, task_queue=QUEUE, workflows=[Seam], activities=[attempt], activity_executor=threads
            )
            async with worker:
                run = await env.client.start_workflow(
                    Seam.run, args=[definition, execution_id], id=execution_id, task_queue=QUEUE
                )
                journal: str = await run.result()
                return journal


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(asyncio.run(main(Path(sys.argv[1]).read_text(), sys.argv[2])))
    os._exit(0)  # the SDK's threads may abort a normal exit (temporalio/sdk-python issue 300)
