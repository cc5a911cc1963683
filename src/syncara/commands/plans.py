"""Commands about what would happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncara import answers, arguments
from syncara.answers import Answer
from syncara.commands.draft import Draft, Said
from syncara.commands.fields import Context, WorkflowRef
from syncara.commands.registry import command
from syncara.commands.sheets import Sheet
from syncara.policy import preview as previews
from syncara.policy.gate import told


@command("MULTISTEP:PREVIEW", "reads", example='[MULTISTEP:PREVIEW:workflow_id:{"name":"Ana"}]')
def preview(draft: Draft, workflow_id: WorkflowRef, context: Context = {}) -> Said:  # noqa: B006 - never changed
    """Show what a run of a workflow would do, what of that needs a person's approval, and how long it can take."""
    sheet, given = draft.workflow(workflow_id), arguments.context(dict(context))
    draft.go_through(sheet)
    return lambda _: _plan(draft, sheet, given)


def _plan(draft: Draft, sheet: Sheet, context: Mapping[str, Any]) -> Answer:
    workflow, chat, gate = sheet.workflow(), draft.chat, draft.desk.gate
    judged = gate.definition(workflow, draft.author)
    problems = told(draft.desk.problems(workflow, chat.chat_id, started=True), judged)
    if problems:
        return answers.cannot_run(workflow.name, problems)
    return previews.answer(workflow, gate.plan(workflow, context, None, chat.chat_id, chat.user_id))
