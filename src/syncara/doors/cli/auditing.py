"""audit: what was asked, judged, answered and done in an assistant's name, and whether any of it was changed since."""

from __future__ import annotations

import time

import click
import msgspec

from syncara.doors.cli import options, output
from syncara.doors.cli.database import auditing
from syncara.policy.audit import (
    AnswerRefused,
    ApprovalAnswered,
    Effect,
    Entry,
    Finding,
    PlanJudged,
    ReplyTaken,
    Sealed,
    Steered,
)

LISTED = 50
SHORT_HASH = 12
"""Characters of a hash that are enough to tell it from others."""


@click.group(
    epilog=options.examples(
        "syncara audit show",
        "syncara audit show --limit 1000 --json",
        "syncara audit verify",
        "syncara audit verify --head HASH",
    )
)
def audit() -> None:
    """Show and check the audit: what was asked, judged, answered and done in an assistant's name.

    Both commands only read, and work beside the process that runs the database.
    """


@audit.command(epilog=options.examples("syncara audit show", "syncara audit show --limit 1000 --json"))
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=LISTED, show_default=True, help="How many of the newest entries."
)
@options.DATABASE
@options.JSON
def show(*, limit: int, database: str | None, as_json: bool) -> None:
    """Show the newest entries, in the order in which they were written."""
    with auditing(database) as found:
        entries = found.newest(limit)
    if as_json:
        output.emit({"entries": msgspec.to_builtins(entries)})
    elif entries:
        _show(entries)
    else:
        output.say("The audit is empty.")


@audit.command(epilog=options.examples("syncara audit verify", "syncara audit verify --head HASH"))
@click.option("--head", "noted", metavar="HASH", default="", help="The hash of an entry, as it was noted elsewhere.")
@options.DATABASE
@options.JSON
def verify(*, noted: str, database: str | None, as_json: bool) -> int:
    """Check that each entry is as it was written and follows the one before. The exit code is 1 when one does not.

    Whoever can write to the database can cut off the newest entries, or make all of them anew. That shows only against
    a hash that was noted where they cannot write: with --head it must be that of an entry.
    """
    with auditing(database) as found:
        finding = found.verify(noted.strip().lower())
    if as_json:
        broken = msgspec.to_builtins(finding.broken)
        output.emit({"audit": {"entries": finding.entries, "head": finding.head, "broken": broken}})
    else:
        _tell(finding, noted)
    return output.OK if finding.broken is None else output.FAILED


def _tell(finding: Finding, noted: str) -> None:
    if finding.broken is not None:
        output.show_problems([finding.broken], output.console())
        return
    as_written = "entry is as it was" if finding.entries == 1 else "entries are as they were"
    output.say(f"{finding.entries} {as_written} written.")
    if finding.entries:
        output.say(f"The last has the hash {finding.head}")
    if not noted:
        output.note(
            "This does not show whether entries were cut off at the end, or all made anew. Keep the hash where nobody "
            "can change it, and check against it: syncara audit verify --head HASH"
        )


def _show(entries: list[Sealed]) -> None:
    from rich.text import Text  # noqa: PLC0415

    from syncara.doors.cli.live import plain  # noqa: PLC0415

    console = output.console()
    width = len(str(entries[-1].seq))
    for sealed in entries:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(sealed.at))
        said = "cannot be read; see `syncara audit verify`" if sealed.entry is None else _said(sealed.entry)
        console.print(Text.assemble((f"{sealed.seq:{width}}  {at}  ", "dim"), plain(said)), soft_wrap=True)


def _said(entry: Entry) -> str:
    match entry:
        case ReplyTaken():
            return _said_reply(entry)
        case PlanJudged():
            run = entry.execution_id or "no run"
            return f"plan {_short(entry.plan_hash)} for {run}: {entry.decision}, because {entry.rule}"
        case ApprovalAnswered():
            plan = f"plan {_short(entry.plan_hash)} for {entry.execution_id}"
            return f"approval {entry.approval_id} of {plan}: {entry.answer} by {entry.user_id!r}"
        case AnswerRefused():
            tried = f"{entry.user_id!r} tried to {entry.answer} it"
            return f"approval {entry.approval_id} for {entry.execution_id}: {tried} ({entry.code})"
        case Effect():
            words = (entry.handler, entry.operation, entry.address)
            what = " ".join(str(word) for word in words if word not in ("", None))
            code = f" ({entry.code})" if entry.code else ""
            return f"{entry.execution_id} '{entry.step}' attempt {entry.attempt} {entry.outcome}{code}: {what}"
        case Steered():
            return f"{entry.execution_id} {entry.what}" + (f": {entry.answer}" if entry.answer else "")


def _said_reply(entry: ReplyTaken) -> str:
    ids = (("chat", entry.chat_id), ("user", entry.user_id), ("message", entry.message_id))
    where = ", ".join(f"{name} {value!r}" for name, value in ids if value is not None) or "no chat"
    what = f"reply {_short(entry.text_hash)}" if entry.text_hash else "command"
    outcome = "carried out" if entry.ok else f"refused ({', '.join(entry.problems)})"
    commands = ", ".join(" ".join(filter(None, (each.shortcode, each.id))) for each in entry.commands)
    return f"{what} of the {entry.author} in {where} {outcome}: {commands}"


def _short(hashed: str) -> str:
    return hashed[:SHORT_HASH]
