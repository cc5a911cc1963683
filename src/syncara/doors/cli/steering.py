"""pause, resume, cancel, resolve. Only the process that runs the database can do these, or without one the command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import click

from syncara import DatabaseBusy, Execution, MultiStepProcessor, StorageError
from syncara.doors.cli import options, output
from syncara.doors.cli.database import RUN_ID, going_on, reading
from syncara.processor import ANSWERS

Steer = Callable[[MultiStepProcessor, str], Awaitable[bool]]


@click.command(epilog=options.examples("syncara pause ex_05hk2m8qz7vdc3t1"))
@RUN_ID
@options.DATABASE
@options.JSON
def pause(*, execution_id: str, database: str | None, as_json: bool) -> None:
    """Let nothing more of a run start until it is resumed."""
    _steer(f"pause_execution({execution_id!r})", MultiStepProcessor.pause_execution, execution_id, database, as_json)


@click.command(epilog=options.examples("syncara resume ex_05hk2m8qz7vdc3t1"))
@RUN_ID
@options.DATABASE
@options.JSON
def resume(*, execution_id: str, database: str | None, as_json: bool) -> None:
    """End the pause of a run; `syncara start` then lets it go on."""
    run = _steer(
        f"resume_execution({execution_id!r})", MultiStepProcessor.resume_execution, execution_id, database, as_json
    )
    if not run.status.final and not as_json:
        output.note(f"To let it go on: {going_on(database)}")


@click.command(epilog=options.examples("syncara cancel ex_05hk2m8qz7vdc3t1"))
@RUN_ID
@options.DATABASE
@options.JSON
def cancel(*, execution_id: str, database: str | None, as_json: bool) -> None:
    """End a run for good."""
    _steer(f"cancel_execution({execution_id!r})", MultiStepProcessor.cancel_execution, execution_id, database, as_json)


@click.command(
    epilog=options.examples("syncara resolve ex_05hk2m8qz7vdc3t1 Pay retry", "syncara resolve ex_… 'Send mail' fail")
)
@RUN_ID
@click.argument("step", metavar="STEP")
@click.argument("answer", type=click.Choice(ANSWERS))
@options.DATABASE
@options.JSON
def resolve(*, execution_id: str, step: str, answer: str, database: str | None, as_json: bool) -> None:
    """Say what becomes of a step that its process ended under, and that waits because of on_crash "ask".

    With retry it runs again, with fail it fails; `syncara start` then lets the run go on.
    """
    call = f"resolve_step({execution_id!r}, {step!r}, {answer!r})"
    how = partial(MultiStepProcessor.resolve_step, step=step, answer=answer)
    run = _steer(call, how, execution_id, database, as_json)
    if not run.status.final and not as_json:
        output.note(f"To let it go on: {going_on(database)}")


def _steer(call: str, how: Steer, execution_id: str, database: str | None, as_json: bool) -> Execution:
    """Do `how`, which in Python is `call`, and say what came of it."""
    with reading(database) as processor:
        processor.get_execution(execution_id)  # an unknown run is no reason to become the runner
    try:
        changed, run = asyncio.run(_tell(MultiStepProcessor(database, hands_off=True), how, execution_id))
    except DatabaseBusy as busy:
        holder = f"process {busy.pid}" if busy.pid else "another process"
        verb = call.partition("_")[0]
        message = f"{holder} runs this database, and only it can {verb} one of its runs"
        fix = f"call await multi_step_processor.{call} there, or stop it and try again"
        raise StorageError(busy.code, message, busy.where, fix) from None
    if as_json:
        output.emit({"execution": output.head(run), "changed": changed})
    else:
        output.say(f"{run.id} is {run.status}" + ("." if changed else "; nothing has changed."))
    return run


async def _tell(processor: MultiStepProcessor, how: Steer, execution_id: str) -> tuple[bool, Execution]:
    try:
        changed = await how(processor, execution_id)
        return changed, processor.get_execution(execution_id)
    finally:
        await processor.stop()
