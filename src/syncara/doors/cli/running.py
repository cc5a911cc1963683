"""run and start: the commands that run workflows, in the foreground and until they end."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from syncara import Execution, ExecutionStatus, MultiStepProcessor, SyncaraError
from syncara.doors.cli import options, output
from syncara.doors.cli.approving import say_waiting
from syncara.doors.cli.database import TARGET, path_of, require
from syncara.doors.cli.following import (
    GOES_ON_ALONE,
    follow,
    interrupted,
    open_runs,
    say_left,
    say_others,
    stdout_for_json,
)
from syncara.doors.cli.sources import Content, define, is_file, is_python, read_file, runner, stored


@click.command(
    epilog=options.examples(
        "syncara run tea.yaml",
        "syncara run tea.yaml --context name=Ana --context seats=3",
        """syncara run tea.json --context '{"user": {"id": 7}}' --json""",
        "syncara run bot.py --database bot.db",
        "syncara run tea.yaml --handlers bot.py",
        "syncara run wf_05hk2m8qz7vdc3t1",
    )
)
@TARGET
@options.CONTEXT
@options.CHAT_ID
@options.USER_ID
@options.HANDLERS
@options.DATABASE
@options.JSON
def run(
    *,
    target: str,
    contexts: tuple[dict[str, Any], ...],
    chat_id: int | str | None,
    user_id: int | str | None,
    handler_files: tuple[str, ...],
    database: str | None,
    as_json: bool,
) -> int:
    """Run a workflow, and show it until it ends.

    FILE is a definition in YAML or JSON, or a Python file: that one is imported, registers its handlers on
    multi_step_processor, and has the definition in its variable 'workflow'. ID is a workflow of the database.

    The run is in the database from its start on. Whatever ends this command before its time (Ctrl-C, a crash, a power
    cut), `syncara start` lets it go on. The exit code is 0 when the run completed, and 1 when it did not.
    """
    context = options.merged(contexts)
    chat = (user_id, chat_id)
    needed = (*handler_files, *([target] if is_python(target) else []))
    started: list[str] = []
    try:
        with stdout_for_json(as_json), runner(database, handler_files) as processor:
            content = read_file(target, database) if is_file(target) else stored(database, target).id
            ended = asyncio.run(_run(processor, content, (context, *chat), started, as_json))
    except KeyboardInterrupt:
        if not started:
            raise
        raise interrupted(started[0], database, needed) from None
    if as_json:
        output.emit({"execution": output.whole(ended)})
    return output.code_of(ended)


async def _run(
    processor: MultiStepProcessor, content: Content, arguments: tuple[Any, Any, Any], started: list[str], as_json: bool
) -> Execution:
    try:
        workflow_id = define(processor, content)
        try:
            execution_id = await processor.execute_workflow(workflow_id, *arguments)
        except SyncaraError:
            if workflow_id != content:
                processor.delete_workflow(workflow_id)
            raise
        started.append(execution_id)
        say_others(processor, [execution_id])
        return await follow(processor, execution_id, as_json)
    finally:
        await processor.stop()


@click.command(epilog=options.examples("syncara start", "syncara start --database bot.db --handlers bot.py"))
@options.HANDLERS
@options.DATABASE
@options.JSON
def start(*, handler_files: tuple[str, ...], database: str | None, as_json: bool) -> int:
    """Let the open runs of the database go on, and show them until they end.

    Runs stay open when the process that ran them has ended: after Ctrl-C, a crash or a power cut. One that needs a
    person's approval goes on with that, and ends without it when its time is over. A paused run is left as it is. Steps
    with handlers of your own need the file that registers them: --handlers.
    """
    if database is not None or not handler_files:  # a Python file may configure its own
        require(database)
    try:
        with stdout_for_json(as_json), runner(database, handler_files) as processor:
            ended, paused = asyncio.run(_start(processor, database, as_json))
    except KeyboardInterrupt:
        raise interrupted(path_of(database), database, handler_files) from None
    if as_json:
        output.emit({"executions": [output.whole(run) for run in ended]})
    elif not ended and not paused:
        output.say("No run is open.")
    say_left(paused)
    return max(map(output.code_of, ended), default=output.OK)


async def _start(
    processor: MultiStepProcessor, database: str | None, as_json: bool
) -> tuple[list[Execution], list[Execution]]:
    """The runs that ended, and those that are paused."""
    try:
        await processor.start()
        going = open_runs(processor, GOES_ON_ALONE)
        waiting = open_runs(processor, [ExecutionStatus.AWAITING_APPROVAL])
        ids = {run.id for run in waiting}
        approvals = [each for each in processor.list_approvals() if each.execution_id in ids]
        say_waiting(approvals, database, "To answer, type in another terminal:")
        ended = [await follow(processor, run.id, as_json) for run in (*reversed(going), *reversed(waiting))]
        return ended, open_runs(processor, [ExecutionStatus.PAUSED])
    finally:
        await processor.stop()
