"""cleanup and doctor: for whoever keeps the database."""

from __future__ import annotations

import asyncio
import platform
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from syncara import Execution, MultiStepProcessor, StorageError, settings
from syncara.doors.cli import options, output
from syncara.doors.cli.database import examine, path_of, reading, require, runner_now
from syncara.doors.cli.looking import DAMAGED

PAGE = 500
UNSET = {
    "documents": "in the database file",
    "notify": "to Python's logging",
    "workspace": "the folder 'workspace' in the working folder, for file_operation",
    "retention": "ended runs stay until `syncara cleanup`",
    "policy": "the built-in one",
    "secrets": "no file",
}
"""What holds where a setting is not made."""


@click.command(epilog=options.examples("syncara cleanup --older-than 30d", "syncara cleanup --older-than 12h --json"))
@click.option(
    "--older-than", type=options.duration, required=True, metavar="DURATION", help="Such as 3600, 90m, 12h, 30d, 2w."
)
@options.DATABASE
@options.JSON
def cleanup(*, older_than: float, database: str | None, as_json: bool) -> None:
    """Delete runs that ended longer ago than that, with their journals. Open runs stay."""
    require(database)
    processor = MultiStepProcessor(database)
    try:
        deleted = processor.cleanup(older_than)
    finally:
        asyncio.run(processor.stop())
    if as_json:
        output.emit({"deleted": deleted})
    else:
        output.say(f"{deleted} {'run is' if deleted == 1 else 'runs are'} deleted.")


@click.command(epilog=options.examples("syncara doctor", "syncara doctor --database bot.db --json"))
@options.DATABASE
@options.JSON
def doctor(*, database: str | None, as_json: bool) -> int:
    """Check the database and every journal in it, and say what the settings are. Changes nothing.

    The exit code is 1 when something is wrong. It reads the whole file, and works beside the process that runs it.
    """
    report: dict[str, Any] = {"versions": _versions(), "settings": _settings(database)}
    path = path_of(database)
    problems: list[str] = []
    report["database"] = _file(path, problems) if Path(path).exists() else None
    if report["database"] and not problems:
        report["runs"] = _runs(database, problems)
        runner = runner_now(database)
        report["runner"] = runner._asdict() if runner else None
    report["problems"] = problems
    if as_json:
        output.emit({"doctor": report})
    else:
        _show(report, path)
    return output.FAILED if problems else output.OK


def _versions() -> dict[str, str]:
    return {"syncara": version("syncara"), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}


def _settings(database: str | None) -> dict[str, Any]:
    """Each setting, and where it comes from. A variable that says what holds anyway counts as the default."""
    given, found, default = {"database": database}, settings.load({}), settings.load({}, {})
    report = {}
    for name in settings.Settings.__struct_fields__:
        value = getattr(found, name)
        source = "default" if value == getattr(default, name) else f"SYNCARA_{name.upper()}"
        if given.get(name) is not None:
            value, source = given[name], f"--{name}"
        report[name] = {"value": value, "from": source}
    return report


def _file(path: str, problems: list[str]) -> dict[str, Any]:
    try:
        examined = examine(path)
    except StorageError as error:
        problems.append(str(error))
        return {"path": path}
    problems += [f"integrity check: {line}" for line in examined.problems]
    if examined.schema != examined.schema_newest:
        problems.append(f"the schema is {examined.schema}, and this version writes {examined.schema_newest}")
    return {"path": path, "bytes": examined.bytes, "wal_bytes": examined.wal_bytes, "schema": examined.schema}


def _runs(database: str | None, problems: list[str]) -> dict[str, Any]:
    """Every journal is read and folded, which checks it."""
    counts: dict[str, int] = {}
    damaged = []
    with reading(database) as processor:
        for run in _all(processor):
            counts[str(run.status)] = counts.get(str(run.status), 0) + 1
            if run.code in DAMAGED:
                damaged.append(run.id)
                problems.append(f"run {run.id} is damaged: {run.error}")
    return {"by_status": counts, "damaged": damaged}


def _all(processor: MultiStepProcessor) -> Iterator[Execution]:
    offset = 0
    while page := processor.list_executions(limit=PAGE, offset=offset):
        yield from page
        offset += PAGE


def _show(report: dict[str, Any], path: str) -> None:
    from rich.text import Text  # noqa: PLC0415

    from syncara.doors.cli.live import plain  # noqa: PLC0415

    console = output.console()

    def line(name: str, value: str, remark: str = "") -> None:
        console.print(Text.assemble((f"{name:12}", "dim"), plain(value), (f"  {remark}" if remark else "", "dim")))

    for name, value in report["versions"].items():
        line(name, value)
    for name, setting in report["settings"].items():
        value = UNSET[name] if setting["value"] is None else str(setting["value"])
        source = setting["from"]
        line(name, value, f"{source}; SYNCARA_{name.upper()} changes it" if source == "default" else source)
    database = report["database"]
    if database is None:
        console.print(Text(f"{path} is not there yet; `syncara run` makes it.", "yellow"))
    elif "bytes" in database:
        line("size", f"{database['bytes']:,} bytes", f"and {database['wal_bytes']:,} in the write-ahead log")
    if "runs" in report:
        line("runs", ", ".join(f"{n} {status}" for status, n in report["runs"]["by_status"].items()) or "none")
        runner = report["runner"]
        line("runner", "nobody runs it now" if runner is None else f"process {runner['pid'] or 'unknown'}")
    for problem in report["problems"]:
        console.print(Text.assemble(("✗ ", "bold red"), plain(problem)))
    if database is not None and not report["problems"]:
        console.print(Text("✓ All is well.", "green"))
