"""Lists of what a chat has, as a draft leaves it, a page at a time and newest first."""

from __future__ import annotations

from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

from syncara.commands.draft import Draft, Look
from syncara.core.model import Workflow
from syncara.core.views import Execution

PAGE_ROWS = 10


T = TypeVar("T")


class Listed(NamedTuple, Generic[T]):
    rows: list[T]
    page: int
    more: bool
    """Whether another page follows."""


def workflow_page(draft: Draft, page: int) -> Listed[Workflow]:
    """Without their steps."""
    changed = {sheet.id: sheet for sheet in draft.sheets if sheet.new or sheet.hidden}
    first = (page - 1) * PAGE_ROWS
    stored = draft.desk.workflows(draft.chat.owner, first + PAGE_ROWS + 1 + len(changed))
    found = [sheet.header for sheet in reversed(changed.values()) if not sheet.hidden]
    found += [workflow for workflow in stored if workflow.id not in changed]
    return Listed(found[first : first + PAGE_ROWS], page, len(found) > first + PAGE_ROWS)


def execution_page(draft: Draft, look: Look, status: str | None, page: int) -> Listed[Execution]:
    """Those of one status, or all."""
    ids = [start.started.execution_id for start in reversed(draft.starts)]
    touched = {each: look.execution(each) for each in (*ids, *(told.execution_id for told in draft.facts))}
    first = (page - 1) * PAGE_ROWS
    stored = draft.desk.summaries(draft.chat.owner, first + PAGE_ROWS + 1 + len(touched), status)
    found = [(run.created_at, run.id) for run in touched.values() if status in (None, run.status)]
    found += [(summary.created_at, summary.id) for summary in stored if summary.id not in touched]
    found.sort(key=itemgetter(0), reverse=True)
    shown = [look.execution(execution_id) for _, execution_id in found[first : first + PAGE_ROWS]]
    return Listed(shown, page, len(found) > first + PAGE_ROWS)
