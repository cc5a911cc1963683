"""Correct, read again, correct what is still wrong: a few times, and only what comes out right is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from syncara.shortcodes.paper import Found, Paper
from syncara.shortcodes.problems import CodeProblem
from syncara.shortcodes.repair import correcting
from syncara.shortcodes.repair.edits import Edited, Patch

ROUNDS_MAX = 10
CHECKS_MAX = 5

Read = Callable[[str], Paper]


def completed(paper: Paper, read: Read) -> list[CodeProblem]:
    """See `complete`. The text is read at most 15 times, however much is wrong with it."""
    kept = _checked(paper, _corrected(paper, read), read) if paper.calls else []
    return [_with_example(paper, found, kept) for found in paper.found]


def _corrected(paper: Paper, read: Read) -> list[Patch]:
    edited, now, seen = Edited(paper.text), paper, {paper.text}
    for _ in range(ROUNDS_MAX):
        edited.apply(correcting.edits(now))
        text = edited.text
        if text in seen:
            break
        seen.add(text)
        now = read(text)
        if not now.found:
            break
    return edited.patches


def _checked(paper: Paper, patches: list[Patch], read: Read) -> list[Patch]:
    """Those in which nothing is wrong any more, also without the others."""
    for _ in range(CHECKS_MAX):
        if not patches:
            break
        edited = Edited(paper.text, patches)
        now = read(edited.text)
        wrong = _spans(now)
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


def _with_example(paper: Paper, found: Found, patches: Iterable[Patch]) -> CodeProblem:
    span = paper.calls[found.place].span if paper.calls else (0, 0)
    patch = next((each for each in patches if _overlap((each.start, each.end), span)), None)
    if patch is None:
        return msgspec.structs.replace(found.problem, example="")
    return msgspec.structs.replace(found.problem, example=patch.text, replaces=(patch.start, patch.end))


__all__: Sequence[str] = ["completed"]
