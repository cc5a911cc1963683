"""A long text in parts, each of which a chat service takes as one message."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from syncara.answers.render import Form
from syncara.core.errors import Problem, ValidationError

LIMIT = 4_096
"""Telegram's. It does not count the marks of a text; as they are counted here, no part is too long for it."""
LIMIT_MIN = 100
"""With room for the marks that a part opens and closes, and for some words."""
GAPS = ("\n\n", "\n", " ", "")
"""Behind which a part ends, the best first."""
FENCE_CHARS, INFO_CHARS = 10, 20
"""Of the marks around code in Markdown, and of what a code block says behind them, as it is repeated."""


def split(text: str, form: Form = "plain", limit: int = LIMIT, before: Sequence[int] = ()) -> tuple[str, ...]:
    """Parts of at most `limit` UTF-16 units, cut where a paragraph, a line or a word ends if that is possible.

    Rather than there they are cut at one of the places `before`, which ascend, where something begins.
    What a part ends in the middle of, such as `<b>`, is closed there and opened again in the next one. But for that,
    the parts joined are the text; only a list of Markdown that goes on begins at the margin again, and a part of white
    space alone, which no service takes, is left out. There is always one part. Raises ValidationError for a limit below
    100.
    """
    if limit < LIMIT_MIN:
        message = f"{limit} is too little for a part of a text"
        raise ValidationError([Problem("wrong_type", "limit", message, f"give {LIMIT_MIN} or more")])
    if units(text) <= limit:
        return (text,)
    marks = _MARKED[form](text)
    parts, start = [], 0
    while start < len(text):
        opened = marks.opened(start)
        end = _end(marks, start, limit - units(opened), before)
        said = text[start:end]
        in_block = opened.endswith("\n")  # of code, in which indents are its own
        if start and form == "markdown" and not in_block:
            said = _at_margin(said, text, start)
        words = said.rstrip()
        parts.append(f"{opened}{words}{marks.closed(end)}{said[len(words) :]}")
        start = end
    return tuple(part for part in parts if part.strip()) or ("",)


def units(text: str) -> int:
    """The length in UTF-16 units, in which chat services count."""
    return len(text) + sum(character > "\uffff" for character in text)


class _Span(NamedTuple):
    """What two marks enclose."""

    start: int
    end: int
    opening: str
    closing: str


