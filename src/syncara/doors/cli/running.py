"""run and start: the commands that run workflows, in the foreground and until they end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import click

from syncara import Execution, ExecutionStatus, MultiStepProcessor, SyncaraError
from syncara.doors.cli import options, output
from syncara.doors.cli.database import TARGET, going_on, path_of, require
from syncara.doors.cli.sources import Content, define, is_file, is_python, read_file, runner, stored

GOES_ON_ALONE = (ExecutionStatus.RUNNING, ExecutionStatus.SCHEDULED)
OPEN = tuple(status for status in ExecutionStatus if not status.final)
OPEN_MAX = 10_000
"""The most open runs that `start` waits for at a time."""
OTHERS_SHOWN = 3


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
@click.option(
    "--context",
    "contexts",
    type=options.context,
    multiple=True,
    metavar="JSON|KEY=VALUE",
    help="What the steps find as {context.KEY}: a JSON object, or a key and its value; may be given again.",
)
@click.option("--chat-id", type=options.chat_id, metavar="ID", help="The chat that messages go to.")
@click.option("--user-id", type=options.chat_id, metavar="ID", help="The user that the run is for.")
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
    context = {key: value for given in contexts for key, value in given.items()}
    chat = (user_id, chat_id)
    needed = (*handler_files, *([target] if is_python(target) else []))
    started: list[str] = []
    try:
        with _stdout_for_json(as_json), runner(database, handler_files) as processor:
            content = read_file(target, database) if is_file(target) else stored(database, target).id
            ended = asyncio.run(_run(processor, content, (context, *chat), started, as_json))
    except KeyboardInterrupt:
        if not started:
            raise
        raise _interrupted(started[0], database, needed) from None
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
        others = [each.id for each in _open_runs(processor, GOES_ON_ALONE) if each.id != execution_id]
        if others:
            shown = ", ".join(others[:OTHERS_SHOWN]) + (" …" if len(others) > OTHERS_SHOWN else "")
            output.note(f"Also going on, because this process now runs the whole database: {shown}")
        return await _follow(processor, execution_id, as_json)
    finally:
        await processor.stop()


@click.command(epilog=options.examples("syncara start", "syncara start --database bot.db --handlers bot.py"))
@options.HANDLERS
@options.DATABASE
@options.JSON
def start(*, handler_files: tuple[str, ...], database: str | None, as_json: bool) -> int:
    """Let the open runs of the database go on, and show them until they end.

    Runs stay open when the process that ran them has ended: after Ctrl-C, a crash or a power cut. A paused run is left
    as it is. Steps with handlers of your own need the file that registers them: --handlers.
    """
    if database is not None or not handler_files:  # a Python file may configure its own
        require(database)
    try:
        with _stdout_for_json(as_json), runner(database, handler_files) as processor:
            ended, paused = asyncio.run(_start(processor, as_json))
    except KeyboardInterrupt:
        raise _interrupted(path_of(database), database, handler_files) from None
    if as_json:
        output.emit({"executions": [output.whole(run) for run in ended]})
    elif not ended and not paused:
        output.say("No run is open.")
    for run in paused:
        output.note(f"{run.id} is {run.status}, and was left so.")
    return max(map(output.code_of, ended), default=output.OK)


async def _start(processor: MultiStepProcessor, as_json: bool) -> tuple[list[Execution], list[Execution]]:
    """The runs that ended, and those that do not go on by themselves."""
    try:
        await processor.start()
        going = _open_runs(processor, GOES_ON_ALONE)
        ended = [await _follow(processor, run.id, as_json) for run in reversed(going)]
        return ended, _open_runs(processor, [status for status in OPEN if status not in GOES_ON_ALONE])
    finally:
        await processor.stop()


def _open_runs(processor: MultiStepProcessor, statuses: Any) -> list[Execution]:
    found = [run for status in statuses for run in processor.list_executions(status=status, limit=OPEN_MAX)]
    return sorted(found, key=lambda run: run.id, reverse=True)


async def _follow(processor: MultiStepProcessor, execution_id: str, as_json: bool) -> Execution:
    if as_json:
        return await processor.wait(execution_id)
    from syncara.doors.cli.live import follow  # noqa: PLC0415

    console = output.console()
    if not console.is_interactive:
        output.say(f"{execution_id}  {processor.get_execution(execution_id).workflow_name}")
    return await follow(processor, execution_id, console)


def _interrupted(what: str, database: str | None, handler_files: tuple[str, ...]) -> output.Interrupted:
    command = going_on(database, handler_files)
    message = "Interrupted. Nothing that was done is lost. To go on, type:"
    return output.Interrupted("interrupted", message, what, command)


@contextmanager
def _stdout_for_json(as_json: bool) -> Iterator[None]:
    """With `--json`, what handlers and messages print goes to stderr: stdout holds the document alone."""
    if not as_json:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield
