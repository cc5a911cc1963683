"""Workflows and runs that a code refers to by another name than their own.

How near that name has to be depends on what is to be done: what only looks may look at what is probably meant; what
makes something needs the name with a slip in it; and what acts needs the name itself, or a word for the latest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from syncara.commands.registry import Kind
from syncara.commands.sheets import Sheet
from syncara.core.model import FINAL_EXECUTION
from syncara.shortcodes.repair import words
from syncara.shortcodes.repair.known import RUNS_MAX, Known
from syncara.shortcodes.repair.step_names import NAME_ALIKE, WRAPPING, Reference, contained
from syncara.shortcodes.repair.words import plain

UNKNOWN = 2.0
"""The price of a name that nothing has."""
_UNLIKE_AN_ID = 3.5
"""The price of taking words that look like no id for one."""

_NUMBERED = re.compile(
    r"(?:workflow|wf|flow|alur|w|execution|exec|run)?[\s_-]*(?:id)?[\s_#-]*0*(\d{1,3})(?:[\s_-]*id)?", re.IGNORECASE
)
_ID_LIKE = re.compile(r"[\w-]*\d[\w-]*|(?:wf|ex|(?:work)?flow|run|id)[_-]\w+|(?:work)?flow[a-z]", re.IGNORECASE)
_ID_OF_NAME = re.compile(r"(?:workflow|wf|flow|alur|id)[_-](?P<name>\w*?[^\W\d_])(?:[_-]\d+)?", re.IGNORECASE)
"""An id that was made up of a name: `wf_tea_01`."""
_DIGITS = re.compile(r"\d+")
_MARKS = " \t\"'“”‘’«»`{}[]<>()$%*_"
"""What may stand around a name or an id that is right."""
_LATEST = (
    r"(?=.*(?:id|last|latest|terakhir|terbaru))(?:the|your|my|new|last|latest|this|current|insert)*(?:id)?(?:%s)(?:id)?"
    r"(?:terakhir|terbaru|baru|ini|here)*"
)
_PLACEHOLDERS = {
    "workflow_id": re.compile(_LATEST % "workflow|flow|wf|alur"),
    "execution_id": re.compile(_LATEST % "execution|exec|run|eksekusi"),
}
"""What stands for the latest, and can be nothing else."""


class References:
    """For the code at one place of a reply."""

    def __init__(self, known: Known, place: int, kind: Kind) -> None:
        """`kind`: of the code's command."""
        self._known = known
        self._place = place
        self._kind = kind
        self._before = [sheet for sheet in known.made if sheet.place < place]

    def _is_latest(self, bare: str, alias: str) -> bool:
        """Whether something stands for what was made or started last."""
        if self._kind == "acts":
            return _PLACEHOLDERS[alias].fullmatch(plain(bare)) is not None
        return plain(bare) in words.words("aliases", alias)

    # Workflows.

    def workflow(self, written: str) -> Reference | None:
        """The workflow that was meant: by its name, its number in the reply, or as the only one there is."""
        names = [*(sheet.name for sheet in self._before), *self._known.stored]
        if written == "workflow_id" or written in names or self._is_stored(written):
            return Reference(written, 0)
        bare = written.strip(_MARKS)
        if self._is_stored(bare):
            return Reference(bare, 0.2)
        bare = written.strip(WRAPPING)
        if self._is_latest(bare, "workflow_id"):
            return Reference("workflow_id", 0.2)
        if self._kind == "acts":
            return self._named(_only(name for name in names if words.same(written.strip(_MARKS), name.strip(_MARKS))))
        names += [sheet.name for sheet in self._known.made[len(self._before) :]]
        return self._numbered(bare) or self._named(self._near(bare, names)) or self._invented(written, bare)

    def _is_stored(self, written: str) -> bool:
        desk, owner = self._known.draft.desk, self._known.draft.chat.owner
        return desk.workflow(written, owner) is not None or bool(desk.named(written, owner, 1))

    def _numbered(self, bare: str) -> Reference | None:
        found = _NUMBERED.fullmatch(bare)
        if found is None or not 0 < int(found[1]) <= len(self._known.made):
            return None
        return Reference(self._call(self._known.made[int(found[1]) - 1]), 0.3)

    def _near(self, bare: str, names: Sequence[str]) -> str | None:
        if self._kind == "makes":
            named = _ID_OF_NAME.fullmatch(bare)
            return _only(
                name for name in names if words.slipped(bare, name) or (named and words.same(named["name"], name))
            )
        return words.nearest(bare, list(dict.fromkeys(names)), NAME_ALIKE) or contained(bare, names)

    def _named(self, found: str | None) -> Reference | None:
        if found is None:
            return None
        made = next((sheet for sheet in reversed(self._known.made) if sheet.name == found), None)
        return Reference(found if made is None else self._call(made), 0.5)

    def _invented(self, written: str, bare: str) -> Reference | None:
        """A name or id that nothing has: the reply's own workflow, or the only one of the chat."""
        price = 1.0 if _ID_LIKE.fullmatch(bare) else _UNLIKE_AN_ID
        made, others = self._known.made, self._known.unknown_workflows
        if self._kind == "makes" and (price == _UNLIKE_AN_ID or not made or self._is_numbered_like_one(bare)):
            return Reference(written, max(price, UNKNOWN))
        if not made:
            return Reference("workflow_id", price) if len(self._known.stored) == 1 else None
        if len(made) == 1:
            return Reference(self._call(made[0]), price)
        if written not in others or len(others) != len(made):
            return None
        return Reference(self._call(made[list(others).index(written)]), price)  # one for each, in their order

    def _is_numbered_like_one(self, bare: str) -> bool:
        """Whether there is a workflow of the same name with another number."""
        names = [*(sheet.name for sheet in self._known.made), *self._known.stored]
        return any(
            plain(_DIGITS.sub("", bare)) == plain(_DIGITS.sub("", name)) for name in names if _DIGITS.search(name)
        )

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
        if self._is_latest(bare, "execution_id"):
            return Reference("execution_id", 0.2)
        if self._kind == "acts":
            return self._only_run(written.strip(_MARKS))
        started = [start.sheet.name for start in self._known.draft.starts if start.place < self._place]
        names = [*started, *(run.workflow_name for run in runs)]
        named = words.nearest(bare, list(dict.fromkeys(names)), NAME_ALIKE) or contained(bare, names)
        if named is None:
            return self._invented_run(bare, len(started))
        if started:
            return Reference("execution_id", 0.5) if started[-1] == named else None
        latest = names.index(named)
        return Reference(runs[latest].id if latest else "execution_id", 0.5)

    def _only_run(self, bare: str) -> Reference | None:
        """The run of that id, or the only one of that workflow which has not ended."""
        runs = self._known.runs
        if any(bare == run.id for run in runs):
            return Reference(bare, 0.2)
        started = [start for start in self._known.draft.starts if words.same(bare, start.sheet.name)]
        under_way = [run for run in runs if run.status not in FINAL_EXECUTION and words.same(bare, run.workflow_name)]
        if started or len(under_way) != 1 or len(runs) == RUNS_MAX:
            return None
        return Reference(under_way[0].id, 0.5)

    def _invented_run(self, bare: str, started: int) -> Reference | None:
        runs = self._known.runs
        only = started == 1 or (not started and runs and all(run.status in FINAL_EXECUTION for run in runs[1:]))
        if not only:
            return None
        return Reference("execution_id", 1.0 if _ID_LIKE.fullmatch(bare) else _UNLIKE_AN_ID)


def _only(names: Iterable[str]) -> str | None:
    """The name, when all are the same one."""
    found = set(names)
    return found.pop() if len(found) == 1 else None
