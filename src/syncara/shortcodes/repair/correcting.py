"""One round of corrections: for each code that is wrong, what is to stand in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from syncara.commands.registry import Command
from syncara.shortcodes.paper import Paper
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.repair import mending, reading
from syncara.shortcodes.repair.edits import Edit
from syncara.shortcodes.repair.known import Known
from syncara.shortcodes.repair.writing import write

_RESHAPED = (
    "missing_field",
    "wrong_type",
    "unknown_handler",
    "unknown_dependency",
    "not_found",
    "suspicious_number",
    "suspicious_text",
    "empty_name",
)
"""Problems that may come from a field in the place of another."""


def edits(paper: Paper) -> list[Edit]:
    """What to change in the text. Codes that cannot be read come first: what they say may put the others right."""
    known = Known(paper)
    problems: dict[int, list[CodeProblem]] = {}
    for found in paper.found:
        problems.setdefault(found.place, []).append(found.problem)
    unread = [place for place in problems if paper.calls[place].error is not None]
    first = [edit for place in unread if (edit := _read_again(known, place)) is not None]
    return first or list(_mended(known, problems))


def _read_again(known: Known, place: int) -> Edit | None:
    error = known.paper.calls[place].error
    found = reading.read(known, place)
    if found is None or error is None:
        return None
    if error.code == "cut_off" and not found.complete:
        return None
    return _edit(known, place, found.command, found.args, found.start, found.end)


def _mended(known: Known, problems: dict[int, list[CodeProblem]]) -> Iterator[Edit]:
    for place, wrong in problems.items():
        call = known.paper.calls[place]
        if call.error is not None:
            continue
        command, args = known.commands[call.shortcode], call.args
        if any(problem.code in _RESHAPED for problem in wrong):
            again = reading.read(known, place)
            if again is not None:
                args = again.args
        edit = _edit(known, place, command, args, *call.span)
        if edit is not None:
            yield edit


def _edit(known: Known, place: int, command: Command, args: dict[str, Any], start: int, end: int) -> Edit | None:
    text = write(command, mending.mend(known, place, command, args))
    return None if text == known.paper.text[start:end] else Edit(start, end, text)


__all__: Sequence[str] = ["edits"]
