"""pause, resume, cancel. Only the process that runs the database can do these; without one, the command is it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import click

from syncara import DatabaseBusy, Execution, MultiStepProcessor, StorageError
from syncara.doors.cli import options, output
from syncara.doors.cli.database import RUN_ID, going_on, reading

Steer = Callable[[MultiStepProcessor, str], Awaitable[bool]]


@click.command(epilog=options.examples("syncara pause ex_05hk2m8qz7vdc3t1"))
@RUN_ID
@options.DATABASE
@options.JSON
def pause(*, execution_id: str, database: str | None, as_json: bool) -> None:
    """Let nothing more of a run start until it is resumed."""
    _steer("pause", MultiStepProcessor.pause_execution, execution_id, database, as_json)


@click.command(epilog=options.examples("syncara resume ex_05hk2m8qz7vdc3t1"))
@RUN_ID
@options.DATABASE
@options.JSON
def resume(*, execution_id: str, database: str | None, as_json: bool) -> None:
    """End the pause of a run; `syncara start` then lets it go on."""
    run = _steer("resume", MultiStepProcessor.resume_execution, execution_id, database, as_json)
    if not run.status.final and not as_json:
        output.note(f"To let it go on: {going_on(database)}")


@click.command(epilog=options.examples("syncara cancel ex_05hk2m8qz7vdc3t1"))
@RUN_ID
@options.DATABASE
@options.JSON
def cancel(*, execution_id: str, database: str | None, as_json: bool) -> None:
    """End a run for good."""
    _steer("cancel", MultiStepProcessor.cancel_execution, execution_id, database, as_json)


def _steer(verb: str, how: Steer, execution_id: str, database: str | None, as_json: bool) -> Execution:
    with reading(database) as processor:
        processor.get_execution(execution_id)  # an unknown run is no reason to become the runner
    try:
        changed, run = asyncio.run(_tell(MultiStepProcessor(database, hands_off=True), how, execution_id))
    except DatabaseBusy as busy:
        holder = f"process {busy.pid}" if busy.pid else "another process"
        message = f"{holder} runs this database, and only it can {verb} one of its runs"
        fix = f"call await multi_step_processor.{verb}_execution('{execution_id}') there, or stop it and try again"
        raise StorageError(busy.code, message, busy.where, fix) from None
    if as_json:
        output.emit({"execution": output.head(run), "changed": changed})
    else:
        output.say(f"{run.id} is {run.status}" + ("." if changed else " already; nothing has changed."))
    return run


async def _tell(processor: MultiStepProcessor, how: Steer, execution_id: str) -> tuple[bool, Execution]:
    try:
        changed = await how(processor, execution_id)
        return changed, processor.get_execution(execution_id)
    finally:
        await processor.stop()
