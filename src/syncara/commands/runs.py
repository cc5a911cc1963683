"""Commands that start and steer runs."""

from __future__ import annotations

from syncara import answers
from syncara.answers.replies import Action
from syncara.commands.draft import Draft, Said
from syncara.commands.fields import Context, ExecutionRef, WorkflowRef
from syncara.commands.references import Run
from syncara.commands.registry import command
from syncara.core import events as e


@command("MULTISTEP:EXECUTE", "makes", example='[MULTISTEP:EXECUTE:workflow_id:{"name":"Ana"}]')
def execute(draft: Draft, workflow_id: WorkflowRef, context: Context = {}) -> Said:  # noqa: B006 - never changed
    """Start a run of a workflow, with the steps that it has at that point."""
    sheet = draft.workflow(workflow_id)
    execution_id = draft.start(sheet, context)
    return lambda look: answers.run_started(execution_id, sheet.name, look.execution(execution_id).status)


@command("MULTISTEP:CANCEL", "acts", example="[MULTISTEP:CANCEL:execution_id]")
def cancel(draft: Draft, execution_id: ExecutionRef) -> Said | None:
    """End a run now."""
    return steer(draft, "cancel", draft.execution(execution_id), e.Cancelled(draft.now))


@command("MULTISTEP:PAUSE", "acts", example="[MULTISTEP:PAUSE:execution_id]")
def pause(draft: Draft, execution_id: ExecutionRef) -> Said | None:
    """Start no further step of a run until it is resumed."""
    return steer(draft, "pause", draft.execution(execution_id), e.Paused(draft.now))


@command("MULTISTEP:RESUME", "acts", example="[MULTISTEP:RESUME:execution_id]")
def resume(draft: Draft, execution_id: ExecutionRef) -> Said | None:
    """Let a paused run go on."""
    return steer(draft, "resume", draft.execution(execution_id), e.Resumed(draft.now))


def steer(draft: Draft, action: Action, run: Run | None, fact: e.Fact) -> Said | None:
    if run is None:
        return None
    number = draft.tell(run.id, fact)
    return lambda look: answers.told(action, run.id, run.workflow_name, look.changed(number))
