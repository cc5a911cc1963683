"""Commands that only look."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from syncara import answers, arguments
from syncara.commands.draft import Draft, Said
from syncara.commands.fields import ExecutionRef, Page
from syncara.commands.registry import Command, command
from syncara.commands.workflows import PAGE_ROWS
from syncara.core.errors import NotFoundError, nearest


@command("MULTISTEP:STATUS", "reads", example="[MULTISTEP:STATUS:execution_id]")
def status(draft: Draft, execution_id: ExecutionRef = "execution_id") -> Said:
    """Show a run and each of its steps."""
    found, _ = draft.execution(execution_id)
    if draft.inline:
        return lambda look: answers.status_line(look.execution(found))
    return lambda look: answers.status(look.execution(found), draft.now, look.definition(found))


@command("MULTISTEP:PROGRESS", "reads", example="[MULTISTEP:PROGRESS:execution_id]")
def progress(draft: Draft, execution_id: ExecutionRef = "execution_id") -> Said:
    """Show how far a run is."""
    found, _ = draft.execution(execution_id)
    if draft.inline:
        return lambda look: answers.status_line(look.execution(found))
    return lambda look: answers.progress(look.execution(found))


@command("MULTISTEP:LIST_EXECUTIONS", "reads", example="[MULTISTEP:LIST_EXECUTIONS:running]")
def list_executions(
    draft: Draft,
    status: Annotated[str, Meta(description="only these: running, completed, failed …")] = "",
    page: Page = 1,
) -> Said:
    """List this chat's runs, newest first."""
    wanted = arguments.status(status or None)
    return lambda look: answers.execution_list(*draft.executions_page(look, wanted, page, PAGE_ROWS))


@command("MULTISTEP:WHY", "reads", example="[MULTISTEP:WHY:execution_id:Greet]")
def why(
    draft: Draft,
    execution_id: ExecutionRef = "execution_id",
    step: Annotated[str, Meta(description="the name of one step; without it, all that did not run")] = "",
) -> Said:
    """Say why a step did or did not run, or what a run waits for."""
    found, _ = draft.execution(execution_id)
    if step and step not in (names := draft.step_names(found)):
        fix = nearest(step, names) or "the steps are " + ", ".join(names[:20])
        raise NotFoundError("not_found", f"the run has no step '{step}'", "step", fix)
    return lambda look: answers.why(look.execution(found), step or None, look.definition(found))


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
    fields = tuple(f"{field.name}: {field.help}" if field.help else field.name for field in command.fields)
    return answers.CommandHelp(command.shortcode, command.summary, fields, command.example)
