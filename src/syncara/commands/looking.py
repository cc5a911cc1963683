"""Commands that only look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from syncara import answers, arguments
from syncara.commands.draft import Draft, Said
from syncara.commands.fields import ExecutionRef, Page
from syncara.commands.pages import execution_page
from syncara.commands.registry import COMMANDS, Command, command
from syncara.core.errors import NotFoundError, nearest
from syncara.core.model import ExecutionStatus
from syncara.core.views import Execution
from syncara.policy.approval import Approval
from syncara.policy.approvals import KIND, asked, awaited, id_for


@command("MULTISTEP:STATUS", "reads", example="[MULTISTEP:STATUS:execution_id]")
def status(draft: Draft, execution_id: ExecutionRef = "execution_id") -> Said | None:
    """Show a run and each of its steps."""
    run = draft.execution(execution_id)
    if run is None:
        return None
    if draft.inline:
        return lambda look: answers.status_line(look.execution(run.id))
    return lambda look: answers.status(
        look.execution(run.id), draft.now, look.definition(run.id), _awaited(draft, look.execution(run.id))
    )


@command("MULTISTEP:PROGRESS", "reads", example="[MULTISTEP:PROGRESS:execution_id]")
def progress(draft: Draft, execution_id: ExecutionRef = "execution_id") -> Said | None:
    """Show how far a run is."""
    run = draft.execution(execution_id)
    if run is None:
        return None
    if draft.inline:
        return lambda look: answers.status_line(look.execution(run.id))
    return lambda look: answers.progress(look.execution(run.id))


@command("MULTISTEP:LIST_EXECUTIONS", "reads", example="[MULTISTEP:LIST_EXECUTIONS:running]")
def list_executions(
    draft: Draft,
    status: Annotated[str, Meta(description="only these: running, completed, failed …")] = "",
    page: Page = 1,
) -> Said:
    """List this chat's runs, newest first."""
    wanted = arguments.status(status or None)
    return lambda look: answers.execution_list(*execution_page(draft, look, wanted, page))


@command("MULTISTEP:WHY", "reads", example="[MULTISTEP:WHY:execution_id:Greet]")
def why(
    draft: Draft,
    execution_id: ExecutionRef = "execution_id",
    step: Annotated[
        str, Meta(description="one step, by its name, or as step1, step2 …; without it, all that did not run")
    ] = "",
) -> Said | None:
    """Say why a step did or did not run, or what a run waits for."""
    run = draft.execution(execution_id)
    if run is None:
        return None
    name = draft.references.step(run, step) if step else None
    return lambda look: answers.why(
        look.execution(run.id), name, look.definition(run.id), _awaited(draft, look.execution(run.id))
    )


def _awaited(draft: Draft, execution: Execution) -> Sequence[answers.Line]:
    """The approval that a run waits for; the draft's own are not stored yet."""
    if execution.status is not ExecutionStatus.AWAITING_APPROVAL:
        return ()
    for start in draft.starts:
        if start.started.execution_id == execution.id and start.judgement is not None:
            return awaited(asked(start.started, start.sheet.name, start.judgement))
    record = draft.desk.record(KIND, id_for(execution.id))
    return () if record is None or record.body is None else awaited(msgspec.json.decode(record.body, type=Approval))


@command("MULTISTEP:HELP", "reads", example="[MULTISTEP:HELP:ADD_STEP]")
def show_help(
    draft: Draft, command: Annotated[str, Meta(description="one command; without it, a list of all")] = ""
) -> Said:
    """Explain the commands, or one of them."""
    wanted = command.upper().removeprefix("MULTISTEP:")
    by_name = {shortcode.removeprefix("MULTISTEP:"): known for shortcode, known in draft.commands.items()}
    if wanted and wanted not in by_name:
        fix = nearest(wanted, by_name) or "the commands are " + ", ".join(by_name)
        raise NotFoundError("unknown_command", f"there is no command '{command}'", "command", fix)
    asked = [by_name[wanted]] if wanted else list(by_name.values())
    return answers.command_help([_help(known) for known in asked])


def _help(command: Command) -> answers.CommandHelp:
    summary = command.summary if command.shortcode in COMMANDS else ""  # of another one nothing is known but its name
    fields = [(field.name, field.help) for field in command.fields]
    return answers.CommandHelp(command.shortcode, summary, fields, command.example)
