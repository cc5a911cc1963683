"""Answers of bounded length: of many rows, those around the one that matters, and how many are left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from syncara.answers.catalogue import LANGUAGES
from syncara.answers.model import Answer, Icon, Line, message
from syncara.answers.parts import units
from syncara.answers.render import FORMS, INDENT, render

CHARS_MAX = 3_500
"""Of an answer in any language and form, in UTF-16 units. Chats take messages of about 4,000."""
ROWS_MAX = 30
NAME_CHARS, DETAIL_CHARS, LEAD_CHARS = 60, 160, 200
"""Of a name; of an error, a condition or a description in a row; and of those that an answer begins or ends with."""

T = TypeVar("T")


def fitted(
    head: Sequence[Line],
    rows: Sequence[T],
    draw: Callable[[T], Line],
    tail: Sequence[Line] = (),
    *,
    around: int = 0,
    rows_max: int = ROWS_MAX,
    chars_max: int = CHARS_MAX,
) -> Answer:
    """`head`, as many rows as there is room for around the one with the index `around`, and `tail`."""
    room = chars_max - sum(map(chars_of, [*head, *tail, more("more.above", len(rows)), more("more.below", len(rows))]))
    drawn: list[Line] = []
    first = end = min(around, len(rows))
    while len(drawn) < min(rows_max, len(rows)):
        below = end < len(rows) and (first == 0 or end - around <= 2 * (around - first))
        line = draw(rows[end if below else first - 1])
        room -= chars_of(line)
        if room < 0:
            break
        if below:
            drawn.append(line)
            end += 1
        else:
            drawn.insert(0, line)
            first -= 1
    if first:
        drawn.insert(0, more("more.above", first))
    if end < len(rows):
        drawn.append(more("more.below", len(rows) - end))
    return Answer((*head, *drawn, *tail))


def more(key: str, count: int) -> Line:
    return Line((Icon("more"), message(key, n=count)), depth=0)


def chars_of(line: Line) -> int:
    """The most UTF-16 units that the line takes, in any language and form, with its indent and line breaks."""
    longest = max(units(render(Answer((line,)), language, form)) for language in LANGUAGES for form in FORMS)
    return longest + len(INDENT) * (line.depth or 0) + len("\n\n")
