"""Nightly maintenance: expired sessions and old files go, old runs are cleared, a report is kept; planned ahead.

    python main.py [DATABASE]

Files are made and deleted in a folder `maintenance` beside the database. The exit code is 1 when something is not as
stated.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from syncara import Execution, MultiStepProcessor

LOGS = ("monday.log", "tuesday.log")
COMPACT_FROM = 100
"""Compacting is worth its while when so many sessions were deleted."""
START_IN_S = 0.5


def define(processor: MultiStepProcessor, folder: Path) -> str:
    """The workflow, made step by step; returns its id."""
    workflow = processor.create_workflow("Nightly maintenance", max_parallel_steps=3, global_timeout=600)
    expired = {"collection": "sessions", "query": {"expires": {"$lt": "{context.now}"}}}
    find = processor.add_step(
        workflow, "Find expired", "database_operation", {"operation": "find", **expired}, save_as="expired"
    )
    delete = processor.add_step(
        workflow,
        "Delete expired",
        "database_operation",
        {"operation": "delete", **expired},
        dependencies=[find],
        condition="len(context.expired) > 0",
    )
    processor.add_step(
        workflow,
        "Compact",
        "log",
        {"message": "compacting"},
        dependencies=[delete],
        condition=f"steps['Delete expired'].data.deleted >= {COMPACT_FROM}",
    )
    logs = [
        processor.add_step(
            workflow, f"Delete {name}", "file_operation", {"operation": "delete", "file_path": str(folder / name)}
        )
        for name in LOGS
    ]
    old_runs = processor.add_step(workflow, "Clear old runs", "clear_old_runs", {"older_than_s": 0})
    processor.add_step(
        workflow,
        "Report",
        "file_operation",
        {
            "operation": "append",
            "file_path": str(folder / "report.txt"),
            "content": "{context.night}: {steps.Delete expired.data.deleted|0} sessions, "
            "{steps.Clear old runs.data} old runs\n",
        },
        dependencies=[delete, old_runs, *logs],
        run_when="all_settled",  # also when there was nothing to delete
    )
    return workflow


async def night(processor: MultiStepProcessor, workflow: str, name: str) -> Execution:
    """Plan a run, see that it is only planned, and wait for its end."""
    context = {"night": name, "now": 1000}
    start_at = time.time() + START_IN_S
    execution_id = await processor.execute_workflow(workflow, context, start_at=start_at)
    planned = processor.get_execution(execution_id)
    expect(f"{name} is planned", "scheduled", str(planned.status))
    done = await processor.wait(execution_id)
    expect(f"{name} did not begin early", True, (done.started_at or 0) >= start_at)
    for step in done.steps.values():
        print(f"    {step.name:18} {step.status:9}  {step.reason or step.error or ''}".rstrip())
    return done


async def main(database: Path) -> None:
    folder = database.parent / "maintenance"
    folder.mkdir(exist_ok=True)
    for name in LOGS:
        (folder / name).write_text("old")
    processor = MultiStepProcessor(database)

    @processor.register_handler("clear_old_runs")
    def clear_old_runs(step: Any, execution: Any) -> int:
        return processor.cleanup(older_than=step.params["older_than_s"])

    async with processor:
        sessions = [{"id": 1, "expires": 500}, {"id": 2, "expires": 999}, {"id": 3, "expires": 5000}]
        await processor.documents.insert("sessions", sessions)
        workflow = define(processor, folder)
        first = await night(processor, workflow, "first night")
        second = await night(processor, workflow, "second night")
        left = await processor.documents.find("sessions", {}, projection={"_id": 0})
        runs = [run.id for run in processor.list_executions()]

    expect("both nights are completed", ["completed", "completed"], [str(run.status) for run in (first, second)])
    expect("only the session that lasts is left", [{"id": 3, "expires": 5000}], left)
    expect("two expired sessions were no reason to compact", "skipped", str(first.steps["Compact"].status))
    expect("the second night found nothing to delete", "skipped", str(second.steps["Delete expired"].status))
    expect("the files are gone, and that they were gone is no error", (True, False), deleted(first, second))
    expect("the second night cleared the first one's run", [second.id], runs)
    print((folder / "report.txt").read_text(), end="")


def deleted(*runs: Execution) -> tuple[bool, ...]:
    """Whether each run deleted the first file."""
    results = [run.steps[f"Delete {LOGS[0]}"].result for run in runs]
    return tuple(result is not None and result.data["deleted"] for result in results)


def expect(claim: str, expected: object, actual: object) -> None:
    if expected != actual:
        sys.exit(f"not as stated: {claim}: expected {expected!r}, found {actual!r}")
    print("✓", claim)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "maintenance.db"))
