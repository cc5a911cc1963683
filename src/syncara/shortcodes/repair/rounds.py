"""Correct, read again, correct what is still wrong: a few times, and only what comes out right is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from syncara.shortcodes.paper import Found, Paper
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.repair import correcting, values
from syncara.shortcodes.repair.edits import Edit, Edited
from syncara.shortcodes.repair.known import Work
from syncara.shortcodes.repair.words import is_nothing
from syncara.shortcodes.scanner import scan

ROUNDS_MAX = 10
CHECKS_MAX = 5

Read = Callable[[str], Paper]


def completed(paper: Paper, read: Read) -> list[CodeProblem]:
    """See `complete`. The text is read at most 15 times, however much is wrong with it."""
    kept = _checked(paper, _corrected(paper, read), read) if paper.calls else []
    own = _by_place(paper, kept)
    for found in paper.found:
        if own.get(found.place) is not None and _loses_a_field(paper, found, own[found.place]):
            own[found.place] = None
    return [_with_example(_explained(found.problem), own.get(found.place)) for found in paper.found]


def _corrected(paper: Paper, read: Read) -> list[Edit]:
    edited, now, seen, work = Edited(paper.text), paper, {paper.text}, Work()
    for _ in range(ROUNDS_MAX):
        edited.apply(correcting.edits(now, work))
        text = edited.text
        if text in seen:
            break
        seen.add(text)
        now = read(text)
        if not now.found or not now.calls:
            break
    return edited.patches


def _checked(paper: Paper, patches: list[Edit], read: Read) -> list[Edit]:
    """Those in which nothing is wrong any more, also without the others."""
    for _ in range(CHECKS_MAX):
        if not patches:
            break
        edited = Edited(paper.text, patches)
        wrong = _spans(read(edited.text))
        good = [
            patch
            for patch, place in zip(patches, edited.places(), strict=True)
            if not any(_overlap(place, span) for span in wrong)
        ]
        if len(good) == len(patches):
            return good
        patches = good
    return []


def _spans(paper: Paper) -> list[tuple[int, int]]:
    """Where something is wrong: the codes, or all of it."""
    if not paper.calls:
        return [(0, len(paper.text))] if paper.found else []
    return [paper.calls[found.place].span for found in paper.found]


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


# Which correction is told with which problem.


def _by_place(paper: Paper, patches: list[Edit]) -> dict[int, Edit | None]:
    """The patch of each code that is wrong, by its number; each patch is that of some code."""
    places = dict.fromkeys(found.place for found in paper.found) if paper.calls else {}
    own = {place: _patch_of(paper.calls[place].span, patches) for place in places}
    others = [patch for patch in patches if patch not in own.values()]
    for place in [place for place, patch in own.items() if patch is None]:
        own[place] = others.pop(0) if others else None
    while others:  # what no problem of its own has is part of the correction beside it
        _join(paper.text, own, others.pop(0))
    return own


def _patch_of(span: tuple[int, int], patches: Iterable[Edit]) -> Edit | None:
    return next((patch for patch in patches if _overlap((patch.start, patch.end), span)), None)


def _join(text: str, own: dict[int, Edit | None], other: Edit) -> None:
    """Make a patch part of the one that is nearest to it."""
    nearest = min(
        (patch for patch in own.values() if patch is not None), key=lambda patch: abs(patch.start - other.start)
    )
    first, last = sorted((nearest, other))
    joined = Edit(first.start, last.end, f"{first.text}{text[first.end : last.start]}{last.text}")
    for place, patch in own.items():
        if patch == nearest:
            own[place] = joined


def _loses_a_field(paper: Paper, found: Found, patch: Edit | None) -> bool:
    """Whether a correction drops the very field that is wrong, or makes text of it.

    A word for nothing may go, and so may a field of a command that only looks.
    """
    problem, commands = found.problem, paper.draft.commands
    command = commands.get(problem.shortcode)
    if patch is None or command is None or command.kind == "reads":
        return False
    written = problem.read.strip("\"'")
    if problem.code != "wrong_type" or not problem.field or is_nothing(written):
        return False
    if written in paper.calls[found.place].args.values():
        return False  # it is there already
    return all(problem.field not in call.args for call in scan(patch.text, commands))


def _explained(problem: CodeProblem) -> CodeProblem:
    """With what to do instead, where a time was written that comes again and again."""
    if problem.code != "invalid_time" or not values.recurs(problem.read):
        return problem
    fix = (
        "a schedule starts once, and does not repeat: for one start write seconds (300), 1h30m or an ISO time with zone"
    )
    return msgspec.structs.replace(problem, fix=fix)


def _with_example(problem: CodeProblem, patch: Edit | None) -> CodeProblem:
    if patch is None:
        return msgspec.structs.replace(problem, example="")
    return msgspec.structs.replace(problem, example=patch.text, replaces=(patch.start, patch.end))
