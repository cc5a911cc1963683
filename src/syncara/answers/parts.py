"""A long text in parts, each of which a chat service takes as one message."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
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
    parts, start, item = [], 0, _ITEM.match(text)
    while start < len(text):
        opened = marks.opened(start)
        end = _end(marks, start, limit - units(opened), before)
        said = text[start:end]
        in_block = opened.endswith("\n")  # of code, in which indents are its own
        if start and form == "markdown" and not in_block:
            said = _at_margin(said, start, item)
        words = said.rstrip()
        parts.append(f"{opened}{words}{marks.closed(end)}{said[len(words) :]}")
        if (line_break := text.rfind("\n", start, end)) >= 0:
            item = _ITEM.match(text, line_break + 1)
        start = end
    return tuple(part for part in parts if part.strip()) or ("",)


def units(text: str) -> int:
    """The length in UTF-16 units, in which chat services count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


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
        self._outer: list[_Span] = []
        self._inner: list[_Span] = []
        """Both in the order of the text; no span is within another one of its list."""

    def keep_whole(self, start: int, end: int) -> None:
        self.whole[start + 1 : end] = b"\1" * (end - start - 1)

    def enclose(self, start: int, end: int, opening: str, closing: str, *, outer: bool = False) -> None:
        """`outer`: other spans may be within this one."""
        (self._outer if outer else self._inner).append(_Span(start, end, opening, closing))
        said = self.text[start:end]
        # Marks with nothing between them would be read as something else.
        self.keep_whole(start - 1, start + len(said) - len(said.lstrip()) + 1)
        self.keep_whole(start + len(said.rstrip()) - 1, end + 1)

    def opened(self, place: int) -> str:
        return "".join(span.opening for span in self._around(place))

    def closed(self, place: int) -> str:
        return "".join(span.closing for span in reversed(self._around(place)))

    def _around(self, place: int) -> list[_Span]:
        """The outer one before the one within it."""
        found: list[_Span] = []
        for spans in (self._outer, self._inner):
            begun = bisect_left(spans, place, key=lambda span: span.start)
            found += (span for span in spans[begun - 1 : begun] if place < span.end)
        return found


def _end(marks: _Marks, start: int, room: int, before: Sequence[int]) -> int:
    """Where the part ends that begins at `start`."""
    text, last = marks.text, _fitting(marks.text, start, room)
    if last == len(text):
        return last
    best = reversed(before[bisect_right(before, (start + last) // 2) : bisect_right(before, last)])
    gaps = (end for gap in GAPS for end in _behind(gap, text, start, last))
    good = (end for end in chain(best, gaps) if not marks.whole[end])
    ends = chain(good, range(last, start, -1))  # where all of it is one mark, anywhere
    return next(end for end in ends if units(text[start:end] + marks.closed(end)) <= room)


def _fitting(text: str, start: int, room: int) -> int:
    """How far the text goes from `start` on that has so many units."""
    end = min(start + room, len(text))
    while (beyond := units(text[start:end]) - room) > 0:
        end -= (beyond + 1) // 2  # no character has more than two
    return end


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
_INDENT = re.compile("^ +", re.MULTILINE)


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
    places: dict[str, list[int]] = defaultdict(list)
    for found in re.finditer(r"`+|\n(?=\n)", text):
        places[found[0]].append(found.start())
    end = 0
    while (mark := _MARKDOWN.search(text, end)) is not None:
        marks.keep_whole(*mark.span())
        end = mark.end()
        match mark.lastgroup:
            case "info":
                end, strong = _block(marks, mark), None
            case "ticks":
                end = _code(marks, mark, places[mark["ticks"]], places["\n"])
            case "stars":
                strong = _strong(marks, strong, mark)
            case "blank":
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


def _code(marks: _Marks, mark: re.Match[str], runs: list[int], blanks: list[int]) -> int:
    """Enclose a code span, if it is one; returns where it ends.

    `runs` are where there are as many backticks, `blanks` where a paragraph ends.
    """
    ticks, start = mark["ticks"], mark.end()
    found = bisect_left(runs, start)
    if len(ticks) > FENCE_CHARS or found == len(runs):
        return start
    closing = runs[found]
    if bisect_left(blanks, start) < bisect_left(blanks, closing):
        return start
    marks.enclose(start, closing, ticks, ticks)
    marks.keep_whole(closing, closing + len(ticks))
    return closing + len(ticks)


def _strong(marks: _Marks, strong: re.Match[str] | None, mark: re.Match[str]) -> re.Match[str] | None:
    """Enclose what began at `strong`, if that ends here; returns what has begun and not ended."""
    text, start, end = marks.text, *mark.span()
    if strong is None:
        return None if text[end : end + 1].isspace() else mark
    if text[start - 1].isspace():
        return strong
    marks.enclose(strong.end(), start, "**", "**", outer=True)
    return None


def _at_margin(said: str, start: int, item: re.Match[str] | None) -> str:
    """Items that go on without those that they are below begin at the margin, as `render` draws them.

    `item` begins the line in which `said` does, at `start`; None: that line is no item.
    """
    if item is None:
        return said
    margin = item.end("indent" if item.start() == start else 0) - item.start()
    items, gap, rest = said.partition("\n\n")
    return _INDENT.sub(lambda indent: indent[0][margin:], items) + gap + rest


_MARKED: dict[Form, Callable[[str], _Marks]] = {"plain": _Marks, "markdown": _markdown, "html": _html}
