"""Commands that make whole workflows and start them, now or later."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from syncara import answers
from syncara.commands.draft import Draft, Said
from syncara.commands.fields import Context, ExecutionRef, HandlerName, When, WorkflowRef, start_time
from syncara.commands.references import Run
from syncara.commands.registry import Refers, command
from syncara.commands.runs import steer
from syncara.core import events as e
from syncara.core.errors import InvalidStateError
from syncara.core.limits import PARALLEL_STEPS_MAX
from syncara.templates.generated import batch, quick
from syncara.templates.registry import Definition

STEPS_EXAMPLE = '[{"name":"Greet","handler":"log","params":{"message":"Hello"}}]'


@command("MULTISTEP:QUICK_WORKFLOW", "makes", example=f"[MULTISTEP:QUICK_WORKFLOW:Greeting:{STEPS_EXAMPLE}]")
def quick_workflow(
    draft: Draft,
    name: Annotated[str, Meta(description="what people see")],
    steps: Annotated[
        list[Any], Meta(min_length=1, description="the steps, each an object with the fields of ADD_STEP")
    ],
    *,
    sequential: Annotated[bool, Meta(description="true: each step waits for the one before")] = False,
    context: Context = {},  # noqa: B006 - never changed
) -> Said:
    """Make a workflow from a list of steps and start it.

    Steps without dependencies run side by side; `dependencies` are names of steps in the list.
    """
    return _run(draft, quick(name, [_step(step) for step in steps], sequential=sequential), context)


@command(
    "MULTISTEP:BATCH_PROCESS", "makes", example='[MULTISTEP:BATCH_PROCESS:log:[{"message":"One"},{"message":"Two"}]:2]'
)
def batch_process(
    draft: Draft,
    handler: HandlerName,
    items: Annotated[
        list[Any], Meta(min_length=1, description="the params of each step, or the value of the only one it needs")
    ],
    batch_size: Annotated[int, Meta(ge=1, le=PARALLEL_STEPS_MAX, description="how many may be under way at once")] = 5,
) -> Said:
    """Run one handler over many items; an item that fails leaves the others alone."""
    return _run(draft, batch(handler, items, batch_size, schema=draft.desk.handlers.schema), {})


@command("MULTISTEP:SCHEDULED_WORKFLOW", "makes", example="[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:5m]")
def scheduled_workflow(
    draft: Draft,
    workflow_id: WorkflowRef,
    delay_seconds: When,
    context: Context = {},  # noqa: B006 - never changed
) -> Said:
    """Start a run of a workflow later, once; use it instead of EXECUTE."""
    sheet = draft.workflow(workflow_id)
    at = start_time(delay_seconds, draft.now)
    execution_id = draft.start(sheet, context, at)
    return lambda look: answers.run_started(execution_id, sheet.name, look.execution(execution_id).status, at)


@command("MULTISTEP:UNSCHEDULE", "acts", example="[MULTISTEP:UNSCHEDULE:execution_id]")
def unschedule(draft: Draft, execution_id: ExecutionRef) -> Said | None:
    """Take back the start of a run that was scheduled."""
    run = draft.execution(execution_id)
    if run is not None and not _starts_later(draft, run):
        message = f"the run of '{run.workflow_name}' does not wait for a time to start"
        raise InvalidStateError("not_scheduled", message, "execution_id", "use CANCEL to end a run")
    return steer(draft, "unschedule", run, e.Cancelled(draft.now))


@command(
    "MULTISTEP:TEMPLATE_WORKFLOW",
    "makes",
    example='[MULTISTEP:TEMPLATE_WORKFLOW:message_sequence:{"welcome_text":"Welcome!","delay":3}]',
)
def template_workflow(
    draft: Draft,
    template: Annotated[str, Meta(description="the template's name"), Refers("template")],
    params: Annotated[dict[str, Any], Meta(description="what the template needs")] = {},  # noqa: B006 - never changed
) -> Said:
    """Make a workflow from a template and start it."""
    return _run(draft, draft.desk.templates.build(template, params), {})


def _starts_later(draft: Draft, run: Run) -> bool:
    """Whether the run's start lies ahead, also where a person must approve it first."""
    if run.start is not None:
        return run.start.started.start_at is not None
    found = draft.desk.execution(run.id)
    return found.start_at is not None and found.started_at is None and not found.status.final


def _run(draft: Draft, definition: Definition, context: dict[str, Any]) -> Said:
    sheet = draft.create_whole(definition)
    execution_id = draft.start(sheet, context)
    return lambda look: answers.run_started(execution_id, sheet.name, look.execution(execution_id).status)


def _step(fields: Any) -> Any:
    """A step of a list, with ADD_STEP's name for the retries; what is no step stays as it is."""
    if not isinstance(fields, dict) or "retry_count" in fields:  # both would be one too many, which `check` says
        return fields
    return {"retry_count" if name == "retries" else name: value for name, value in fields.items()}
