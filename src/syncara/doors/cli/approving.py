"""approvals, approve, refuse: what an assistant asked for and a person must decide.

Whoever types these commands has the database itself at hand, and so answers as its operator.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from typing import Any

import click
import msgspec

from syncara import Approval, ApprovalError, MultiStepProcessor, StorageError
from syncara.answers import approval_answered, render
from syncara.answers.icons import ICONS
from syncara.answers.plans import HASH_CHARS
from syncara.answers.text import moment, one_line
from syncara.doors.cli import options, output
from syncara.doors.cli.database import going_on, reading, runner_now
from syncara.handlers.communication import ConsoleMessenger
from syncara.policy.approvals import question

TAKEN_S, LOOK_S = 5.0, 0.1
"""How long the process that runs the database has to take an answer, and how often that is looked for."""
HOW = "To answer: "
"""What the line begins with that is there to be copied."""
WAITING_SHOWN = 3


def _complete(context: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Ids of what waits, for the shell."""
    try:
        with reading(context.params.get("database")) as processor:
            return [each.id for each in processor.list_approvals() if each.id.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - in the middle of a command line there is no place for an error
        return []


APPROVAL_ID = click.argument("approval_id", metavar="ID", shell_complete=_complete)


@click.command(epilog=options.examples("syncara approvals", "syncara approvals --chat-id 7 --all --json"))
@click.option("--chat-id", type=options.chat_id, metavar="ID", help="Only what was asked for in this chat.")
@click.option("--all", "every", is_flag=True, help="Also what was answered, ran out of time or was cancelled.")
@options.DATABASE
@options.JSON
def approvals(*, chat_id: int | str | None, every: bool, database: str | None, as_json: bool) -> None:
    """List what waits for a person's approval.

    Each with the effects that need it, who asked for it, until when it can be answered, and the beginning of its plan's
    hash.
    """
    with reading(database) as processor:
        found = processor.list_approvals(chat_id, None if every else "pending")
    if as_json:
        output.emit({"approvals": [_document(each) for each in found]})
    elif found:
        told = [_asked(each, database) if each.status == "pending" else _answered(each) for each in found]
        output.say_lines("\n\n".join(told), unbroken=(HOW,))
    else:
        output.say("No approval is there." if every else "Nothing waits for an approval.")


@click.command(
    epilog=options.examples(
        "syncara approve ap_05hk2m8qz7vdc3t1",
        "syncara approve ap_05hk2m8qz7vdc3t1 --yes --plan-hash 3fa9c1d2e4b5",
        "syncara approve ap_… --yes --json",
    )
)
@APPROVAL_ID
@click.option(
    "--plan-hash", metavar="HASH", help="Of the plan that was looked at, as it was shown: no other one is approved."
)
@click.option("--yes", is_flag=True, help="Approve it without being asked; needed where there is no terminal.")
@options.DATABASE
@options.JSON
def approve(*, approval_id: str, plan_hash: str | None, yes: bool, database: str | None, as_json: bool) -> int:
    """Let a plan run that waits for a person's approval.

    It is shown, with the effects that need the approval, and approved once you say yes. Whichever process runs the
    database lets it run then; where there is none, the next `syncara start` does.
    """
    with reading(database) as processor:
        approval = processor.get_approval(approval_id)
    plan_hash = _whole(plan_hash, approval.plan_hash)
    if not yes:
        if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            message = "Nobody can be asked here. Look at what `syncara approvals` shows, then give --yes."
            raise click.UsageError(message)
        can_be = approval.status == "pending" and approval.plan_hash == plan_hash
        if can_be and not confirmed(approval):
            output.note(f"It still waits. To refuse it: {typed('refuse', approval.id, database)}")
            return output.FAILED
    _answer(database, approval_id, as_json, approve=True, plan_hash=plan_hash)
    return output.OK


@click.command(
    epilog=options.examples(
        "syncara refuse ap_05hk2m8qz7vdc3t1", "syncara refuse ap_05hk2m8qz7vdc3t1 --reason 'not at night'"
    )
)
@APPROVAL_ID
@click.option("--reason", metavar="TEXT", help="Why; the run and its chat are told.")
@options.DATABASE
@options.JSON
def refuse(*, approval_id: str, reason: str | None, database: str | None, as_json: bool) -> None:
    """End a run that waits for a person's approval."""
    with reading(database) as processor:
        processor.get_approval(approval_id)  # an unknown one is no reason to become the runner
    _answer(database, approval_id, as_json, approve=False, reason=reason)


def confirmed(approval: Approval) -> bool:
    """Show a plan on the terminal and ask whether it may run."""
    output.say_lines(render(question(approval)))
    return click.confirm(f"Approve {one_line(approval.workflow_name)}?", default=False)


def _whole(given: str | None, plan_hash: str) -> str:
    """The hash of the plan that was looked at: what is asked about now, or what was given, shortened as it is shown."""
    if given is None or (len(given) >= HASH_CHARS and plan_hash.startswith(given.lower())):
        return plan_hash
    return given


# Answering.


def _answer(database: str | None, approval_id: str, as_json: bool, *, approve: bool, **how: str | None) -> None:
    """Answer, and say what came of it. Raises ApprovalError, and StorageError where the answer was left untaken."""
    processor = MultiStepProcessor(database, hands_off=True)
    approval, here = asyncio.run(_taken(processor, database, approval_id, approve=approve, **how))
    if approval.status == "pending":
        raise _not_taken(approval, database) if approval.left else _dropped(approval)
    if approval.status != ("approved" if approve else "refused"):
        code = "expired" if approval.status == "expired" else "used"
        message = f"the answer came too late: it is {approval.status}"
        raise ApprovalError(code, message, approval.id, "ask for the plan again, if it is to run")
    if as_json:
        output.emit({"approval": _document(approval)})
        return
    output.say_lines(_answered(approval))
    if approve and here:
        output.note(f"To let it go on: {going_on(database)}")


async def _taken(
    processor: MultiStepProcessor, database: str | None, approval_id: str, **answer: Any
) -> tuple[Approval, bool]:
    """The approval once it is answered, or time is up; and whether it was answered here, beside no other process."""
    try:
        approval = await processor.answer_approval(approval_id, **answer)
        here = approval.status != "pending"
        until = time.monotonic() + TAKEN_S
        while approval.status == "pending" and approval.left and time.monotonic() < until:
            runner = runner_now(database)
            approval = processor.get_approval(approval_id)
            if runner is None:
                break
            await asyncio.sleep(LOOK_S)
        return approval, here
    finally:
        await processor.stop()


def _dropped(approval: Approval) -> ApprovalError:
    """Its plan is still the one that was looked at, or the answer would not have been left."""
    message = "the process that runs this database did not take the answer: its policy says more against the plan"
    return ApprovalError("plan_changed", message, approval.id, "look into its log, and ask for the plan again")


def _not_taken(approval: Approval, database: str | None) -> StorageError:
    runner = runner_now(database)
    holder = f"process {runner.pid}" if runner and runner.pid else "the process"
    message = f"{holder} that runs this database has not taken the answer yet"
    if runner is None:
        message = "the process that ran this database ended before it took the answer"
    fix = f"the answer is kept, for whoever runs the database before {moment(approval.expires_at)}"
    return StorageError("not_taken", message, approval.id, fix)


# What is printed.


def _document(approval: Approval) -> dict[str, Any]:
    """As JSON, with every field. Times are Unix seconds."""
    effects = [msgspec.structs.asdict(effect) for effect in approval.effects]
    return msgspec.structs.asdict(approval) | {"effects": effects}


def _asked(approval: Approval, database: str | None) -> str:
    """The question, with the command that answers it."""
    return render(question(approval, typed("approve", approval.id, database)))


def _answered(approval: Approval) -> str:
    """What became of it, in one line."""
    name, run = approval.workflow_name, approval.execution_id
    match approval.status:
        case "approved" | "refused" | "expired" as outcome:
            told = render(approval_answered(outcome, name, run, approval.answered_by, approval.reason))
        case _:
            told = f"{ICONS['cancelled']} {one_line(name)} ended before anybody answered · {run}"
    return f"{told} · {approval.id}"


def typed(command: str, approval_id: str, database: str | None) -> str:
    """The command that answers an approval."""
    chosen = [] if database is None else ["--database", database]
    return shlex.join(["syncara", command, approval_id, *chosen])


def say_waiting(approvals: list[Approval], database: str | None, how: str) -> None:
    """Say how many runs a person must approve, and with which commands; `how` goes before these."""
    if not approvals:
        return
    count = "1 run waits" if len(approvals) == 1 else f"{len(approvals)} runs wait"
    output.note(f"{count} for a person's approval. {how}")
    for approval in approvals[:WAITING_SHOWN]:
        output.note(f"    {typed('approve', approval.id, database)}")
    if len(approvals) > WAITING_SHOWN:
        output.note("    syncara approvals lists the others.")


class Printer(ConsoleMessenger):
    """Prints, and reads no answer: the terminal belongs to the live view, which would hide a prompt."""

    def __init__(self, database: str | None) -> None:
        self._database = database

    async def ask(self, chat_id: Any, text: str, approval_id: str, *, idempotency_key: str) -> None:
        """Says how to answer."""
        how = f"{HOW}{typed('approve', approval_id, self._database)}"
        await self.send(chat_id, f"{text}\n{how}", idempotency_key=idempotency_key)
