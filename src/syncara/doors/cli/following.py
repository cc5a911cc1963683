"""What the commands that run workflows share: they wait for runs, show them, and say how to go on when interrupted."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stdout

from syncara import Execution, ExecutionStatus, MultiStepProcessor
from syncara.doors.cli import output
from syncara.doors.cli.database import going_on

GOES_ON_ALONE = (ExecutionStatus.RUNNING, ExecutionStatus.SCHEDULED)
OPEN_MAX = 10_000
"""The most open runs that are waited for at a time."""
OTHERS_SHOWN = 3


def open_runs(processor: MultiStepProcessor, statuses: Collection[ExecutionStatus]) -> list[Execution]:
    """Newest first."""
    found = [run for status in statuses for run in processor.list_executions(status=status, limit=OPEN_MAX)]
    return sorted(found, key=lambda run: run.id, reverse=True)


def say_others(processor: MultiStepProcessor, own: Collection[str]) -> None:
    """Say which runs go on because this process is the runner now, beside its own."""
    others = [run.id for run in open_runs(processor, GOES_ON_ALONE) if run.id not in own]
    if others:
        shown = ", ".join(others[:OTHERS_SHOWN]) + (" …" if len(others) > OTHERS_SHOWN else "")
        output.note(f"Also going on, because this process now runs the whole database: {shown}")


def say_left(runs: Collection[Execution]) -> None:
    for run in runs:
        output.note(f"{run.id} is {run.status}, and was left so.")


async def follow(processor: MultiStepProcessor, execution_id: str, as_json: bool) -> Execution:
    """Show a run until it ends, or with `--json` only wait for it."""
    if as_json:
        return await processor.wait(execution_id)
    from syncara.doors.cli import live  # noqa: PLC0415

    console = output.console()
    if not console.is_interactive:
        output.say(f"{execution_id}  {processor.get_execution(execution_id).workflow_name}")
    return await live.follow(processor, execution_id, console)


def interrupted(what: str, database: str | None, handler_files: tuple[str, ...]) -> output.Interrupted:
    """After Ctrl-C: the error that says how to go on with `what`."""
    command = going_on(database, handler_files)
    message = "Interrupted. Nothing that was done is lost. To go on, type:"
    return output.Interrupted("interrupted", message, what, command)


@contextmanager
def stdout_for_json(as_json: bool) -> Iterator[None]:
    """With `--json`, what handlers and messages print goes to stderr: stdout holds the document alone."""
    if not as_json:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield
