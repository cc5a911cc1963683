"""The database that a command works on, seen from outside: this module alone of the door's looks into the file."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click
from click.shell_completion import CompletionItem

from syncara import MultiStepProcessor, settings
from syncara.policy.auditor import Audit
from syncara.policy.policy import Policy
from syncara.stores.examine import Examination, Runner, examine, runner_of

__all__ = [
    "RUN_ID",
    "TARGET",
    "Examination",
    "Runner",
    "auditing",
    "examine",
    "going_on",
    "path_of",
    "reading",
    "require",
    "runner_now",
]


def path_of(given: str | None) -> str:
    """The database that a command uses: what `--database` says, or the settings."""
    return settings.load({"database": given}).database


def runner_now(given: str | None) -> Runner | None:
    return runner_of(path_of(given))


@contextmanager
def reading(database: str | None, policy: Policy | None = None) -> Iterator[MultiStepProcessor]:
    """A processor that changes nothing."""
    processor = MultiStepProcessor(database, read_only=True, policy=policy)
    try:
        yield processor
    finally:
        asyncio.run(processor.stop())


@contextmanager
def auditing(database: str | None) -> Iterator[Audit]:
    """The audit of a database that stays as it is."""
    from syncara.stores.sqlite import SqliteStore  # noqa: PLC0415 - most commands need none of their own

    with closing(SqliteStore(path_of(database), read_only=True)) as store:
        yield Audit(store)


def require(database: str | None) -> None:
    """Raise StorageError where there is no database, so that none is made by a command that only works on one."""
    with reading(database) as processor:
        processor.list_workflows(limit=1)


def going_on(database: str | None, handler_files: tuple[str, ...] = ()) -> str:
    """The command that lets open runs go on."""
    words = ["syncara", "start"]
    if database is not None:
        words += ["--database", database]
    for path in handler_files:
        words += ["--handlers", path]
    return shlex.join(words)


def complete_run(context: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Ids of the latest runs, for the shell."""
    try:
        with reading(context.params.get("database")) as processor:
            return [run.id for run in processor.list_executions(limit=50) if run.id.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - in the middle of a command line there is no place for an error
        return []


def complete_file(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete the names of files."""
    return [CompletionItem(incomplete, type="file")]


RUN_ID = click.argument("execution_id", metavar="ID", shell_complete=complete_run)
TARGET = click.argument("target", metavar="FILE|ID", shell_complete=complete_file)
