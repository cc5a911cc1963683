"""list, status, watch, history: they read, also beside the process that runs the database."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Sequence
from typing import Any

import click

from syncara import Execution, ExecutionStatus, MultiStepProcessor
from syncara.core.model import StepStatus
from syncara.doors.cli import options, output
from syncara.doors.cli.database import RUN_ID, Runner, going_on, reading, runner_now

LISTED = 20
DAMAGED = frozenset({"damaged", "definition_damaged", "journal_damaged"})
"""Codes of a listed run that cannot be read."""


@click.command(
    "list",
    epilog=options.examples(
        "syncara list", "syncara list --status failed", "syncara list --workflows", "syncara list --json --limit 1000"
    ),
)
@click.option("--workflows", is_flag=True, help="List definitions instead of runs.")
@click.option("--status", type=click.Choice([str(status) for status in ExecutionStatus]), help="Only runs that are so.")
@click.option("--workflow", "workflow_id", metavar="ID", help="Only runs of this workflow.")
@click.option("--chat-id", type=options.chat_id, metavar="ID", help="Only runs of this chat.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=LISTED, show_default=True, help="How many at most.")
@options.DATABASE
@options.JSON
def list_(*, database: str | None, workflows: bool, limit: int, as_json: bool, **filters: Any) -> None:
    """List runs, or with --workflows definitions, newest first."""
    if workflows and any(value is not None for value in filters.values()):
        raise click.UsageError("--workflows takes none of --status, --workflow and --chat-id.")
    with reading(database) as processor:
        if workflows:
            _list_workflows(processor, limit, as_json)
        else:
            _list_runs(processor.list_executions(limit=limit, **filters), limit, as_json)


def _list_workflows(processor: MultiStepProcessor, limit: int, as_json: bool) -> None:
    found = processor.list_workflows(limit)
    if as_json:
        names = ("id", "name", "description", "created_at")
        output.emit({"workflows": [{name: getattr(workflow, name) for name in names} for workflow in found]})
        return
    rows = [(workflow.id, workflow.name, _ago(workflow.created_at), workflow.description) for workflow in found]
    _table(("id", "name", "made", "description"), rows, "There is no workflow here.", limit)


def _list_runs(runs: list[Execution], limit: int, as_json: bool) -> None:
    if as_json:
        output.emit({"executions": [output.head(run) for run in runs]})
        return
    rows = [
        (
            run.id,
            run.workflow_name,
            "damaged" if run.code in DAMAGED else run.status,
            f"{run.progress:.0f} %",
            _ago(run.created_at),
        )
        for run in runs
    ]
    _table(("id", "workflow", "status", "done", "started"), rows, "No run matches.", limit)


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], nothing: str, limit: int) -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from syncara.doors.cli.live import RUN_STYLES, plain  # noqa: PLC0415

    if not rows:
        output.say(nothing)
        return
    styles = {str(status): style for status, style in RUN_STYLES.items()} | {"damaged": "bold red"}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        free = column in ("workflow", "name", "description")
        table.add_column(column, overflow="fold", no_wrap=not free, justify="right" if column == "done" else "left")
    for row in rows:
        table.add_row(*(Text(plain(cell), styles.get(cell, "")) for cell in row))
    output.console().print(table)
    if len(rows) == limit:
        output.note("There may be more: --limit shows them.")


def _ago(at: float) -> str:
    from syncara.answers.text import span  # noqa: PLC0415

    return f"{span(max(0.0, time.time() - at))} ago"


@click.command(epilog=options.examples("syncara status ex_05hk2m8qz7vdc3t1", "syncara status ex_… --json"))
@RUN_ID
@options.DATABASE
@options.JSON
def status(*, execution_id: str, database: str | None, as_json: bool) -> None:
    """Show a run as it stands: its steps, its context, its error."""
    with reading(database) as processor:
        run = processor.get_execution(execution_id)
    runner = None if run.status.final else runner_now(database)
    if as_json:
        output.emit({"execution": output.whole(run), "runner": runner._asdict() if runner else None})
        return
    from rich.text import Text  # noqa: PLC0415

    from syncara.doors.cli.live import plain, view  # noqa: PLC0415

    console = output.console()
    console.print(view(run, time.time()))
    if run.context:
        console.print(Text("\ncontext", "dim"))
    for name, value in run.context.items():
        line = Text.assemble((f"{plain(name)} ", "dim"), plain(output.compact(value)))
        console.print(line, no_wrap=True, overflow="ellipsis")
    if run.status is ExecutionStatus.PAUSED:
        output.note(f"It is paused. To end the pause: syncara resume {run.id}")
    elif not run.status.final:
        output.note(_where_it_runs(runner, database))
    for step in run.steps.values():
        if step.status is StepStatus.WAITING:
            chosen = [] if database is None else ["--database", database]
            words = shlex.join(["syncara", "resolve", run.id, step.name, "retry", *chosen])
            output.note(f"'{plain(step.name)}' waits for an answer, retry or fail: {plain(words)}")


def _where_it_runs(runner: Runner | None, database: str | None) -> str:
    if runner is None:
        return f"No process runs this database now. To let its runs go on: {going_on(database)}"
    return f"Process {runner.pid} runs it." if runner.pid else "Another process runs it."


@click.command(epilog=options.examples("syncara watch ex_05hk2m8qz7vdc3t1", "syncara watch ex_… --json | jq .event"))
@RUN_ID
@options.DATABASE
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON, for scripts.")
def watch(*, execution_id: str, database: str | None, as_json: bool) -> int:
    """Follow a run until it ends, from any process. Ctrl-C ends the watching; the run goes on."""
    with reading(database) as processor:
        return output.code_of(asyncio.run(_watch(processor, execution_id, database, as_json)))


async def _watch(processor: MultiStepProcessor, execution_id: str, database: str | None, as_json: bool) -> Execution:
    run = processor.get_execution(execution_id)
    if not run.status.final and runner_now(database) is None:
        output.note(_where_it_runs(None, database))
    if not as_json:
        from syncara.doors.cli.live import follow  # noqa: PLC0415

        return await follow(processor, execution_id, output.console())
    async for event in processor.watch(execution_id):
        output.emit_line(event)
    return processor.get_execution(execution_id)


@click.command(epilog=options.examples("syncara history ex_05hk2m8qz7vdc3t1", "syncara history ex_… --json"))
@RUN_ID
@options.DATABASE
@options.JSON
def history(*, execution_id: str, database: str | None, as_json: bool) -> None:
    """Show what happened in a run, from its journal; with --json, every event."""
    with reading(database) as processor:
        events = processor.get_history(execution_id) if as_json else []
        lines = [] if as_json else processor.get_log(execution_id)
    if as_json:
        output.emit({"events": events})
        return
    from rich.text import Text  # noqa: PLC0415

    from syncara.doors.cli.live import plain  # noqa: PLC0415

    console = output.console()
    styles = {"error": "red", "warning": "yellow", "success": "green"}
    for line in lines:
        at = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(line.at))}.{int(line.at % 1 * 1000):03}"
        step = f"{plain(line.step)}: " if line.step else ""
        console.print(
            Text.assemble(
                (at, "dim"), f"  {line.level:7}  ", step, plain(line.message), style=styles.get(line.level, "")
            ),
            soft_wrap=True,
        )
