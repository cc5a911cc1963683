"""What people read: answers without a language, built from what happened, and rendered in theirs."""

from __future__ import annotations

from syncara.answers.catalogue import LANGUAGES, Language
from syncara.answers.effects import PlannedEffect
from syncara.answers.language import detect_language, guess_language
from syncara.answers.model import Answer, Line
from syncara.answers.plans import (
    Planned,
    Wait,
    approval_answered,
    approval_awaited,
    approval_note,
    approval_question,
    plan,
    question_rows,
)
from syncara.answers.render import FORMS, Form, render
from syncara.answers.replies import (
    CommandHelp,
    cannot_run,
    command_help,
    not_done,
    outside_started,
    refusal,
    run_started,
    told,
)
from syncara.answers.runs import announcement, execution_list, progress, status, status_line
from syncara.answers.why import why
from syncara.answers.workflows import step_added, workflow_deleted, workflow_list, workflow_made, workflow_tree

__all__ = [
    "FORMS",
    "LANGUAGES",
    "Answer",
    "CommandHelp",
    "Form",
    "Language",
    "Line",
    "Planned",
    "PlannedEffect",
    "Wait",
    "announcement",
    "approval_answered",
    "approval_awaited",
    "approval_note",
    "approval_question",
    "cannot_run",
    "command_help",
    "detect_language",
    "execution_list",
    "guess_language",
    "not_done",
    "outside_started",
    "plan",
    "progress",
    "question_rows",
    "refusal",
    "render",
    "run_started",
    "status",
    "status_line",
    "step_added",
    "told",
    "why",
    "workflow_deleted",
    "workflow_list",
    "workflow_made",
    "workflow_tree",
]
