"""Commands about definitions."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from syncara import answers
from syncara.commands.draft import Draft, Said
from syncara.commands.fields import HandlerName, Page, Seconds, WorkflowRef
from syncara.commands.pages import workflow_page
from syncara.commands.registry import command
from syncara.core.limits import PARALLEL_STEPS_MAX, RETRY_COUNT_MAX
from syncara.core.model import OnCrash, OnError, RunWhen


@command(
    "MULTISTEP:CREATE_WORKFLOW", "makes", example="[MULTISTEP:CREATE_WORKFLOW:Morning news:Greets and waits:600:3]"
)
def create_workflow(
    draft: Draft,
    name: Annotated[str, Meta(description="what people see; it can stand for the id")],
    description: Annotated[str, Meta(description="for people")] = "",
    timeout: Annotated[Seconds, Meta(description="seconds that a run may take, delays included")] = 1800,
    max_parallel: Annotated[
        int, Meta(ge=1, le=PARALLEL_STEPS_MAX, description="how many steps may be under way at once")
    ] = 5,
    *,
    auto_retry: Annotated[bool, Meta(description="false: no step is tried again, whatever its retries")] = True,
) -> Said:
    """Make a workflow without steps; ADD_STEP adds them."""
    sheet = draft.create(
        {
            "name": name,
            "description": description,
            "global_timeout": timeout,
            "max_parallel_steps": max_parallel,
            "auto_retry": auto_retry,
        }
    )
    return answers.workflow_made(sheet.workflow())


@command(
    "MULTISTEP:ADD_STEP",
    "makes",
    example='[MULTISTEP:ADD_STEP:workflow_id:Greet:send_message:{"text":"Good morning!"}]',
)
def add_step(
    draft: Draft,
    workflow_id: WorkflowRef,
    name: Annotated[str, Meta(description="what people see; no other step of the workflow has it")],
    handler: HandlerName,
    params: Annotated[dict[str, Any], Meta(description="what the handler needs")] = {},  # noqa: B006 - never changed
    dependencies: Annotated[list[str], Meta(description="the steps to wait for, by name, or as step1, step2 …")] = [],  # noqa: B006
    timeout: Annotated[Seconds, Meta(description="seconds that one attempt may take")] = 300,
    *,
    condition: Annotated[str, Meta(description="the step is skipped unless this is true")] = "",
    retries: Annotated[
        int, Meta(ge=0, le=RETRY_COUNT_MAX, description="how often it is tried again when it fails")
    ] = 3,
    retry_delay: Annotated[float, Meta(ge=0, description="seconds before that, twice as long each further time")] = 5,
    save_as: Annotated[str, Meta(description="the key of the context that takes the result")] = "",
    run_when: Annotated[RunWhen, Meta(description="which end of its dependencies lets it start")] = "none_failed",
    on_error: Annotated[OnError, Meta(description="continue: when this step fails, the rest goes on")] = "fail",
    on_crash: Annotated[OnCrash, Meta(description="when the program dies in the middle of the step")] = "retry",
) -> Said:
    """Add a step to a workflow.

    Without dependencies it starts at once, beside the others.
    """
    sheet = draft.workflow_to_extend(workflow_id)
    step = draft.add_step(
        sheet,
        {
            "name": name,
            "handler": handler,
            "params": params,
            "dependencies": dependencies,
            "timeout": timeout,
            "condition": condition or None,
            "retry_count": retries,
            "retry_delay": retry_delay,
            "save_as": save_as or None,
            "run_when": run_when,
            "on_error": on_error,
            "on_crash": on_crash,
        },
    )
    return answers.step_added(sheet.name, step.name, len(sheet.steps))


@command("MULTISTEP:SHOW", "reads", example="[MULTISTEP:SHOW:workflow_id]")
def show(draft: Draft, workflow_id: WorkflowRef = "workflow_id") -> Said:
    """Show a workflow as the tree of its steps."""
    sheet = draft.workflow(workflow_id)
    draft.go_through(sheet)
    return lambda _: answers.workflow_tree(sheet.workflow())


@command("MULTISTEP:DELETE_WORKFLOW", "acts", example="[MULTISTEP:DELETE_WORKFLOW:workflow_id]")
def delete_workflow(draft: Draft, workflow_id: WorkflowRef) -> Said:
    """Delete a workflow; runs of it go on."""
    sheet = draft.workflow(workflow_id)
    draft.hide(sheet)
    return answers.workflow_deleted(sheet.id, sheet.name)


@command("MULTISTEP:LIST_WORKFLOWS", "reads", example="[MULTISTEP:LIST_WORKFLOWS:]")
def list_workflows(draft: Draft, page: Page = 1) -> Said:
    """List this chat's workflows, newest first."""
    return lambda _: answers.workflow_list(*workflow_page(draft, page))
