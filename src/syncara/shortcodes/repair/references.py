"""Workflows and runs that a code refers to by another name than their own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from syncara.commands.sheets import Sheet
from syncara.core.model import FINAL_EXECUTION
from syncara.shortcodes.repair import words
from syncara.shortcodes.repair.known import Known
from syncara.shortcodes.repair.step_names import NAME_ALIKE, WRAPPING, Reference, contained
from syncara.shortcodes.repair.words import plain

_UNLIKE_AN_ID = 3.5
"""The price of taking words that look like no id for one."""

_NUMBERED = re.compile(
    r"(?:workflow|wf|flow|alur|w|execution|exec|run)?[\s_-]*(?:id)?[\s_#-]*0*(\d{1,3})(?:[\s_-]*id)?", re.IGNORECASE
)
_ID_LIKE = re.compile(r"[\w-]*\d[\w-]*|(?:wf|ex|flow|run|id)[_-]\w+", re.IGNORECASE)


class References:
    """For the code at one place of a reply."""

    def __init__(self, known: Known, place: int) -> None:
        self._known = known
        self._place = place
        self._before = [sheet for sheet in known.made if sheet.place < place]

    # Workflows.

    def workflow(self, written: str) -> Reference | None:
        """The workflow that was meant: by its name, its number in the reply, or as the only one there is."""
        names = [*(sheet.name for sheet in self._before), *self._known.stored]
        desk, owner = self._known.draft.desk, self._known.draft.chat.owner
        known = written in names or desk.workflow(written, owner) is not None or desk.named(written, owner, 1)
        if known or written == "workflow_id":
            return Reference(written, 0)
        bare = written.strip(WRAPPING)
        if plain(bare) in words.words("aliases", "workflow_id"):
            return Reference("workflow_id", 0.2)
        return self._numbered(bare) or self._named(bare, names) or self._invented(written, bare)

    def _numbered(self, bare: str) -> Reference | None:
        found = _NUMBERED.fullmatch(bare)
        if found is None or not 0 < int(found[1]) <= len(self._known.made):
            return None
        return Reference(self._call(self._known.made[int(found[1]) - 1]), 0.3)

    def _named(self, bare: str, names: Sequence[str]) -> Reference | None:
        found = words.nearest(bare, list(dict.fromkeys(names)), NAME_ALIKE) or contained(bare, names)
        if found is None:
            return None
        made = next((sheet for sheet in reversed(self._before) if sheet.name == found), None)
        return Reference(found if made is None else self._call(made), 0.5)

    def _invented(self, written: str, bare: str) -> Reference | None:
        """A name or id that nothing has: the reply's own workflow, or the only one of the chat."""
        price = 1.0 if _ID_LIKE.fullmatch(bare) else _UNLIKE_AN_ID
        made, others = self._known.made, self._known.unknown_workflows
        if not made:
            return Reference("workflow_id", price) if len(self._known.stored) == 1 else None
        if len(made) == 1:
            return Reference(self._call(made[0]), price)
        if written not in others or len(others) != len(made):
            return None
        return Reference(self._call(made[list(others).index(written)]), price)  # one for each, in their order

    def _call(self, sheet: Sheet) -> str:
        """How the code refers to a workflow that the reply makes."""
        nearest = self._before[-1] if self._before else None
        return "workflow_id" if sheet is nearest or len(self._known.made) == 1 else sheet.name

    # Runs.

    def execution(self, written: str) -> Reference | None:
        """The run that was meant: by its id, its workflow's name, or as the only one there is."""
        runs = self._known.runs
        if written == "execution_id" or any(written == run.id for run in runs):
            return Reference(written, 0)
        bare = written.strip(WRAPPING)
        if plain(bare) in words.words("aliases", "execution_id"):
            return Reference("execution_id", 0.2)
        started = [start.sheet.name for start in self._known.draft.starts if start.place < self._place]
        names = [*started, *(run.workflow_name for run in runs)]
        named = words.nearest(bare, list(dict.fromkeys(names)), NAME_ALIKE) or contained(bare, names)
        if named is None:
            return self._invented_run(bare, len(started))
        if started:
            return Reference("execution_id", 0.5) if started[-1] == named else None
        latest = names.index(named)
        return Reference(runs[latest].id if latest else "execution_id", 0.5)

    def _invented_run(self, bare: str, started: int) -> Reference | None:
        runs = self._known.runs
        only = started == 1 or (not started and runs and all(run.status in FINAL_EXECUTION for run in runs[1:]))
        if not only:
            return None
        return Reference("execution_id", 1.0 if _ID_LIKE.fullmatch(bare) else _UNLIKE_AN_ID)