class _Marks:
    """A text, and where its form lets no part end, or only with marks added."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.whole = bytearray(len(text) + 1)
        """1 where no part may end."""
        self._spans: list[_Span] = []

    def keep_whole(self, start: int, end: int) -> None:
        for place in range(start + 1, end):
            self.whole[place] = 1

    def enclose(self, start: int, end: int, opening: str, closing: str) -> None:
        self._spans.append(_Span(start, end, opening, closing))
        said = self.text[start:end]
        # Marks with nothing between them would be read as something else.
        self.keep_whole(start - 1, start + len(said) - len(said.lstrip()) + 1)
        self.keep_whole(start + len(said.rstrip()) - 1, end + 1)

    def opened(self, place: int) -> str:
        return "".join(span.opening for span in self._around(place))

    def closed(self, place: int) -> str:
        return "".join(span.closing for span in reversed(self._around(place)))

    def _around(self, place: int) -> list[_Span]:
        """The outer ones before those within them."""
        return sorted(span for span in self._spans if span.start < place < span.end)


def _end(marks: _Marks, start: int, room: int, before: Sequence[int]) -> int:
    """Where the part ends that begins at `start`."""
    text, last = marks.text, _fitting(marks.text, start, room)
    if last == len(text):
        return last
    best = [place for place in reversed(before) if (start + last) // 2 < place <= last]
    gaps = (end for gap in GAPS for end in _behind(gap, text, start, last))
    good = (end for end in chain(best, gaps) if not marks.whole[end])
    ends = chain(good, range(last, start, -1))  # where all of it is one mark, anywhere
    return next(end for end in ends if units(text[start:end] + marks.closed(end)) <= room)


def _fitting(text: str, start: int, room: int) -> int:
    """How far the text goes from `start` on that has so many units."""
    for place in range(start, len(text)):
        room -= units(text[place])
        if room < 0:
            return place
    return len(text)


def _behind(gap: str, text: str, start: int, last: int) -> Iterator[int]:
    """The ends of such gaps in the later half of a part, the last one first; without a gap, every place in it."""
    if not gap:
        yield from range(last, start, -1)
        return
    end = last
    while (found := text.rfind(gap, (start + last) // 2, end)) >= 0:
        yield found + len(gap)
        end = found + len(gap) - 1


# Marks.

_HTML = re.compile(r"</?\w+>|&\w+;")
_TAGGED = re.compile(r"(<\w+>)(?P<said>[^<]*)(</\w+>)")
_MARKDOWN = re.compile(
    rf"^ {{0,3}}(?P<fence>`{{3,{FENCE_CHARS}}}|~{{3,{FENCE_CHARS}}})(?P<info>[^`\n]*)\n"
    r"|\\[!-/:-@\[-`{-~]|&#?\w{1,30};|(?P<ticks>`+)|(?P<stars>\*\*)|(?P<blank>\n[ \t]*(?=\n))",
    re.MULTILINE,
)
_BEGINS_BLOCK = re.compile(r"(?<=[^\n])(?=\s|[#>+=:-]|\*\s|`{3}|~{3}|\d{1,9}[.)])")
"""Where a line in the middle of which a part ends would go on as something else, or with white space."""
_ITEM = re.compile(r"^(?P<indent> *)(?:[-+*]|\d{1,9}[.)]) +", re.MULTILINE)


def _html(text: str) -> _Marks:
    """Answers have no tag in another one."""
    marks = _Marks(text)
    for mark in _HTML.finditer(text):
        marks.keep_whole(*mark.span())
    for tagged in _TAGGED.finditer(text):
        marks.enclose(*tagged.span("said"), tagged[1], tagged[3])
    return marks


def _markdown(text: str) -> _Marks:
    """What answers are written with, and code blocks. Other formatting of the model's may end with a part."""
    marks, strong = _Marks(text), None
    for place in _BEGINS_BLOCK.finditer(text):
        marks.whole[place.start()] = 1
    for item in _ITEM.finditer(text):
        marks.keep_whole(item.start(), item.end() + 1)
    runs: dict[str, list[int]] = defaultdict(list)
    for run in re.finditer("`+", text):
        runs[run[0]].append(run.start())
    end = 0
    while (mark := _MARKDOWN.search(text, end)) is not None:
        marks.keep_whole(*mark.span())
        end = mark.end()
        if mark["fence"]:
            end = _block(marks, mark)
        elif mark["ticks"]:
            end = _code(marks, mark, runs[mark["ticks"]])
        if mark["stars"]:
            strong = _strong(marks, strong, mark)
        elif mark["fence"] or mark["blank"]:
            strong = None
    return marks


def _block(marks: _Marks, mark: re.Match[str]) -> int:
    """Enclose a code block; returns where it ends."""
    fence, start = mark["fence"], mark.end()
    closes = re.compile(rf"^ {{0,3}}{fence}{fence[0]}*[ \t]*$", re.MULTILINE)
    closing = closes.search(marks.text, start)
    end = len(marks.text) if closing is None else closing.start()
    marks.enclose(start, end, f"{fence}{mark['info'][:INFO_CHARS]}\n", f"\n{fence}")
    if closing is None:
        return end
    marks.keep_whole(*closing.span())
    return closing.end()


def _code(marks: _Marks, mark: re.Match[str], runs: list[int]) -> int:
    """Enclose a code span, if it is one: `runs` are where there are as many backticks; returns where it ends."""
    ticks, start = mark["ticks"], mark.end()
    found = bisect_left(runs, start)
    if len(ticks) > FENCE_CHARS or found == len(runs) or "\n\n" in marks.text[start : runs[found]]:
        return start
    end = runs[found] + len(ticks)
    marks.enclose(start, runs[found], ticks, ticks)
    marks.keep_whole(runs[found], end)
    return end


def _strong(marks: _Marks, strong: re.Match[str] | None, mark: re.Match[str]) -> re.Match[str] | None:
    """Enclose what began at `strong`, if that ends here; returns what has begun and not ended."""
    text, start, end = marks.text, *mark.span()
    if strong is None:
        return None if text[end : end + 1].isspace() else mark
    if text[start - 1].isspace():
        return strong
    marks.enclose(strong.end(), start, "**", "**")
    return None


def _at_margin(said: str, text: str, start: int) -> str:
    """Items that go on without those that they are below begin at the margin, as `render` draws them."""
    line = text.rfind("\n", 0, start) + 1
    item = _ITEM.match(text, line)
    if item is None:
        return said
    margin = len(item["indent"] if line == start else item[0])
    items, gap, rest = said.partition("\n\n")
    return re.sub(f"(?m)^ {{,{margin}}}", "", items) + gap + rest


_MARKED: dict[Form, Callable[[str], _Marks]] = {"plain": _Marks, "markdown": _markdown, "html": _html}
