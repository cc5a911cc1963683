"""Where in a reply a code stands: shown as code, alone on its line, or in a sentence."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from syncara.shortcodes.characters import DOUBLE_QUOTES, LETTER, QUESTION_MARKS, SINGLE_QUOTES
from syncara.shortcodes.mentions import is_label

FENCE_INDENT_MAX = 3
"""How many columns further in than what it belongs to a fence may stand."""
LIST_INDENT_MIN = 2
"""What belongs to a list's item stands at least so many columns in."""
TAB_COLUMNS = 4

_PARAGRAPH_END = re.compile(r"\n[ \t]*+(?:\r?\n|\Z|>|`{3}|~{3}|<!--|(?:[-*+•]|[0-9]{1,9}[.)])[ \t]|#{1,6}[ \t])")
_CERTAIN_END = re.compile(
    r"\n(?:[ \t]*+\r?(?:\n|\Z)| {0,3}(?:>|`{3,}+[^`\n]*+(?:\n|\Z)|~{3}|(?:[-*+]|0*1[.)])[ \t]++[^\s]|#{1,6}[ \t\r\n]))"
)
"""The end of a paragraph beyond doubt. Others, such as a line with another number, end it only to the eye."""
_LIST_ITEM = re.compile(r"^[ \t]*+(?:[-*+]|[0-9]{1,9}[.)])[ \t\r\n]", re.MULTILINE)
_THINKS = re.compile(r"\s*+<(think(?:ing)?)\s*+>", re.IGNORECASE)
_THOUGHT = re.compile(r"</(think(?:ing)?)\s*+>", re.IGNORECASE)
_THOUGHT_LINE = re.compile(r"^[ \t]*+</think(?:ing)?\s*+>[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
_TICKS = re.compile(r"`++")
_CLOSING_FENCE = re.compile(r"^([ \t]*+)(`{3,}+|~{3,}+)[ \t\r]*+$", re.MULTILINE)
_CLOSING_TAG = {tag: re.compile(rf"</{tag}\s*+>", re.IGNORECASE) for tag in ("pre", "code", "blockquote")}

_TAG = re.compile(r"</?(?:b|i|u|s|em|strong|br|p|li)\s*+/?>", re.IGNORECASE)
_WORD = re.compile(rf"{LETTER}|[{QUESTION_MARKS}]|~~|-->")
_MARKER = re.compile(
    r"(?:(?:[-*+•]|[0-9]++(?:\.[0-9]++)*+[.):]?|\([0-9]++\)|[A-Za-z][.)]|\[[ xX✓✔]\])(?![^\W_])"
    r"|[#*_\s]++|[0-9]\ufe0f?\u20e3|</?(?:b|i|u|s|em|strong|br|p|li)\s*+/?>)*+"
)
_BOLD = re.compile(r"[\s>]*(?:(?:[-+•]|[0-9]++[.)])\s)?\s*(?P<mark>\*\*|__)[^*_\n]+(?P=mark)\s*")
_NOT_BESIDE = re.compile(rf"{LETTER}|[{QUESTION_MARKS}{DOUBLE_QUOTES}{SINGLE_QUOTES}\"'«»()\[\]{{}}<`]|~~")


class Shown:
    """Finds the ends of what is shown as code. Blocks are asked for in the order of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._runs: dict[int, list[int]] | None = None
        self._paragraph = (0, 0)
        self._certain = (0, 0)
        self._quote: int | None = None
        """The end of the last quoted line, until the end of its paragraph is known."""
        self._quoted_until = 0
        self._first_item: int | None = None
        self.uneven: tuple[int, int] | None = None
        """The first fence whose end cannot be told from how its lines are indented."""

    def block(self, token: re.Match[str]) -> int:
        """The end of a quoted line, or of what a fence encloses: to the end of the text when nothing closes it."""
        text = self._text
        line_end = text.find("\n", token.end())
        if line_end < 0:
            return len(text)
        if token["fence"] is None:
            self._quote = line_end
            return line_end
        return self._fence(token, line_end + 1)

    def _fence(self, token: re.Match[str], inside: int) -> int:
        """The end of what a fence encloses.

        In a list's item the fence ends with the item. Whether it belongs to one is not looked up: where that matters,
        the fence is uneven.
        """
        text = self._text
        before = text[token.start() : token.start("fence")]
        column, marked = _columns(before), before.strip() != ""
        on_top = not marked and (
            column < LIST_INDENT_MIN or (column <= FENCE_INDENT_MAX and not self._has_item_before(token.start()))
        )
        furthest = FENCE_INDENT_MAX if on_top else column + FENCE_INDENT_MAX
        for closing in _CLOSING_FENCE.finditer(text, inside):
            if not closing[2].startswith(token["fence"]) or (indent := _columns(closing[1])) > furthest:
                continue
            beyond = not marked and indent > max(column, FENCE_INDENT_MAX)
            if self.uneven is None and not on_top and (beyond or _stands_out(text[inside : closing.end()], column)):
                self.uneven = token.span("fence")
            return closing.end()
        return len(text)

    def _has_item_before(self, pos: int) -> bool:
        if self._first_item is None:
            found = _LIST_ITEM.search(self._text)
            self._first_item = len(self._text) if found is None else found.start()
        return self._first_item < pos

    def is_below_quote(self, pos: int) -> bool:
        """Whether a place belongs to the line below the last quoted one, or to a paragraph that this one began."""
        text = self._text
        if self._quote is not None:
            line = self._quote + 1
            below = text.find("\n", line)
            below = len(text) if below < 0 else below
            end = self.certain_end(self._quote)
            self._quote, self._quoted_until = None, max(end, below) if text[line:below].strip() else end
        return pos < self._quoted_until

    def html(self, token: re.Match[str]) -> int:
        """The end of a comment, or of an element that shows or quotes: the end of the text when nothing closes it."""
        tag = token["tag"]
        if tag is None:
            end = self._text.find("-->", token.end())
            return len(self._text) if end < 0 else end + 3
        closing = _CLOSING_TAG[tag.lower()].search(self._text, token.end())
        return len(self._text) if closing is None else closing.end()

    def closing_ticks(self, pos: int, size: int) -> int | None:
        """Where the next run of exactly `size` backticks begins in the same paragraph."""
        if self._runs is None:
            self._runs = {}
            for run in _TICKS.finditer(self._text):
                self._runs.setdefault(run.end() - run.start(), []).append(run.start())
        starts = self._runs.get(size, [])
        place = bisect_left(starts, pos)
        found = place < len(starts) and starts[place] < self.paragraph_end(pos)
        return starts[place] if found else None

    def paragraph_end(self, pos: int) -> int:
        self._paragraph = self._reaching(_PARAGRAPH_END, pos, self._paragraph)
        return self._paragraph[1]

    def certain_end(self, pos: int) -> int:
        """Where the paragraph ends beyond doubt."""
        self._certain = self._reaching(_CERTAIN_END, pos, self._certain)
        return self._certain[1]

    def _reaching(self, ending: re.Pattern[str], pos: int, known: tuple[int, int]) -> tuple[int, int]:
        if known[0] <= pos < known[1]:
            return known
        found = ending.search(self._text, pos)
        return pos, len(self._text) if found is None else found.start()


def thinking(text: str) -> tuple[int, int | None]:
    """Start and end of the thinking that a reply begins with; without an end where it was cut off in it.

    Some models print no tag where it begins: it ends with a line that is nothing but the closing one.
    """
    begun = _THINKS.match(text)
    if begun is None:
        return 0, max((each.end() for each in _THOUGHT_LINE.finditer(text)), default=0)
    ends = [each.end() for each in _THOUGHT.finditer(text, begun.end()) if each[1].lower() == begun[1].lower()]
    return begun.start(1) - 1, ends[-1] if ends else None


def is_indented(text: str, start: int) -> bool:
    """Whether the line of a code is indented as a code block is, below a line that is not, and in no list."""
    above, _, indent = text[:start].rpartition("\n")
    if indent.strip() or _columns(indent) <= FENCE_INDENT_MAX or above.rpartition("\n")[2].strip():
        return False
    last = above.rstrip().rpartition("\n")[2]
    outside = last != "" and _columns(last[: len(last) - len(last.lstrip())]) <= FENCE_INDENT_MAX
    return outside and _LIST_ITEM.search(above) is None


class Place(NamedTuple):
    """How a code stands on its lines."""

    alone: bool
    """Codes alone fill them, after a bullet, number, emphasis or emoji."""
    ends_line: bool
    """No words follow it on its last line."""
    labelled: bool
    """It ends its line, and nothing but a label stands before it, and before the other codes of its line."""


ALONE = Place(alone=True, ends_line=True, labelled=True)


def places(text: str, spans: Sequence[tuple[int, int]], begin: int = 0) -> list[Place]:
    """The places of codes in what is said from `begin` on. `spans` are disjoint and in order."""
    found: list[Place] = []
    group: list[str] = []
    before = text[begin : spans[0][0]].rpartition("\n")[2] if spans else ""
    for place, (_, end) in enumerate(spans):
        after = text[end : spans[place + 1][0]] if place + 1 < len(spans) else text[end:]
        on_line, line_break, _ = after.partition("\n")
        group.append(on_line)
        if line_break or place + 1 == len(spans):
            found.extend(_on_a_line(before, group))
            before, group = after.rpartition("\n")[2], []
    return found


def _on_a_line(before: str, group: Sequence[str]) -> list[Place]:
    """The places of codes that share lines: what stands before the first, and behind each of them."""
    ends_line: list[bool] = []
    quiet = True
    for behind in reversed(group):
        quiet = quiet and _WORD.search(_TAG.sub("", behind)) is None
        ends_line.append(quiet)
    ends_line.reverse()
    if quiet and _NOT_BESIDE.search(_unmarked(before)) is None:
        return [ALONE] * len(group)
    labelled = any(ends_line) and _is_label(before + "".join(group[: ends_line.index(True)]))
    return [Place(alone=False, ends_line=ends, labelled=ends and labelled) for ends in ends_line]


def _is_label(before: str) -> bool:
    """Whether a line's beginning labels a code: of a table, the cell that it ends in. Bold words are like a heading."""
    unmarked = _unmarked(before)
    cell = _unmarked(unmarked.rpartition("|")[2]) if unmarked.startswith("|") else unmarked
    return _BOLD.fullmatch(before) is not None or is_label(_TAG.sub("", cell))


def _unmarked(before: str) -> str:
    """A line's beginning without bullet, number and emphasis."""
    marker = _MARKER.match(before)
    return before if marker is None else before[marker.end() :]


def _columns(indent: str) -> int:
    return len(indent.expandtabs(TAB_COLUMNS)) if indent else 0


def _stands_out(lines: str, column: int) -> bool:
    """Whether one of the lines begins further left than a column."""
    begun = ((line, line.lstrip()) for line in lines.split("\n"))
    return any(rest and _columns(line[: len(line) - len(rest)]) < column for line, rest in begun)
