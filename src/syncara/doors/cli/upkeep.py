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

from syncara import Execution, MultiStepProcessor, StorageError, ValidationError, settings
from syncara.doors.cli import options, output
from syncara.doors.cli.database import auditing, examine, path_of, reading, require, runner_now
from syncara.doors.cli.looking import DAMAGED
from syncara.handlers.files import WORKSPACE
from syncara.policy.policy import Policy
from syncara.policy.policy import load as load_policy

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
    """Check the database, every journal and the audit in it, and the policy, and say what the settings are.

    Changes nothing. The exit code is 1 when something is wrong. It reads the whole file, and works beside the process
    that runs it.
    """
    report: dict[str, Any] = {"versions": _versions(), "settings": _settings(database)}
    path = path_of(database)
    problems: list[str] = []
    report["database"] = _file(path, problems) if Path(path).exists() else None
    sound = report["database"] is not None and not problems
    policy = _policy(problems)
    if sound:
        report["runs"] = _runs(database, policy, problems)
        report["audit"] = _audit(database, problems)
        runner = runner_now(database)
        report["runner"] = runner._asdict() if runner else None
    report["warnings"] = _missing_roots(policy)
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


def _policy(problems: list[str]) -> Policy:
    """The policy of the settings, or the built-in one; also where theirs cannot be taken."""
    path = settings.load({}).policy
    try:
        return Policy() if path is None else load_policy(path)
    except ValidationError as error:
        problems += [f"policy: {problem}" for problem in error.problems]
        return Policy()


def _missing_roots(policy: Policy) -> list[str]:
    """Folders that the policy names and that are not there, each once."""
    workspace = settings.load({}).workspace or WORKSPACE
    rules = (policy.general, *policy.chats.values())
    folders = {(name, workspace / root.path): None for each in rules for name, root in each.roots.items()}
    return [f"policy, roots.{name}: {path} is no folder" for name, path in folders if not path.is_dir()]


def _audit(database: str | None, problems: list[str]) -> dict[str, Any]:
    """The whole chain is read, as `syncara audit verify` does."""
    with auditing(database) as audit:
        finding = audit.verify()
    if finding.broken is not None:
        problems.append(f"audit: {finding.broken}")
    return {"entries": finding.entries, "head": finding.head}


def _runs(database: str | None, policy: Policy, problems: list[str]) -> dict[str, Any]:
    """Every journal is read and folded, which checks it."""
    counts: dict[str, int] = {}
    damaged = []
    with reading(database, policy) as processor:
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
        count = report["audit"]["entries"]
        line("audit", f"{count} {'entry' if count == 1 else 'entries'} as written")
        line("runner", "nobody runs it now" if runner is None else f"process {runner['pid'] or 'unknown'}")
    for warning in report["warnings"]:
        console.print(Text.assemble(("! ", "yellow"), plain(warning)))
    for problem in report["problems"]:
        console.print(Text.assemble(("✗ ", "bold red"), plain(problem)))
    if database is not None and not report["problems"] and not report["warnings"]:
        console.print(Text("✓ All is well.", "green"))
