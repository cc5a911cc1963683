"""reply: an assistant's reply from a file, carried out like one in a chat."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec

from syncara import Execution, MultiStepProcessor, NotFoundError, StorageError, ValidationError
from syncara.answers import FORMS, LANGUAGES
from syncara.core.errors import Problem
from syncara.doors.cli import options, output
from syncara.doors.cli.approving import confirmed, say_waiting
from syncara.doors.cli.database import complete_file, path_of
from syncara.doors.cli.following import GOES_ON_ALONE, follow, interrupted, say_left, say_others, stdout_for_json
from syncara.doors.cli.sources import runner
from syncara.shortcodes.outcome import Reply

STDIN = "-"


@click.command(
    epilog=options.examples(
        "syncara reply answer.md",
        "syncara reply answer.md --dry-run",
        "my-model 'Make tea for Ana' | syncara reply -",
        "syncara reply answer.md --handlers bot.py --chat-id 7 --message-id 31",
    )
)
@click.argument("source", metavar="FILE|-", shell_complete=complete_file)
@click.option("--dry-run", is_flag=True, help="Only say what is wrong with the reply; change nothing.")
@options.CHAT_ID
@options.USER_ID
@click.option(
    "--message-id", type=options.chat_id, metavar="ID", help="The reply's own message: given again, it acts only once."
)
@click.option("--language", type=click.Choice(LANGUAGES), help="Of the answers; otherwise the reply's own.")
@click.option(
    "--form", type=click.Choice(FORMS), default="plain", show_default=True, help="How the answers are written."
)
@options.HANDLERS
@options.DATABASE
@options.JSON
def reply(
    *, source: str, dry_run: bool, handler_files: tuple[str, ...], database: str | None, as_json: bool, **how: Any
) -> int:
    """Carry out an assistant's reply, and show its runs until they end.

    FILE is the whole reply, prose and codes; '-' reads it from standard input. Either all of its codes are carried out,
    or none: when one is wrong, stdout says so for people, stderr holds the note that lets the model put it right, and
    the exit code is 1.

    Without --chat-id it is no chat's reply: it sees the workflows and runs that belong to none.
    """
    text = _read(source)
    if dry_run:
        return _show_check(_check(text, handler_files, database, how), as_json)
    started: list[str] = []
    try:
        with stdout_for_json(as_json), runner(database, handler_files) as processor:
            made, ended = asyncio.run(_reply(processor, text, how, started, database, as_json))
    except KeyboardInterrupt:
        if not started:
            raise
        raise interrupted(", ".join(started), database, handler_files) from None
    if as_json:
        output.emit({"reply": msgspec.to_builtins(made), "executions": [output.whole(run) for run in ended]})
    return max(map(output.code_of, ended), default=output.OK) if made.ok else output.FAILED


async def _reply(
    processor: MultiStepProcessor,
    text: str,
    how: dict[str, Any],
    started: list[str],
    database: str | None,
    as_json: bool,
) -> tuple[Reply, list[Execution]]:
    try:
        made = processor.check_reply(text, **how)
        if made.ok:
            # One that starts no run lets no step of another one begin either.
            processor.close()
            # Whoever sits at the terminal is asked, and told, here.
            announce = False if _somebody_is_there() else None
            processor.configure(hands_off=not made.execution_ids, announce=announce)
            made = await processor.process_reply(text, **how)
        started += made.execution_ids
        if not as_json:
            _show(made)
            await _ask(processor, made)
        if made.execution_ids:
            say_others(processor, made.execution_ids)
            others = [each for each in processor.list_approvals() if each.id not in made.approval_ids]
            say_waiting(others, database, "Not asked here. To answer, type:")
        runs = [processor.get_execution(execution_id) for execution_id in made.execution_ids]
        shown = [run for run in runs if run.status.final or run.status in GOES_ON_ALONE]
        if shown and not as_json and not sys.stdout.isatty():  # the live view keeps a distance of its own
            output.say("")
        ended = [await follow(processor, run.id, as_json) for run in shown]
        say_left([run for run in runs if run not in shown])
        return made, ended
    finally:
        await processor.stop()


async def _ask(processor: MultiStepProcessor, made: Reply) -> None:
    """Ask whoever sits at the terminal about what waits for a person; without a yes it goes on waiting."""
    if not _somebody_is_there():
        return
    for approval_id in made.approval_ids:
        approval = processor.get_approval(approval_id)
        if approval.status == "pending" and confirmed(approval):
            await processor.answer_approval(approval_id, approve=True, plan_hash=approval.plan_hash)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _check(text: str, handler_files: tuple[str, ...], database: str | None, how: dict[str, Any]) -> Reply:
    with tempfile.TemporaryDirectory(prefix="syncara-") as folder:
        there = Path(path_of(database)).exists()
        where = database if there else str(Path(folder, "check.db"))
        with runner(where, handler_files, read_only=there) as processor:
            return processor.check_reply(text, **how)


def _read(source: str) -> str:
    """The text of a file or of stdin. Raises NotFoundError, StorageError, ValidationError."""
    try:
        content = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except FileNotFoundError:
        raise NotFoundError("no_file", "there is no such file", source, "check the path, or give - for stdin") from None
    except OSError as error:
        raise StorageError("cannot_read", error.strerror or str(error), source, "name a file to read") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem("not_text", f"{source}:{line}", "this is not UTF-8 text", "save it as UTF-8")
        raise ValidationError([problem]) from None


# What is printed.

WRITE = "   Write: "
"""What a correction begins with in the note."""
NOTE_LOOKS = {r"^\d+\. \w+": "bold", r"^ +\^+$": "bold red", f"^{WRITE}.*$": "green"}


def _show(made: Reply) -> None:
    """The answer for the chat on stdout, the note for the model on stderr."""
    output.say_lines(made.text)
    if made.note is not None:
        output.say_lines(f"\n{made.note}", stderr=True, looks=NOTE_LOOKS, unbroken=(WRITE,))


def _show_check(made: Reply, as_json: bool) -> int:
    if as_json:
        output.emit({"reply": msgspec.to_builtins(made)})
    elif not made.ok:
        _show(made)
    else:
        for outcome in made.outcomes:
            output.say(f"✓ {' '.join(outcome.text.split())}")
        count = len(made.outcomes)
        output.say(f"Nothing is wrong with {'its 1 code' if count == 1 else f'its {count} codes'}. Nothing was done.")
    return output.OK if made.ok else output.FAILED
